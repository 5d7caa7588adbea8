"""Which runs have gone quiet, and what becomes of them: silent for RUN_SILENCE_S is `crashed`, speaking is
alive.

A batch is a sign of life, but not a write to the run's row: that happens once in a while (`_every_s`), far
more often than silence is called. Each process remembers which runs it has noted lately.
"""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F
from django.utils.timezone import now

from . import signals
from .models import Run

_MOST_OFTEN_S = 10.0
_REMEMBERED = 50_000

_noted: dict[int, float] = {}


def silence_s() -> float:
    return float(settings.RUN_SILENCE_S)


def hear(run: int) -> None:
    """Note that a run is alive, at most every ten seconds. One that was taken for crashed runs again."""
    moment = time.monotonic()
    if moment - _noted.get(run, float("-inf")) < _every_s():
        return
    if len(_noted) >= _REMEMBERED:
        _noted.clear()
    _noted[run] = moment
    at = now()
    rows = Run.objects.filter(pk=run)
    # fields_due: late points of an ended run are to be projected as well.
    rows.filter(last_seen_at__lt=at - timedelta(seconds=_every_s() / 2)).update(
        last_seen_at=at, fields_due=True
    )
    crashed = rows.filter(state=Run.State.CRASHED).first()
    if crashed is not None:
        crashed.revive()


def mark_silent(at: datetime | None = None) -> int:
    """Call runs crashed that have been silent for too long, as of their last sign of life. Returns how
    many.
    """
    silent = Run.objects.running().filter(last_seen_at__lt=(at or now()) - timedelta(seconds=silence_s()))
    runs = list(silent.values_list("pk", "project_id"))
    if not runs:
        return 0
    # The same condition once more: whoever has spoken meanwhile stays.
    marked = silent.filter(pk__in=[run for run, _ in runs]).update(
        state=Run.State.CRASHED,
        ended_at=F("last_seen_at"),
        version=F("version") + 1,
        updated_at=now(),
        fields_due=True,
    )
    crashed = Run.objects.filter(pk__in=[run for run, _ in runs], state=Run.State.CRASHED)
    for run, project, version in crashed.values_list("pk", "project_id", "version"):
        signals.after_commit(signals.run_changed, run=run, project=project, version=version)
    return marked


def forget() -> None:
    """Forget which runs have been noted: for tests, and after a restore."""
    _noted.clear()


def on_batch_appended(run: int, **_: Any) -> None:
    hear(run)


def _every_s() -> float:
    return min(_MOST_OFTEN_S, silence_s() / 5)
