"""From opening a chart of a 1,000,000-point metric to having its data: ours beside the peers'."""

from __future__ import annotations

import statistics

from . import peers, report
from .server import running
from .tiles import fill


def main() -> None:
    points = 100_000 if report.is_quick() else 1_000_000
    with running() as server:
        runs = fill(server, ["chart"], points)
        took = [server.tile(runs, ["metric_00"], pixels=1500)[0] for _ in range(20)]
        counted = server.tile_points(runs, ["metric_00"])
    ours = statistics.median(took)
    rows = [["**Isoline**", report.spread_ms(took), f"min and max of all {counted:,} points", ""]]
    for name, answer in peers.ask_all("chart", points=points):
        rows.append(
            [
                name,
                f"{answer['seconds'] * 1e3:,.0f} ms",
                answer["note"],
                report.ratio(answer["seconds"], ours),
            ]
            if answer.is_whole
            else [name, "–", answer.why, "–"]
        )
    report.table(f"A chart of {points:,} points", ["", "time", "what is in it", "ours is"], rows)


if __name__ == "__main__":
    main()
