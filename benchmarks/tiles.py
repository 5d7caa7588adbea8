"""How long does a tile take? One metric of 1 M and of 100 M points, and 100 runs of 1 M points each.

Over HTTP, binary, to 1,500 pixels, whole range and a stretch of 1 % somewhere: a chart and its zoom.
"""

from __future__ import annotations

import random
from typing import Any

from . import load, report
from .load import Shape, Writing
from .server import Isoline, running

TIMES = 30


def main() -> None:
    quick = report.is_quick()
    million, large, many = (100_000, 1_000_000, 10) if quick else (1_000_000, 100_000_000, 100)
    with running() as server:
        rows = []
        small = fill(server, ["tile-small"], million)
        rows += measure(server, f"1 run × {million:,} points", small, million)
        crowd = small + fill(server, [f"tile-crowd-{number}" for number in range(many - 1)], million)
        rows += measure(server, f"{many} runs × {million:,} points", crowd, million, times=8)
        rows += measure(server, f"1 run × {large:,} points", fill(server, ["tile-large"], large), large)
    header = ["", "range", "over HTTP", "size", "points in it"]
    report.table("A tile of 1,500 pixels", header, rows)


def fill(server: Isoline, names: list[str], points: int) -> list[str]:
    """Make runs with one metric each, compacted as far as compaction goes by itself."""
    shape = Shape(rows=min(points, 50_000), metrics=1)
    runs = [server.new_run(name) for name in names]
    for some in load.chunks(runs, 4):
        load.in_processes(
            [
                Writing(server.address, server.key, run, shape, seed=n, batches=points // shape.rows)
                for n, run in enumerate(some)
            ]
        )
    server.wait_folded()
    return runs


def measure(
    server: Isoline, name: str, runs: list[str], points: int, *, times: int = TIMES
) -> list[list[object]]:
    """Time the whole range and zooms, the first answer of each left out."""
    draw = random.Random(1)
    rows: list[list[object]] = []
    for what in ("all", "1 %"):
        took, size = [], 0
        for _ in range(times + 1):
            bounds: dict[str, Any] = {}
            if what != "all":
                first = draw.randrange(points - points // 100)
                bounds = {"x_min": first, "x_max": first + points // 100}
            asked_s, body = server.tile(runs, ["metric_00"], **bounds)
            took.append(asked_s)
            size = len(body)
        counted = server.tile_points(runs, ["metric_00"]) if what == "all" else 0
        exact = "" if what != "all" else ("all" if counted == points * len(runs) else f"**{counted:,}**")
        rows.append(
            [
                name,
                what,
                report.spread_ms(took[1:]),
                f"{size / 1024:.0f} KiB",
                exact,
            ]
        )
    return rows


if __name__ == "__main__":
    main()
