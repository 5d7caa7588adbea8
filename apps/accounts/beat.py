"""What accounts does by the clock."""

from __future__ import annotations

from typing import Any

SCHEDULE: dict[str, dict[str, Any]] = {
    "deliver-waiting-mail": {
        "task": "apps.accounts.tasks.deliver_waiting_mail",
        "schedule": 60.0,
        "options": {"expires": 60},
    },
}
