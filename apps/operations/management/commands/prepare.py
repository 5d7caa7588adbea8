"""What has to be so before the first process of a version starts: databases checked and migrated."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import connection, connections

from apps.operations.models import SetupLink
from apps.operations.readiness import check_databases, is_migrated


class Command(BaseCommand):
    help = "Check and migrate the databases; print the link to the set-up page while nobody has an account."
    requires_system_checks = ()

    def handle(self, **options: Any) -> None:
        check_databases()
        _check_redis()
        with _one_at_a_time():
            if not is_migrated():
                for alias in connections:
                    call_command("migrate", database=alias, verbosity=0, interactive=False)
        if token := SetupLink.objects.issue():
            self.stdout.write(f"{settings.PUBLIC_URL}/setup/{token}")


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Wait while another `prepare` migrates the same database."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_lock(hashtext('isoline prepare'))")
        yield
        cursor.execute("SELECT pg_advisory_unlock(hashtext('isoline prepare'))")


def _check_redis() -> None:
    try:
        cache.get("readyz")
    except Exception as failure:  # whatever the client raises, Redis is not there
        raise CommandError(f"REDIS_URL cannot be reached: {' '.join(str(failure).split())}") from None
