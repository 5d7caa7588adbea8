"""Does an answer wait for a timer? The plain asyncio loop adds 44 ms to each (delayed ACK meets Nagle).

One client, one connection, small requests one after the other: a health check, an authenticated read, a
one-point batch. Nothing else runs; a median in the tens of milliseconds means the trap is back.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import uuid4

from . import report
from .load import Bodies, Connection, Shape
from .server import running

REQUESTS = 300


def main() -> None:
    with running() as server:
        run, stream = server.new_run("latency"), uuid4()
        connection = Connection(server.address, server.key)
        bodies = Bodies(Shape(1, 1), seed=1)

        def batch(number: int) -> int:
            path = f"/runs/{run}/streams/{stream}/batches/{number}"
            return connection.put(path, bodies.body(number))[0]

        kinds: list[tuple[str, Callable[[int], int]]] = [
            ("GET /healthz", lambda number: connection.get("/healthz")[0]),
            ("GET a run", lambda number: connection.get(f"/api/v1/runs/{run}")[0]),
            ("PUT a batch of one point", batch),
        ]
        rows = [[name, report.spread_ms(timed(act))] for name, act in kinds]
    report.table("Latency of one answer, idle server", ["request", "time"], rows)


def timed(act: Callable[[int], int]) -> list[float]:
    took = []
    for number in range(REQUESTS):
        begun = time.perf_counter()
        status = act(number)
        took.append(time.perf_counter() - begun)
        if status != 200:
            raise RuntimeError(f"answered {status}")
    return took[10:]


if __name__ == "__main__":
    main()
