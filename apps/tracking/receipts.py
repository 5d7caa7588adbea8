"""How long the engine can tell a repeated batch from another: while its run goes on, and a week after its end."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.utils.timezone import now

from apps.metrics import inbox

from .models import Run

# A client keeps what was acknowledged for as long (docs/design/spool.md).
KEPT = timedelta(days=7)
# Ends older than this were told in time, or their receipts are kept for a later end to tell.
_LOOKED_BACK = KEPT + timedelta(days=1)


def limit_receipts(at: datetime | None = None) -> None:
    """Tell the engine of the runs that have ended lately, and of those that went on after all. Repeatable."""
    at = at or now()
    ended = Run.with_removed.filter(ended_at__gt=at - _LOOKED_BACK).values_list("pk", "ended_at")
    going_on = (
        Run.objects.running().filter(started_at__lt=at - timedelta(hours=1)).values_list("pk", flat=True)
    )
    inbox.keep_receipts_until(
        {**dict.fromkeys(going_on), **{run: ended_at + KEPT for run, ended_at in ended if ended_at}}
    )
