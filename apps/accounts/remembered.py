"""The principals this process has looked up in the last two seconds, by the digest of their key.

A busy writer costs no query a request, and a revoked key is dead everywhere well within five seconds.
What happens in this process takes effect in it at once: whoever changes access calls `forget`.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from django.utils.timezone import now

if TYPE_CHECKING:
    from .principal import Principal

REMEMBERED_S = 2.0
_MOST_REMEMBERED = 10_000

_remembered: dict[bytes, tuple[float, Principal]] = {}


def recall(digest: bytes) -> Principal | None:
    known = _remembered.get(digest)
    return known[1] if known and time.monotonic() < known[0] else None


def remember(digest: bytes, principal: Principal) -> None:
    """Keep a principal for two seconds, or until its key expires."""
    seconds = REMEMBERED_S
    if principal.key is not None and principal.key.expires_at is not None:
        seconds = min(seconds, (principal.key.expires_at - now()).total_seconds())
    if len(_remembered) >= _MOST_REMEMBERED:
        _remembered.clear()
    _remembered[digest] = (time.monotonic() + seconds, principal)


def forget() -> None:
    _remembered.clear()
