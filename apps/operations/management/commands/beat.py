"""The clock: sends what is due into the queue. Exactly one runs."""

from __future__ import annotations

from typing import Any

from celery import current_app
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Run the clock that starts periodic work."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        # What ran when is kept in memory: every periodic task may run once more after a restart.
        current_app.Beat(scheduler="celery.beat:Scheduler", quiet=True).run()
