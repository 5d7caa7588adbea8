"""Does it keep up with 1,000 runs × 10 metrics × 1 point a second, and what does that cost on disk?

Every run sends what it has logged as one batch every two seconds (`--every`), spread evenly over time, from
four sender processes. Fold lag is sampled: the age of the oldest batch that is still in the inbox.
"""

from __future__ import annotations

import argparse
import multiprocessing
import statistics
import threading
import time
from dataclasses import dataclass
from uuid import uuid4

from . import report
from .load import Bodies, Connection, Shape
from .server import Isoline, running

METRICS = 10
SENDERS = 4


@dataclass(frozen=True)
class Fleet:
    """The runs of one sender process."""

    address: tuple[str, int]
    key: str
    runs: list[str]
    every_s: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100 if report.is_quick() else 1_000)
    parser.add_argument("--seconds", type=float, default=20 if report.is_quick() else 120)
    parser.add_argument("--every", type=int, default=2)
    asked = parser.parse_args()
    with running() as server:
        runs = [server.new_run(f"fleet-{number}") for number in range(asked.runs)]
        fleets = [
            Fleet(server.address, server.key, runs[number::SENDERS], asked.every, asked.seconds)
            for number in range(SENDERS)
        ]
        before, wal = sum(server.table_bytes().values()), server.wal_bytes()
        lags: list[float] = []
        sizes: list[int] = []
        is_over = threading.Event()
        watcher = threading.Thread(target=watch, args=(server, lags, sizes, is_over))
        watcher.start()
        with multiprocessing.get_context("fork").Pool(SENDERS) as pool:
            answers = pool.map(send, fleets, chunksize=1)
        is_over.set()
        watcher.join()
        wal = server.wal_bytes() - wal
        lag_s = server.wait_folded()
        sample = runs[:: max(1, len(runs) // 50)]
        stored = {run: server.stored_points(run) for run in sample}
        folded = server.folded_points()
        grown = sum(server.table_bytes().values()) - before
    sent = {run: count for answer in answers for run, count in answer[0].items()}
    points = sum(sent.values())
    is_exact = folded == points and all(stored[run] == sent[run] for run in sample)
    acks = [took for answer in answers for took in answer[1]]
    late = max(answer[2] for answer in answers)
    half = len(sizes) // 2
    rows = [
        ["accepted", f"{points:,} points in {len(acks):,} batches, {report.rate(len(acks), asked.seconds)}"],
        ["asked for", f"{asked.runs * METRICS * asked.seconds:,.0f} points"],
        ["senders behind their clock, worst", f"{late:.1f} s"],
        ["ack", report.spread_ms(acks)],
        [
            "fold lag (oldest batch in the inbox)",
            f"p50 {statistics.median(lags):.1f} s, p95 {report.percentile(lags, 95):.1f} s",
        ],
        ["all folded after", f"{lag_s:.1f} s"],
        ["WAL per point", f"{wal / points:.0f} bytes"],
        ["tables and indexes per point", f"{grown / points:.1f} bytes"],
        [
            "size of the inbox, first and second half",
            f"{max(sizes[:half], default=0) / 2**20:.0f} and {max(sizes[half:], default=0) / 2**20:.0f} MiB",
        ],
        ["counted exactly", "yes" if is_exact else f"**no**: {folded:,}"],
    ]
    title = f"{asked.runs:,} runs × {METRICS} metrics × 1 point/s for {asked.seconds:.0f} s"
    report.table(title, ["", "measured"], rows)


def send(fleet: Fleet) -> tuple[dict[str, int], list[float], float]:
    """Feed some runs for a while; return points per run, acks, and how far it fell behind."""
    connection = Connection(fleet.address, fleet.key)
    shape = Shape(rows=fleet.every_s, metrics=METRICS)
    bodies = Bodies(shape, seed=1, variants=32)
    streams = {run: uuid4() for run in fleet.runs}
    points = dict.fromkeys(fleet.runs, 0)
    acks: list[float] = []
    worst_s, begun = 0.0, time.monotonic()
    for turn in range(int(fleet.seconds / fleet.every_s)):
        for place, run in enumerate(fleet.runs):
            due = begun + fleet.every_s * (turn + place / len(fleet.runs))
            if (wait_s := due - time.monotonic()) > 0:
                time.sleep(wait_s)
            worst_s = max(worst_s, time.monotonic() - due)
            asked = time.perf_counter()
            status, answer = connection.put(
                f"/runs/{run}/streams/{streams[run]}/batches/{turn}", bodies.body(turn)
            )
            acks.append(time.perf_counter() - asked)
            if status != 200:
                raise RuntimeError(f"answered {status}: {answer[:300]!r}")
            points[run] += shape.points
    return points, acks, worst_s


def watch(server: Isoline, lags: list[float], sizes: list[int], is_over: threading.Event) -> None:
    with server.up.database() as connection:
        while not is_over.wait(0.5):
            row = connection.execute(
                "SELECT coalesce(extract(epoch FROM now() - min(received_at)), 0)::float,"
                " pg_total_relation_size('metrics_batch') FROM metrics_batch"
            ).fetchone()
            assert row is not None
            lags.append(row[0])
            sizes.append(row[1])


if __name__ == "__main__":
    main()
