"""apps/metrics/hints.py: hints get through, and nothing waits or fails where they cannot."""

from __future__ import annotations

import time

import pytest

from apps.metrics import hints
from apps.metrics.beat import SHARDS

RUN = 8


@pytest.fixture(autouse=True)
def _open_circuit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints, "_closed_until", 0.0)
    for shard in range(SHARDS):
        while hints.take(shard, dirty_for_s=0, limit=1_000):
            pass


def test_a_marked_run_is_taken_once() -> None:
    hints.mark([RUN, RUN + SHARDS])
    hints.mark([RUN])

    assert hints.take(RUN % SHARDS, dirty_for_s=60, limit=10) == []
    assert sorted(hints.take(RUN % SHARDS, dirty_for_s=0, limit=10)) == [RUN, RUN + SHARDS]
    assert hints.take(RUN % SHARDS, dirty_for_s=0, limit=10) == []


def test_without_redis_nothing_fails_and_little_is_waited(settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.REDIS_URL = "unix:///nowhere/redis.sock"
    start = time.monotonic()

    for _ in range(1_000):
        hints.mark([RUN])

    assert hints.take(0, dirty_for_s=0, limit=1) == []
    assert time.monotonic() - start < 1
    assert len([each for each in caplog.records if "hint" in each.message]) == 1
