"""GET /healthz and /readyz: for load balancers, `up`, and whoever is woken at night."""

from __future__ import annotations

import logging

from django.core.cache import cache
from django.db import Error, connections
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from .readiness import is_migrated

_log = logging.getLogger(__name__)

# Migrations are only ever added while a process runs: having seen them all once is enough.
_was_migrated = False


@never_cache
@require_safe
def alive(request: HttpRequest) -> JsonResponse:
    """200 as long as this process answers at all."""
    return JsonResponse({"status": "alive"})


@never_cache
@require_safe
def ready(request: HttpRequest) -> JsonResponse:
    """200 if points can be stored and read, else 503.

    Redis is reported, not required: without it points are accepted and read all the same, only live
    updates and background work wait. A balancer that took the server away for that would make it worse.
    """
    database = _database_state()
    state = {
        "status": "ready" if database == "ok" else "not ready",
        "database": database,
        "redis": _redis_state(),
    }
    return JsonResponse(state, status=200 if database == "ok" else 503)


def _database_state() -> str:
    global _was_migrated
    try:
        if not _was_migrated:
            _was_migrated = is_migrated()
            return "ok" if _was_migrated else "not migrated"
        for alias in connections:
            with connections[alias].cursor() as cursor:
                cursor.execute("SELECT 1")
    except Error as failure:
        _log.warning("The database does not answer: %s", failure)
        return "away"
    return "ok"


def _redis_state() -> str:
    try:
        cache.get("readyz")
    except Exception as failure:  # whatever the client raises, Redis is not there
        _log.warning("Redis does not answer: %s", failure)
        return "away"
    return "ok"
