"""FAIL-1: web processes die by SIGKILL, before and after a commit, and at any moment under load."""

from __future__ import annotations

import signal
import threading

from . import oracle
from .conftest import Start
from .up import wait_until
from .workload import Training, Writer

STREAM_ROW = "SELECT FROM metrics_stream WHERE key = %s FOR UPDATE"


def test_fail_1_web_killed_before_the_commit(start_on_either: Start) -> None:
    """Nobody heard an answer and nothing was stored: the batch is sent again and stored once."""
    training = start_on_either(writers=1)
    up, writer = training.up, training.writers[0]
    training.log_and_drain(3)
    with up.held(STREAM_ROW, writer.stream):
        sending = _in_background(writer)
        backends = up.wait_blocked("UPDATE metrics_stream SET next_seq")
        up.kill("web")
        up.terminate(backends)
        assert _next_seq(training, writer) == 3
    sending.join()
    assert training.journal.retries > 0
    oracle.check(training)


def test_fail_1_web_killed_after_the_commit(start_on_either: Start) -> None:
    """The batch is stored, the answer never sent: the repeat is told from a new batch."""
    training = start_on_either(writers=1)
    up, writer = training.up, training.writers[0]
    training.log_and_drain(3)
    with up.held(STREAM_ROW, writer.stream):
        sending = _in_background(writer)
        up.wait_blocked("UPDATE metrics_stream SET next_seq")
        up.signal("web", signal.SIGSTOP)
    wait_until(lambda: _next_seq(training, writer) == 4, within_s=10, what="the commit")
    up.kill("web")
    sending.join()
    assert training.journal.duplicates == 1
    oracle.check(training)


def test_fail_1_web_killed_under_load(start_on_either: Start) -> None:
    training = start_on_either(writers=4)
    with training.at_work():
        for _ in range(3):
            training.up.wait_ready()
            training.wait_acknowledged(20)
            training.up.kill("web")
    oracle.check(training)
    oracle.settle(training)


def _in_background(writer: Writer) -> threading.Thread:
    writer.log()
    sending = threading.Thread(target=writer.drain)
    sending.start()
    return sending


def _next_seq(training: Training, writer: Writer) -> int:
    with training.up.database(training.up.metrics_database) as connection:
        row = connection.execute(
            "SELECT next_seq FROM metrics_stream WHERE key = %s", [writer.stream]
        ).fetchone()
    assert row is not None
    return int(row[0])
