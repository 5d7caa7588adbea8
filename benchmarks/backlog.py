"""After a burst at full rate: how long until all is folded, and are tiles exact and quick meanwhile?"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from . import load, report
from .ingest import SHAPE, WRITERS
from .load import Writing
from .server import Isoline, running


def main() -> None:
    seconds = 10.0 if report.is_quick() else 60.0
    with running() as server:
        runs = [server.new_run(f"burst-{number}") for number in range(WRITERS)]
        orders = [
            Writing(server.address, server.key, run, SHAPE, seed=number, seconds=seconds)
            for number, run in enumerate(runs)
        ]
        answers: list[load.Sent] = []
        writing = threading.Thread(target=lambda: answers.extend(load.in_processes(orders)))
        writing.start()
        during = probe(server, runs[0], until=lambda: not writing.is_alive())
        writing.join()
        sent, pending = load.together(answers), server.pending()
        begun = time.monotonic()
        after, wrong = [], 0
        while server.pending():
            for number, run in enumerate(runs):
                took_s, _ = server.tile([run], ["metric_00"], pixels=1000)
                after.append(took_s)
                expected = answers[number].points // SHAPE.metrics
                wrong += server.tile_points([run], ["metric_00"]) != expected
        folded_s = time.monotonic() - begun
        stored = sum(server.stored_points(run) for run in runs)
    rows = [
        ["accepted", f"{sent.points:,} points, {report.rate(sent.points, sent.seconds)}"],
        ["in the inbox at the end of the burst", f"{pending:,} of {sent.batches:,} batches"],
        ["all folded after", f"{folded_s:.1f} s"],
        ["tiles of 1,000 pixels during the burst", report.spread_ms(during)],
        ["tiles while the backlog is folded", report.spread_ms(after)],
        ["tiles that were not exact then", f"{wrong} of {len(after)}"],
        ["counted exactly at the end", "yes" if stored == sent.points else f"**no**: {stored:,}"],
    ]
    report.table(f"Backlog of a {seconds:.0f} s burst", ["", "measured"], rows)


def probe(server: Isoline, run: str, *, until: Callable[[], bool]) -> list[float]:
    """Ask for a tile now and then while others write."""
    took = []
    while not until():
        time.sleep(0.5)
        try:
            took.append(server.tile([run], ["metric_00"], pixels=1000)[0])
        except RuntimeError:
            continue  # nothing has been written yet
    return took


if __name__ == "__main__":
    main()
