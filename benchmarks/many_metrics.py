"""100,000 metrics × 100 steps in one run: how long until all is readable, and how long does a chart take?"""

from __future__ import annotations

import time
from uuid import uuid4

import msgpack
import numpy as np

from . import report
from .load import BASE_TIME_US, Connection
from .server import running

STEPS_A_BATCH = 5


def main() -> None:
    metrics = 10_000 if report.is_quick() else 100_000
    steps = 100
    names = [f"layer.{number // 100}/weight.{number % 100}/norm" for number in range(metrics)]
    values = np.random.default_rng(1).normal(size=(metrics, STEPS_A_BATCH)).astype("<f8")
    with running() as server:
        run, stream = server.new_run("wide"), uuid4()
        connection = Connection(server.address, server.key)
        acks = []
        begun = time.monotonic()
        for seq in range(steps // STEPS_A_BATCH):
            first = seq * STEPS_A_BATCH
            group = {
                "n": STEPS_A_BATCH,
                "row": [first, 1],
                "step": [first, 1],
                "time": [BASE_TIME_US + first, 1],
                "blocks": [{"kind": "f64", "names": names, "values": values.tobytes()}],
            }
            body = msgpack.packb({"v": 1, "groups": [group]})
            asked = time.perf_counter()
            status, answer = connection.put(f"/runs/{run}/streams/{stream}/batches/{seq}", body)
            acks.append(time.perf_counter() - asked)
            if status != 200:
                raise RuntimeError(f"answered {status}: {answer[:300]!r}")
        acked_s = time.monotonic() - begun
        server.wait_folded()
        folded_s = time.monotonic() - begun
        picked = names[:: metrics // 50]
        charts = [server.tile([run], [name], pixels=1000)[0] for name in picked]
        listed = time.perf_counter()
        server.json("GET", f"/runs/{run}/metrics?limit=1000")
        listed_s = time.perf_counter() - listed
        stored = server.folded_points()
        exact = all(server.tile_points([run], [name]) == steps for name in picked)
    rows = [
        [
            "acknowledged after",
            f"{acked_s:.1f} s ({report.spread_ms(acks)} a batch of {metrics * STEPS_A_BATCH:,})",
        ],
        ["folded after", f"{folded_s:.1f} s"],
        ["a chart of one metric", report.spread_ms(charts)],
        ["the first 1,000 metrics with their facts", f"{listed_s:.1f} s"],
        ["counted exactly", "yes" if stored == metrics * steps and exact else f"**no**: {stored:,}"],
    ]
    report.table(f"{metrics:,} metrics × {steps} steps in one run", ["", "measured"], rows)


if __name__ == "__main__":
    main()
