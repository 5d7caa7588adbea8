"""Rates: per team and per (key, run), failing open."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
import redis
from pytest_django import Settings

from apps.accounts import limits
from apps.accounts.principal import Kind, Principal
from apps.base.errors import TooMany
from tests.engines import TestEngines

SOMEONE = Principal(Kind.USER)


@pytest.fixture(autouse=True)
def empty_buckets(settings: Settings) -> Iterator[None]:
    redis.Redis.from_url(settings.REDIS_URL).flushdb()
    limits._leave_alone_until = 0.0
    yield
    limits._leave_alone_until = 0.0


def test_a_team_gets_five_seconds_worth_at_once_then_the_rate(settings: Settings):
    settings.LIMIT_POINTS_PER_S = 1000
    limits.spend_points(team_id=1, points=4999)
    limits.spend_points(team_id=1, points=1000)
    with pytest.raises(TooMany) as refused:
        limits.spend_points(team_id=1, points=1)
    assert 0.5 < refused.value.retry_after_s <= 1.1


def test_one_teams_debt_is_nobody_elses(settings: Settings):
    settings.LIMIT_POINTS_PER_S = 10
    limits.spend_points(team_id=1, points=100_000)
    limits.spend_points(team_id=2, points=1)


def test_a_batch_larger_than_the_bucket_passes_once(settings: Settings):
    settings.LIMIT_BYTES_PER_S = 100
    limits.admit(SOMEONE, team_id=1, run_id=1, size_bytes=1_000_000)
    with pytest.raises(TooMany):
        limits.admit(SOMEONE, team_id=1, run_id=2, size_bytes=1)


def test_a_refused_request_takes_from_no_bucket(settings: Settings):
    settings.LIMIT_REQUESTS_PER_S, settings.LIMIT_BYTES_PER_S = 1000, 1
    limits.admit(SOMEONE, team_id=1, run_id=1, size_bytes=10)
    for _ in range(10):
        with pytest.raises(TooMany):
            limits.admit(SOMEONE, team_id=1, run_id=1, size_bytes=10)
    client = redis.Redis.from_url(settings.REDIS_URL)
    level = client.hget("isoline:limit:requests:user:None:1", "level")
    assert float(level or 0) > 4990


def test_by_default_no_supported_client_meets_a_limit(settings: Settings):
    for _ in range(2000):
        limits.admit(SOMEONE, team_id=1, run_id=1, size_bytes=8 << 20)
        limits.spend_points(team_id=1, points=100_000)


def test_FAIL_3_without_redis_everyone_passes_and_fast(settings: Settings, engines: TestEngines):
    settings.LIMIT_POINTS_PER_S = 1
    engines.stop_redis()
    try:
        began = time.monotonic()
        for _ in range(1000):
            limits.spend_points(team_id=1, points=1000)
        assert time.monotonic() - began < 1
    finally:
        engines.start_redis()


def test_FAIL_3_a_flushed_redis_forgets_debts_and_goes_on(settings: Settings):
    settings.LIMIT_POINTS_PER_S = 1
    limits.spend_points(team_id=1, points=1000)
    client = redis.Redis.from_url(settings.REDIS_URL)
    client.flushall()
    client.script_flush()
    limits.spend_points(team_id=1, points=1)
