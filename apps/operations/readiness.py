"""Whether the databases are what this version needs."""

from __future__ import annotations

import time

from django.core.management.base import CommandError
from django.db import OperationalError, connections
from django.db.migrations.executor import MigrationExecutor

OLDEST_POSTGRES = 150000


def is_migrated() -> bool:
    """Whether every migration is applied in every database. Takes about 20 ms.

    Raises OperationalError if a database does not answer.
    """
    for alias in connections:
        executor = MigrationExecutor(connections[alias])
        if executor.migration_plan(executor.loader.graph.leaf_nodes()):
            return False
    return True


def wait_for_migrations() -> None:
    """Return once the tables are there, or at once if a database does not answer: waiting is not for that."""
    try:
        while not is_migrated():
            time.sleep(0.1)
    except OperationalError:
        return
    finally:
        connections.close_all()


def check_databases() -> None:
    """Refuse databases that could lose what has been acknowledged, or cannot be used at all.

    Raises CommandError with one line that names the setting.
    """
    for alias in connections:
        name = "DATABASE_URL" if alias == "default" else "METRICS_DATABASE_URL"
        try:
            with connections[alias].cursor() as cursor:
                cursor.execute(
                    "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                    " current_setting('synchronous_commit'), current_setting('fsync')"
                )
                number, version, synchronous_commit, fsync = cursor.fetchone()
        except OperationalError as failure:
            raise CommandError(f"{name} cannot be reached: {_one_line(failure)}") from None
        if number < OLDEST_POSTGRES:
            raise CommandError(
                f"{name} is PostgreSQL {version}; Isoline needs {OLDEST_POSTGRES // 10000} or newer."
            )
        if synchronous_commit not in {"on", "remote_apply"} or fsync != "on":
            raise CommandError(
                f"{name} has synchronous_commit={synchronous_commit}, fsync={fsync}: both must be on,"
                " or acknowledged points could be lost."
            )


def _one_line(failure: Exception) -> str:
    return " ".join(str(failure).split())
