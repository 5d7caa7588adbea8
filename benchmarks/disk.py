"""How many bytes does a point take? Ten metrics on one axis, tables and indexes and TOAST included."""

from __future__ import annotations

from . import load, peers, report
from .load import Shape, Writing
from .server import Isoline, running


def main() -> None:
    points = 2_000_000 if report.is_quick() else 20_000_000
    rows: list[list[object]] = []
    for name, single in (("noisy float64", False), ("was a float32", True)):
        with running() as server:
            rows.append([f"**Isoline**, {name}", *measure(server, points, single=single)])
    for name, answer in peers.ask_all("disk", writers=4, seconds=10):
        rows.append(
            [name, f"{answer['stored']:,}", f"{answer['bytes'] / answer['stored']:.1f}", "–"]
            if answer.is_whole
            else [name, "–", answer.why, "–"]
        )
    header = ["", "points", "bytes a point", "of which in segments"]
    report.table("Disk", header, rows)


def measure(server: Isoline, points: int, *, single: bool) -> list[object]:
    before = server.table_bytes()
    shape = Shape(rows=1_000, metrics=10, single=single)
    runs = [server.new_run(f"disk-{number}") for number in range(4)]
    batches = points // 4 // shape.points
    load.in_processes(
        [
            Writing(server.address, server.key, run, shape, seed=number, batches=batches)
            for number, run in enumerate(runs)
        ]
    )
    server.wait_folded()
    # What is free inside the tables would be used again; a vacuum gives back only what lies at their ends.
    with server.up.database() as connection:
        for table in before:
            if table.startswith("metrics_"):
                connection.execute(f"VACUUM (TRUNCATE) {table}")
    after = server.table_bytes()
    grown = {table: size - before.get(table, 0) for table, size in after.items()}
    stored = sum(server.stored_points(run) for run in runs)
    return [
        f"{stored:,}",
        f"{sum(grown.values()) / stored:.2f}",
        f"{grown.get('metrics_segment', 0) / stored:.2f}",
    ]


if __name__ == "__main__":
    main()
