"""When the engine's tasks are begun, for settings.CELERY_BEAT_SCHEDULE. No Django here: settings read it."""

from __future__ import annotations

from typing import Any

# The dirty set is in so many parts, each folded by one worker at a time.
SHARDS = 2

# What could not be delivered in time is not worth delivering late: the next one does the same work.
SCHEDULE: dict[str, dict[str, Any]] = {
    **{
        f"metrics-fold-{shard}": {
            "task": "apps.metrics.tasks.fold_dirty",
            # A run gathers for a second and then waits for this: folded 1.5 s after it was written to.
            "schedule": 0.5,
            "args": (shard,),
            "options": {"expires": 2},
        }
        for shard in range(SHARDS)
    },
    "metrics-reconcile": {
        "task": "apps.metrics.tasks.reconcile",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
}
