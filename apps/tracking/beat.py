"""When tracking's tasks are begun, for settings.CELERY_BEAT_SCHEDULE. No Django here: settings read it."""

from __future__ import annotations

from typing import Any

# What could not be delivered in time is not worth delivering late: the next one does the same work.
SCHEDULE: dict[str, dict[str, Any]] = {
    "tracking-records": {
        "task": "apps.tracking.tasks.apply_pending_records",
        "schedule": 2.0,
        "options": {"expires": 4},
    },
    "tracking-fields": {
        "task": "apps.tracking.tasks.project_dirty_fields",
        "schedule": 1.0,
        "options": {"expires": 2},
    },
    "tracking-silence": {
        "task": "apps.tracking.tasks.mark_silent",
        "schedule": 30.0,
        "options": {"expires": 30},
    },
    "tracking-receipts": {
        "task": "apps.tracking.tasks.limit_receipts",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
    "tracking-deleted": {
        "task": "apps.tracking.tasks.sweep_deleted",
        "schedule": 3600.0,
        "options": {"expires": 3600},
    },
}
