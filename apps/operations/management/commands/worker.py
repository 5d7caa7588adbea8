"""One Celery worker. `up` runs one; docker-compose.yml as many as are wanted."""

from __future__ import annotations

import gc
import os
import signal
import warnings
from typing import Any

from celery import current_app
from celery.exceptions import CPendingDeprecationWarning, SecurityWarning
from celery.signals import worker_init, worker_process_init
from django.conf import settings
from django.core.management.base import BaseCommand

from apps.operations.engines import die_with


class Command(BaseCommand):
    help = "Run one worker."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        # Tasks are JSON and our own; the home's owner decides as whom all of Isoline runs.
        warnings.simplefilter("ignore", SecurityWarning)
        # What it warns of is what is meant: a task under way goes on when Redis is lost.
        warnings.simplefilter("ignore", CPendingDeprecationWarning)
        worker_init.connect(_freeze)
        worker_process_init.connect(_end_with_the_worker)
        worker = current_app.Worker(
            concurrency=settings.WORKER_PROCESSES,
            loglevel=settings.LOG_LEVEL,
            quiet=True,
            # Workers need not know one another: Redis hands out the work.
            without_gossip=True,
            without_mingle=True,
            without_heartbeat=True,
        )
        worker.start()
        raise SystemExit(worker.exitcode)


def _freeze(**kwargs: Any) -> None:
    """Before the children are forked: what is loaded stays shared, no collection writes into its pages."""
    gc.collect()
    gc.freeze()


def _end_with_the_worker(**kwargs: Any) -> None:
    """In each child: a worker that was killed leaves nobody behind who still works."""
    die_with(os.getppid(), signal.SIGKILL)
