"""The dirty set in Redis: which runs have batches that are not folded yet.

Only hints: whatever is lost here the reconciler finds. So nothing in this file raises for want of Redis
or waits for it longer than a moment, and after a failure Redis is left alone for a while.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable
from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import transaction

from apps.metrics.beat import SHARDS

_TIMEOUT_S = 0.1
_LEFT_ALONE_S = 2.0

logger = logging.getLogger(__name__)
_closed_until = 0.0


def mark_after_commit(run: int) -> None:
    """Note that a run has unfolded batches, once the open transaction has committed."""
    transaction.on_commit(lambda: mark([run]), using=settings.METRICS_DATABASE)


def mark(runs: Iterable[int]) -> None:
    """Add runs to the dirty set. The moment a run became dirty is kept if it is there already."""
    by_shard: dict[int, dict[Any, float]] = {}
    now = time.time()
    for run in runs:
        by_shard.setdefault(run % SHARDS, {})[run] = now
    for shard, scores in by_shard.items():
        _tell("zadd", _key(shard), scores, nx=True)


def mark_due(runs: Iterable[int]) -> None:
    """Note that the compactor should look at runs, whoever has folded them."""
    for run in runs:
        _tell("sadd", _due_key(run % SHARDS), run)


def take_due(shard: int, *, limit: int) -> list[int]:
    """Remove and return runs that the compactor should look at."""
    try:
        taken = _client(settings.REDIS_URL).spop(_due_key(shard), limit) or ()
    except (redis.RedisError, OSError) as error:
        logger.warning("Redis did not tell which runs are to be compacted: %s", error)
        return []
    return [int(run) for run in taken]


def _tell(command: str, *args: Any, **options: Any) -> None:
    """Give Redis a hint; after a failure leave it alone for a while."""
    global _closed_until
    if time.monotonic() < _closed_until:
        return
    try:
        getattr(_client(settings.REDIS_URL), command)(*args, **options)
    except (redis.RedisError, OSError) as error:
        _closed_until = time.monotonic() + _LEFT_ALONE_S
        logger.warning("Redis did not take a hint, the reconciler will find the run: %s", error)


def take(shard: int, *, dirty_for_s: float, limit: int) -> list[int]:
    """Remove and return the runs that have been dirty longest, at least `dirty_for_s`."""
    try:
        taken = _client(settings.REDIS_URL).eval(
            _TAKE, 1, _key(shard), str(time.time() - dirty_for_s), str(limit)
        )
    except (redis.RedisError, OSError) as error:
        logger.warning("Redis did not tell which runs are dirty: %s", error)
        return []
    return [int(run) for run in taken]


# Found and removed in one step, so that two workers never get the same run.
_TAKE = """
local runs = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[1], 'LIMIT', 0, ARGV[2])
if #runs > 0 then redis.call('ZREM', KEYS[1], unpack(runs)) end
return runs
"""


def _key(shard: int) -> str:
    return f"isoline:dirty:{shard}"


def _due_key(shard: int) -> str:
    return f"isoline:due:{shard}"


@cache
def _client(url: str) -> redis.Redis:
    return redis.Redis.from_url(url, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S)
