"""Whether an error is the database's trouble, or that of what was asked of it."""

from __future__ import annotations

from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError

# Connection exceptions, no resources, being shut down.
_LOST = ("08", "53", "57P")
# Serialization failures and deadlocks, a lock that was not to be had.
_PASSING = ("40", "55P03")


def is_lost(error: Exception) -> bool:
    """Whether the database is not there: then nothing else would succeed either."""
    if isinstance(error, OperationalError):
        state = _state(error)
        return state is None or state.startswith(_LOST)
    return isinstance(error, InterfaceError)


def passes(error: Exception) -> bool:
    """Whether the same may succeed if it is asked again."""
    if not isinstance(error, DatabaseError):
        return False
    return is_lost(error) or (_state(error) or "").startswith(_PASSING)


def _state(error: Exception) -> str | None:
    return getattr(error.__cause__, "sqlstate", None)
