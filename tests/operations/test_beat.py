"""Every piece of work that an app asks for by the clock is on the clock, and has a task behind it."""

from importlib import import_module

import pytest
from django.apps import apps
from django.conf import settings

from config.celery import app


def _beats() -> list[str]:
    names = []
    for config in apps.get_app_configs():
        if config.name.startswith("apps."):
            try:
                import_module(f"{config.name}.beat")
            except ModuleNotFoundError:
                continue
            names.append(f"{config.name}.beat")
    return names


def test_every_app_with_a_schedule_is_found() -> None:
    assert {"apps.metrics.beat", "apps.tracking.beat"} <= set(_beats())


@pytest.mark.parametrize("module", _beats())
def test_the_schedule_of_an_app_is_begun_by_beat(module: str) -> None:
    for name, entry in import_module(module).SCHEDULE.items():
        assert settings.CELERY_BEAT_SCHEDULE[name] == entry


def test_every_entry_names_a_task_that_exists() -> None:
    app.loader.import_default_modules()

    assert {entry["task"] for entry in settings.CELERY_BEAT_SCHEDULE.values()} <= set(app.tasks)
