"""What begins by the clock: every app's schedule is kept, and names tasks that exist."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest
from django.conf import settings

from config.celery import app

APPS = Path(settings.BASE_DIR) / "apps"


@pytest.mark.parametrize("name", sorted(path.parent.name for path in APPS.glob("*/beat.py")))
def test_an_apps_schedule_is_kept(name: str) -> None:
    schedule = import_module(f"apps.{name}.beat").SCHEDULE

    assert schedule.items() <= settings.CELERY_BEAT_SCHEDULE.items()


def test_every_scheduled_task_exists() -> None:
    app.loader.import_default_modules()

    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)
