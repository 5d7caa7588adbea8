"""When runs are folded: soon after they are written to, a few together, no small run more than once a second."""

from __future__ import annotations

import logging
import time
from datetime import UTC, datetime, timedelta

from django.db import DatabaseError

from apps.metrics import hints, inbox
from apps.metrics.fold import fold_many
from apps.metrics.session import autocommitted

logger = logging.getLogger(__name__)

# How long a run gathers batches before it is folded, and how many runs share a transaction.
_GATHER_S = 1.0
_RUNS_AT_ONCE = 200
# One call works no longer than this: the next begins with whoever waits then.
_BUDGET_S = 5.0
# Batches older than this ought to have been folded: their hint was lost.
_OVERDUE_S = 15
_OVERDUE_RUNS = 1_000


def fold_dirty(shard: int) -> tuple[int, ...]:
    """Fold the runs of a shard that are due, until none is or the time is up; return those due for compaction."""
    stop = time.monotonic() + _BUDGET_S
    compactable: set[int] = set()
    while time.monotonic() < stop:
        runs = hints.take(shard, dirty_for_s=_GATHER_S, limit=_RUNS_AT_ONCE)
        if not runs:
            break
        compactable.update(_fold_until(runs, stop))
    # Of what readers have folded, the rest of the work is done here.
    compactable.update(hints.take_due(shard, limit=_RUNS_AT_ONCE))
    return tuple(sorted(compactable))


def _fold_until(runs: list[int], stop: float) -> set[int]:
    """Fold slice after slice; what is left when the time is up is marked again."""
    compactable: set[int] = set()
    while runs:
        try:
            done = fold_many(runs)
        except DatabaseError:
            raise  # It concerns them all, and passes: the reconciler finds them again.
        except Exception:
            # One run that cannot be folded must not hold up its neighbours: look for it among ever fewer.
            if len(runs) == 1:
                logger.exception("Run %d cannot be folded; its batches stay in the inbox", runs[0])
                break
            middle = len(runs) // 2
            return compactable | _fold_until(runs[:middle], stop) | _fold_until(runs[middle:], stop)
        compactable.update(done.due)
        if not done.batches or time.monotonic() > stop:
            hints.mark(done.behind)
            break
        runs = list(done.behind)
    return compactable


def reconcile() -> tuple[int, ...]:
    """Find what hints lost: fold runs with overdue batches, delete what both consumers are past, expire receipts.

    Returns the runs that are due for compaction.
    """
    session = autocommitted()
    moment = datetime.now(UTC)
    overdue = [
        run
        for (run,) in session.rows(
            "SELECT DISTINCT run FROM metrics_batch WHERE received_at < %(before)s LIMIT %(limit)s",
            {"before": moment - timedelta(seconds=_OVERDUE_S), "limit": _OVERDUE_RUNS},
        )
    ]
    stop = time.monotonic() + _BUDGET_S
    compactable: set[int] = set()
    for start in range(0, len(overdue), _RUNS_AT_ONCE):
        compactable |= _fold_until(overdue[start : start + _RUNS_AT_ONCE], stop)
    if overdue:
        inbox.sweep(overdue)
    inbox.expire_receipts(moment)
    return tuple(sorted(compactable))
