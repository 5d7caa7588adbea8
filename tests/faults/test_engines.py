"""FAIL-3, FAIL-4: Redis and PostgreSQL are emptied, stopped, frozen and killed under load."""

from __future__ import annotations

import signal

import redis

from . import oracle
from .conftest import Start
from .up import Up, wait_until
from .workload import Client


def test_fail_3_redis_is_emptied(start: Start) -> None:
    """Hints, queues and locks are gone: nothing is lost, and no writer hears of it."""
    training = start(writers=3)
    with training.at_work():
        for _ in range(3):
            training.wait_acknowledged(20)
            with redis.Redis.from_url(training.up.layout.redis_url) as engine:
                engine.flushall()
    assert training.journal.retries == 0
    oracle.settle(training)


def test_fail_3_redis_is_killed(start: Start) -> None:
    training = start(writers=3)
    with training.at_work():
        for _ in range(2):
            training.up.wait_ready()
            training.wait_acknowledged(20)
            training.up.kill("redis")
    assert training.journal.retries == 0
    oracle.settle(training)


def test_fail_3_redis_hangs(start: Start) -> None:
    """Frozen, it accepts and never answers: appends go on without it."""
    training = start(writers=3)
    with training.at_work(pause_s=0.01):
        training.wait_acknowledged(20)
        training.up.signal("redis", signal.SIGSTOP)
        training.wait_acknowledged(50)
        training.up.signal("redis", signal.SIGCONT)
    assert training.journal.retries == 0
    oracle.settle(training)


def test_fail_4_postgres_is_stopped_immediately(start_on_either: Start) -> None:
    """No checkpoint, no goodbye; the supervisor starts it again and it recovers what was acknowledged."""
    training = start_on_either(writers=3)
    with training.at_work():
        training.wait_acknowledged(20)
        (stopped,) = training.up.signal("postgres", signal.SIGQUIT)
        wait_until(
            lambda: training.up.processes("postgres") not in ([], [stopped]),
            within_s=180,
            what="a new PostgreSQL",
        )
        training.up.wait_ready()
        training.wait_acknowledged(20)
    refusals = {status for writer in training.writers for status, _ in writer.refusals}
    assert refusals <= {0, 503}, [writer.refusals for writer in training.writers]
    oracle.settle(training)


def test_fail_4_connections_are_cut(start: Start) -> None:
    training = start(writers=3)
    with training.at_work():
        for _ in range(5):
            training.wait_acknowledged(20)
            with training.up.database() as connection:
                connection.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
                )
    oracle.settle(training)


def test_a_server_that_is_stopped_and_started_has_lost_nothing(up: Up, start: Start) -> None:
    """SIGTERM under load drains and exits with 0; writers go on with the next start."""
    training = start(writers=2)
    with training.at_work():
        training.wait_acknowledged(20)
        assert up.stop() == 0
        up.start()
    oracle.settle(training)
    assert Client(up, training.key).get(f"/runs/{training.run}")["state"] == "running"
