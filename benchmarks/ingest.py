"""How many points a second are acknowledged as durable, and how fast does folding follow?

Eight writers with a run each send batches of 10,000 points (10 metrics × 1,000 rows) over HTTP, the next
when the last is acknowledged. Every point is counted afterwards; peers do the same work in their own way.
"""

from __future__ import annotations

import argparse

from . import load, peers, report
from .load import Shape, Writing
from .server import Isoline, running

WRITERS = 8
SHAPE = Shape(rows=1_000, metrics=10)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5 if report.is_quick() else 20)
    parser.add_argument("--no-peers", action="store_true")
    asked = parser.parse_args()
    with running() as server:
        write_all(server, 2.0)  # connections, caches, WAL segments
        server.wait_folded()
        row, ours = measure(server, asked.seconds)
    rows = [row]
    for name, answer in (
        [] if asked.no_peers else peers.ask_all("ingest", writers=WRITERS, seconds=asked.seconds)
    ):
        rows.append(peer_row(name, answer, ours))
    header = ["", "points", "acknowledged", "readable / folded", "ack", "counted exactly", "ours is"]
    report.table("Ingest, 8 writers, batches of 10,000 points", header, rows)


def write_all(server: Isoline, seconds: float) -> tuple[list[str], load.Sent]:
    runs = [server.new_run(f"ingest-{seconds}-{n}") for n in range(WRITERS)]
    orders = [
        Writing(server.address, server.key, run, SHAPE, seed=n, seconds=seconds) for n, run in enumerate(runs)
    ]
    return runs, load.together(load.in_processes(orders))


def measure(server: Isoline, seconds: float) -> tuple[list[object], float]:
    """Return our row, and points a second until acknowledged."""
    runs, sent = write_all(server, seconds)
    lag_s = server.wait_folded()
    stored = sum(server.stored_points(run) for run in runs)
    row: list[object] = [
        "**Isoline**",
        f"{sent.points:,}",
        report.rate(sent.points, sent.seconds),
        f"all folded {lag_s:.1f} s after the last, {report.rate(sent.points, sent.seconds + lag_s)}",
        report.spread_ms(sent.ack_s),
        "yes" if stored == sent.points else f"**no**: {stored:,}",
        "",
    ]
    return row, sent.points / sent.seconds


def peer_row(name: str, answer: peers.Answer, ours: float) -> list[object]:
    if not answer.is_whole:
        return [name, "–", answer.why, "–", "–", "–", "–"]
    points, stored = answer["points"], answer["stored"]
    readable = report.rate(stored, answer["readable_s"])
    exact = "yes" if stored == points else f"no: {stored:,} ({stored / points:.1%})"
    return [
        name,
        f"{points:,}",
        report.rate(points, answer["seconds"]),
        readable,
        answer.get("note", "–"),
        exact,
        report.ratio(ours, stored / answer["readable_s"]),
    ]


if __name__ == "__main__":
    main()
