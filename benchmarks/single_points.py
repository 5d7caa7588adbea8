"""How many requests of a single point does it take? Eight clients, a run each, for 20 s."""

from __future__ import annotations

from . import load, report
from .load import Shape, Writing
from .server import running

CLIENTS = 8


def main() -> None:
    seconds = 5.0 if report.is_quick() else 20.0
    with running() as server:
        runs = [server.new_run(f"single-{number}") for number in range(CLIENTS)]
        orders = [
            Writing(server.address, server.key, run, Shape(1, 1), seed=number, seconds=seconds)
            for number, run in enumerate(runs)
        ]
        sent = load.together(load.in_processes(orders))
        lag_s = server.wait_folded()
        stored = sum(server.stored_points(run) for run in runs)
    row = [
        f"{sent.batches / sent.seconds:.0f}/s",
        report.spread_ms(sent.ack_s),
        sent.refused,
        f"{lag_s:.1f} s",
        "yes" if stored == sent.points else f"**no**: {stored:,} of {sent.points:,}",
    ]
    header = ["requests", "ack", "429 or 5xx", "folded after", "counted exactly"]
    report.table("One point per request, 8 clients", header, [row])


if __name__ == "__main__":
    main()
