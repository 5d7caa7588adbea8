"""The metric engine alone, in one process, on a PostgreSQL of its own with fsync on: `python -m benchmarks.engine`.

Each question prints a line: what was measured, and the target of the issue that set it. Give words to
choose among them: `python -m benchmarks.engine append tiles`.
"""

from __future__ import annotations

import os
import secrets
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np

STREAM = UUID(int=1)
START_US = 1_700_000_000_000_000


@contextmanager
def engine() -> Iterator[None]:
    """A new PostgreSQL with production settings, migrated, and Django set up to use it. No Redis: hints fail fast."""
    from apps.operations.engines import postgres_answers, postgres_command, prepare_database, prepare_folder
    from apps.operations.layout import OWNER_ROLE, Layout

    home = Path(tempfile.mkdtemp(prefix="isoline-bench-"))
    layout = Layout(home)
    prepare_folder(layout)
    with (home / "postgres.log").open("wb") as log:
        process = postgres_command(layout).start(output=log.fileno())
        try:
            while not postgres_answers(layout):
                time.sleep(0.05)
            prepare_database(layout)
            os.environ |= {
                "ISOLINE_HOME": str(home),
                "SECRET_KEY": secrets.token_hex(32),
                "LOG_LEVEL": "error",
            }
            os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
            import django

            django.setup()
            from django.core.management import call_command
            from django.db import connection

            application_role = connection.settings_dict["USER"]
            connection.settings_dict["USER"] = OWNER_ROLE
            call_command("migrate", "metrics", verbosity=0)
            connection.close()
            connection.settings_dict["USER"] = application_role
            _disconnect_listeners()
            yield
            connection.close()
        finally:
            process.terminate()
            process.wait()
            shutil.rmtree(home, ignore_errors=True)


def _disconnect_listeners() -> None:
    """The engine alone: nobody listens."""
    from apps.metrics import signals

    for signal in (signals.batch_appended, signals.records_pending, signals.run_folded):
        signal.receivers = []
        signal.sender_receivers_cache.clear()


def say(question: str, answer: str, target: str = "") -> None:
    print(f"{question:<58} {answer:<34} {target}", flush=True)


def batch(columns: np.ndarray[Any, Any], first_row: int, *, first_name: int = 0) -> Any:
    """A batch of k float64 columns on n rows, a millisecond and a little noise apart, decoded as from a client."""
    from apps.metrics.groups import Axis, Columns, Group
    from apps.metrics.wire import MSGPACK, decode, encode

    k, n = columns.shape
    rows = np.arange(first_row, first_row + n, dtype=np.int64)
    times = START_US + rows * 1_000 + np.random.default_rng(first_row).integers(0, 50, n)
    group = Group(
        Axis(rows, times, np.zeros(n, np.int32), rows),
        (Columns("f64", np.arange(k, dtype=np.int32), columns),),
    )
    names = [f"train/metric_{first_name + number}" for number in range(k)]
    return decode(encode([group], names), content_type=MSGPACK, content_encoding="", arrival_us=0)


def timed(work: Callable[[], Any], times: int = 20) -> str:
    """Say how long work takes, and how much processor time of both processes that is."""
    work()
    taken = []
    before = cpu_s()
    for _ in range(times):
        start = time.perf_counter()
        work()
        taken.append((time.perf_counter() - start) * 1000)
    used = (cpu_s() - before) / times * 1000
    return f"p50 {statistics.median(taken):.1f} ms, cpu {used:.1f} ms"


def sql(query: str) -> Any:
    from apps.metrics.session import autocommitted

    found = autocommitted().row(query)
    return found[0] if found else None


def cpu_s() -> float:
    """Return the processor time that this process and its PostgreSQL backend have used: what load cannot blur."""
    import psutil

    times = psutil.Process(int(sql("SELECT pg_backend_pid()"))).cpu_times()
    return time.process_time() + float(times.user + times.system)


def wal_bytes() -> int:
    return int(sql("SELECT pg_current_wal_lsn() - '0/0'::pg_lsn"))


def bytes_on_disk() -> int:
    """Of all that a run keeps once it is folded: tables, indexes, TOAST."""
    tables = ("segment", "envelope", "facts", "metric", "head", "stream", "cursor", "receipt")
    return int(sql("SELECT " + "+".join(f"pg_total_relation_size('metrics_{table}')" for table in tables)))


def empty() -> None:
    from django.db import connection

    from apps.operations.layout import OWNER_ROLE

    with connection.cursor() as cursor:
        cursor.execute("SELECT string_agg(tablename, ',') FROM pg_tables WHERE tablename LIKE 'metrics\\_%%'")
        (tables,) = cursor.fetchone()
    role = connection.settings_dict["USER"]
    connection.close()
    connection.settings_dict["USER"] = OWNER_ROLE
    with connection.cursor() as cursor:
        cursor.execute(f"TRUNCATE {tables}")
    connection.close()
    connection.settings_dict["USER"] = role


def fill(
    run: int, rows: int, metrics: int, *, values: Callable[[Any, tuple[int, int]], Any] | None = None
) -> None:
    """Append and fold and compact a run of so many rows."""
    from apps.metrics import inbox
    from apps.metrics.compact import compact
    from apps.metrics.fold import fold

    rng = np.random.default_rng(run)
    waiting = 0
    per_batch = min(rows, 100_000, 500_000 // metrics)
    for seq, first in enumerate(range(0, rows, per_batch)):
        shape = (metrics, min(per_batch, rows - first))
        columns = rng.normal(size=shape) if values is None else values(rng, shape)
        inbox.append(run, STREAM, seq, batch(columns, first))
        waiting += columns.size
        if waiting >= 500_000:
            fold(run)
            waiting = 0
        if seq % 64 == 63:
            compact(run)
    fold(run)
    compact(run)


# The questions


def append() -> None:
    from apps.metrics import inbox
    from apps.metrics.fold import fold

    made = [batch(np.random.default_rng(seq).normal(size=(10, 1000)), seq * 1000) for seq in range(300)]
    start = time.perf_counter()
    for seq, each in enumerate(made):
        inbox.append(1, STREAM, seq, each)
    taken = time.perf_counter() - start
    say(
        "append, 10,000 points a batch, one writer",
        f"{300 / taken:.0f} batches/s, {3 / taken:.2f} M points/s",
        "≥ 2 M",
    )
    before = wal_bytes()
    start = time.perf_counter()
    fold(1)
    taken = time.perf_counter() - start
    say("fold of these", f"{3 / taken:.2f} M points/s", "≥ 2 M")
    say("WAL of this fold", f"{(wal_bytes() - before) / 3e6:.1f} bytes/point")
    one = [batch(np.array([[0.5]]), seq) for seq in range(1000)]
    start = time.perf_counter()
    for seq, each in enumerate(one):
        inbox.append(2, STREAM, seq, each)
    say(
        "append, one point a batch, one writer",
        f"{1000 / (time.perf_counter() - start):.0f} batches/s",
        "≥ 500",
    )


def small() -> None:
    """1,000 runs of ten metrics, one row a second each."""
    from apps.metrics import inbox
    from apps.metrics.compact import compact_many
    from apps.metrics.fold import COMPACT_EVERY, fold_many

    rng = np.random.default_rng(1)
    runs = range(1, 1001)
    folding = compacting = appending = 0.0
    seconds = 18
    before = wal_bytes()
    for second in range(seconds):
        made = batch(rng.normal(size=(10, 1)), second)
        start = cpu_s()
        for run in runs:
            inbox.append(run, STREAM, second, made)
        appending += cpu_s() - start
        start = cpu_s()
        for first in range(0, 1000, 200):
            due = fold_many(runs[first : first + 200]).due
            assert bool(due) == (second % COMPACT_EVERY == COMPACT_EVERY - 1)
        folding += cpu_s() - start
        if due:
            start = cpu_s()
            compact_many(list(runs))
            compacting += cpu_s() - start
    say("1,000 runs × 10 metrics × 1 row: append", f"{appending / seconds:.3f} s of a core each second")
    say("… fold", f"{folding / seconds:.3f} s of a core each second", "≤ 0.5")
    say("… compact", f"{compacting / seconds:.3f} s of a core each second")
    say("… WAL in all", f"{(wal_bytes() - before) / seconds / 10_000:.0f} bytes/point")
    size = sql(
        "SELECT sum(pg_total_relation_size(oid)) FROM pg_class WHERE relname LIKE 'metrics\\_%' AND relkind = 'r'"
    )
    say("… tables after it", f"{int(size) / 1e6:.0f} MB")


def disk() -> None:
    for name, values in (
        ("noisy float64", lambda rng, shape: rng.normal(size=shape)),
        ("float32", lambda rng, shape: rng.normal(size=shape).astype(np.float32).astype(np.float64)),
    ):
        empty()
        before = wal_bytes()
        fill(1, 1_000_000, 10, values=values)
        wal = (wal_bytes() - before) / 1e7
        target = "≤ 8" if name == "noisy float64" else "≤ 4.5"
        say(f"disk, 10 metrics × 1 M rows, {name}", f"{bytes_on_disk() / 1e7:.2f} bytes/point", target)
        say("… WAL in all, of batches, folds and compactions", f"{wal:.1f} bytes/point")


def tiles() -> None:
    from apps.metrics import latest
    from apps.metrics import tiles as reads

    empty()
    fill(1, 1_000_000, 1)

    def one() -> None:
        found = reads.tiles([1], ["train/metric_0"], pixels=1500)
        assert found.series[0].marks.count.sum() == 1_000_000

    say(
        "tile, 1 metric × 1 M points → 1,500 px",
        timed(one),
        "≤ 25 ms",
    )
    by_time = timed(lambda: reads.tiles([1], ["train/metric_0"], x="time", pixels=1500))
    say("… over time", by_time, "≤ 25 ms")
    zoomed = timed(lambda: reads.tiles([1], ["train/metric_0"], x_min=500_000, x_max=505_000, pixels=1500))
    say("… zoomed to 5,000 points", zoomed)
    say("latest of one run", timed(lambda: latest.latest([1])))
    for run in range(2, 101):
        fill(run, 1_000_000, 1)

    def hundred() -> None:
        found = reads.tiles(range(1, 101), ["train/metric_0"], pixels=1500)
        assert sum(each.marks.count.sum() for each in found.series) == 100_000_000

    say("tile, 100 runs × 1 M points", timed(hundred, 5), "≤ 1,000 ms")


def long() -> None:
    from apps.metrics import tiles as reads

    empty()
    start = time.perf_counter()
    fill(1, 100_000_000, 1)
    say(
        "append, fold, compact 100 M points of one metric",
        f"{100 / (time.perf_counter() - start):.2f} M points/s",
    )

    def one() -> None:
        found = reads.tiles([1], ["train/metric_0"], pixels=1500)
        assert found.series[0].marks.count.sum() == 100_000_000

    say("tile, 100 M points → 1,500 px", timed(one), "≤ 60 ms")
    zoomed = timed(lambda: reads.tiles([1], ["train/metric_0"], x_min=5e7, x_max=5.1e7, pixels=1500))
    say("… zoomed to 1 M", zoomed)


def wide() -> None:
    from apps.metrics import inbox
    from apps.metrics import tiles as reads
    from apps.metrics.compact import compact
    from apps.metrics.fold import fold

    empty()
    rng = np.random.default_rng(1)
    made = [batch(rng.normal(size=(100_000, 1)), row) for row in range(100)]
    start = time.perf_counter()
    for seq, each in enumerate(made):
        inbox.append(1, STREAM, seq, each)
    appended = time.perf_counter() - start
    start = time.perf_counter()
    fold(1)
    say("100,000 metrics × 100 steps: append", f"{appended:.1f} s")
    say("… fold in the largest slices", f"{time.perf_counter() - start:.1f} s", "≤ 60 s in all")
    chart = timed(lambda: reads.tiles([1], ["train/metric_77777"], pixels=1500))
    say("… a chart of it", chart, "≤ 50 ms")
    empty()
    start = time.perf_counter()
    for seq, each in enumerate(made):
        inbox.append(1, STREAM, seq, each)
        fold(1)
        if seq % 16 == 15:
            compact(1)
    say("… append, fold at each step, compact", f"{time.perf_counter() - start:.1f} s", "≤ 60 s in all")
    chart = timed(lambda: reads.tiles([1], ["train/metric_77777"], pixels=1500))
    say("… a chart of it", chart, "≤ 50 ms")


QUESTIONS = {"append": append, "small": small, "disk": disk, "tiles": tiles, "wide": wide, "long": long}


def main() -> None:
    chosen = sys.argv[1:] or list(QUESTIONS)
    with engine():
        for name in chosen:
            empty()
            QUESTIONS[name]()


if __name__ == "__main__":
    main()
