"""FAIL-1: Celery workers die by SIGKILL in the middle of a fold, of a compaction, between two commits."""

from __future__ import annotations

import threading
import time

from . import oracle
from .conftest import Start
from .up import wait_until
from .workload import Client, Training


def test_fail_1_worker_killed_in_mid_fold(start_on_either: Start) -> None:
    """The fold has read and computed and is about to write: all of it is undone, and done again."""
    training = start_on_either()
    up = training.up
    with up.held("LOCK TABLE metrics_segment IN SHARE MODE"):
        training.log_and_drain(5)
        up.wait_blocked("metrics_segment")
        oracle.check(training)
        up.kill("worker")
        oracle.check(training)
    oracle.settle(training)


def test_fail_1_worker_killed_in_mid_compaction(start_on_either: Start) -> None:
    training = start_on_either(writers=1, rows=5_000)
    up = training.up
    for folds in range(1, 4):
        training.log_and_drain(1)
        _wait_folded(training, folds)
    with up.database(up.metrics_database) as connection:
        # The next fold is the one after which the compactor has a look at the run.
        connection.execute("UPDATE metrics_head SET folds = 15 WHERE run = %s", [_number(training)])
    with up.held("SELECT FROM metrics_segment WHERE run = %s FOR UPDATE", _number(training)):
        training.log_and_drain(1)
        up.wait_blocked("DELETE FROM metrics_segment")
        oracle.check(training)
        up.kill("worker")
    oracle.check(training)
    with up.database(up.metrics_database) as connection:
        connection.execute("UPDATE metrics_head SET folds = 15 WHERE run = %s", [_number(training)])
    training.log_and_drain(1)
    wait_until(lambda: _levels(training) - {1}, within_s=30, what="the compaction")
    oracle.settle(training)


def test_fail_1_killed_between_the_consumers_commits(start_on_either: Start) -> None:
    """Records are applied and committed; the engine has not been told: they are read again, and skipped."""
    training = start_on_either(writers=1)
    up, writer, number = training.up, training.writers[0], _number(training)
    training.log_and_drain(2)
    with up.held("SELECT FROM metrics_stream WHERE false") as stream_lock:
        with up.held("SELECT FROM tracking_run WHERE id = %s FOR UPDATE", number, database="isoline"):
            writer.log()
            sending = threading.Thread(target=writer.drain)
            sending.start()
            up.wait_blocked("tracking_run")
            stream_lock.execute("SELECT FROM metrics_stream WHERE run = %s FOR UPDATE", [number])
        backends = up.wait_blocked("SET records_seq")
        up.kill("web")
        up.kill("worker")
        up.terminate(backends)
        told, reached = _records_seq(training)
        assert (told, reached) == (2, 3)
    sending.join()
    oracle.check(training)
    oracle.settle(training)


def test_fail_1_worker_killed_under_load(start_on_either: Start) -> None:
    training = start_on_either(writers=3)
    with training.at_work():
        for _ in range(3):
            training.up.wait_ready()
            _wait_folded(training, _folds(training) + 1)
            training.up.kill("worker")
    oracle.check(training)
    oracle.settle(training)


def test_inv_3_counts_never_fall_beside_folds(start: Start) -> None:
    """A reader loop beside writers and folds: what was acknowledged before the question is in the answer."""
    training = start(writers=2)
    client = Client(training.up, training.key)
    training.log_and_drain(1)
    seen, reads = 0, 0
    with training.at_work():
        deadline = time.monotonic() + 6
        while time.monotonic() < deadline:
            promised = 40 * len(training.journal.acked)
            counted = oracle.tile_points(client, training.run)
            assert counted >= max(promised, seen), (counted, promised, seen)
            rows = len(oracle.rows(client, training.run)) if reads % 5 == 0 else counted
            assert rows >= promised
            seen, reads = counted, reads + 1
    assert reads > 20
    oracle.settle(training)


def _number(training: Training) -> int:
    """The run's number inside the engine."""
    with training.up.database() as connection:
        row = connection.execute(
            "SELECT id FROM tracking_run WHERE public_id = %s", [training.run]
        ).fetchone()
    assert row is not None
    return int(row[0])


def _wait_folded(training: Training, times: int) -> None:
    wait_until(lambda: _folds(training) >= times, within_s=180, what="a fold")


def _folds(training: Training) -> int:
    with training.up.database(training.up.metrics_database) as connection:
        row = connection.execute(
            "SELECT folds FROM metrics_head WHERE run = %s", [_number(training)]
        ).fetchone()
    return int(row[0]) if row else 0


def _levels(training: Training) -> set[int]:
    with training.up.database(training.up.metrics_database) as connection:
        rows = connection.execute(
            "SELECT DISTINCT level FROM metrics_segment WHERE run = %s", [_number(training)]
        ).fetchall()
    return {level for (level,) in rows}


def _records_seq(training: Training) -> tuple[int, int]:
    """What the engine was told of the records, and how far they are applied."""
    with training.up.database(training.up.metrics_database) as connection:
        told = connection.execute(
            "SELECT records_seq FROM metrics_stream WHERE run = %s", [_number(training)]
        ).fetchone()
    with training.up.database() as connection:
        reached = connection.execute(
            "SELECT next_seq FROM tracking_recordcursor WHERE run_id = %s", [_number(training)]
        ).fetchone()
    assert told is not None
    assert reached is not None
    return int(told[0]), int(reached[0])
