"""Work that a web process could not finish at once, handed to a worker. Only a hint: beat finds it too."""

from __future__ import annotations

import logging
import time

from django.conf import settings
from django.utils.module_loading import import_string

# A run's records are handed over at most so often by one process; and so long after a failure to, nothing is.
_EVERY_S = 0.5
_LEFT_ALONE_S = 2.0
_REMEMBERED = 10_000

logger = logging.getLogger(__name__)

_handed: dict[int, float] = {}
_closed_until = 0.0


def apply_records(run: int) -> None:
    """Have a worker apply the records of a run soon. Never raises."""
    global _closed_until
    moment = time.monotonic()
    if moment < _closed_until or moment - _handed.get(run, float("-inf")) < _EVERY_S:
        return
    if len(_handed) >= _REMEMBERED:
        _handed.clear()
    _handed[run] = moment
    try:
        # Beat looks every two seconds: what waits longer for a worker than that is not needed any more.
        import_string(settings.TASK_APPLICATION).send_task(
            "apps.tracking.tasks.apply_records_of", [run], expires=2, retry=False, ignore_result=True
        )
    except Exception as error:
        # Whatever the broker's libraries raise: the records are stored, and beat finds them.
        _closed_until = time.monotonic() + _LEFT_ALONE_S
        logger.warning("Redis did not take a task, beat will find the records: %s", error)


def forget() -> None:
    """Forget what was handed over: for tests."""
    global _closed_until
    _handed.clear()
    _closed_until = 0.0
