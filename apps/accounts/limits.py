"""How fast a team may send: token buckets in Redis, one round trip a question.

A bucket fills at the rate and holds five seconds' worth. What it holds may be overdrawn once, so a large
batch is never refused for being large; the debt is waited for. Where a limit is 0 nobody is asked.

Redis carries no truth: where it is away or slow everyone passes, and it is left alone for a while.
"""

from __future__ import annotations

import logging
import time
from functools import lru_cache
from typing import Any

import redis
from django.conf import settings
from redis.backoff import NoBackoff
from redis.retry import Retry

from apps.base.errors import TooMany

from .principal import Principal

log = logging.getLogger(__name__)

BURST_S = 5
_PATIENCE_S = 0.1
_LEAVE_ALONE_S = 5.0

# KEYS: buckets. ARGV: for each its rate, its size, and what is asked of it.
# Takes from all of them or from none; returns 0, or the milliseconds to wait. The server's clock counts.
_TAKE = """
local now = redis.call('TIME')
now = tonumber(now[1]) + tonumber(now[2]) / 1e6
local wait, levels = 0, {}
for i, key in ipairs(KEYS) do
    local rate, size = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1])
    local known = redis.call('HMGET', key, 'level', 'at')
    local level = size
    if known[1] then
        level = math.min(size, tonumber(known[1]) + math.max(0, now - tonumber(known[2])) * rate)
    end
    levels[i] = level
    if level < 1 then
        wait = math.max(wait, (1 - level) / rate)
    end
end
if wait > 0 then
    return math.ceil(wait * 1000)
end
for i, key in ipairs(KEYS) do
    local rate, size, cost = tonumber(ARGV[3 * i - 2]), tonumber(ARGV[3 * i - 1]), tonumber(ARGV[3 * i])
    local level = levels[i] - cost
    redis.call('HSET', key, 'level', level, 'at', now)
    redis.call('EXPIRE', key, math.ceil((size - level) / rate) + 1)
end
return 0
"""

_leave_alone_until = 0.0


def admit(principal: Principal, *, team_id: int, run_id: int, size_bytes: int) -> None:
    """Count one request of a credential on a run, and its bytes for the team; before it is read.

    Raises TooMany.
    """
    who = f"key:{principal.key.pk}" if principal.key else f"user:{principal.user_id}"
    _take(
        (f"requests:{who}:{run_id}", settings.LIMIT_REQUESTS_PER_S, 1),
        (f"bytes:{team_id}", settings.LIMIT_BYTES_PER_S, size_bytes),
    )


def spend_points(*, team_id: int, points: int) -> None:
    """Count points for the team, once they are known and before they are stored.

    Raises TooMany.
    """
    _take((f"points:{team_id}", settings.LIMIT_POINTS_PER_S, points))


def _take(*buckets: tuple[str, int, int]) -> None:
    """buckets: name, rate a second, what is asked of it."""
    global _leave_alone_until
    limited = [bucket for bucket in buckets if bucket[1]]
    if not limited or time.monotonic() < _leave_alone_until:
        return
    keys = [f"isoline:limit:{name}" for name, _, _ in limited]
    numbers = [number for _, rate, cost in limited for number in (rate, rate * BURST_S, cost)]
    try:
        wait_ms = int(_script(settings.REDIS_URL)(keys=keys, args=numbers))
    except redis.RedisError:
        _leave_alone_until = time.monotonic() + _LEAVE_ALONE_S
        log.warning("Redis does not answer: rate limits are off for %.0f s.", _LEAVE_ALONE_S)
        return
    if wait_ms:
        raise TooMany(
            "This is faster than the team's limit.", code="rate_limited", retry_after_s=wait_ms / 1000
        )


@lru_cache(maxsize=2)
def _script(url: str) -> Any:
    client = redis.Redis.from_url(
        url,
        socket_timeout=_PATIENCE_S,
        socket_connect_timeout=_PATIENCE_S,
        retry=Retry(NoBackoff(), 0),
    )
    return client.register_script(_TAKE)
