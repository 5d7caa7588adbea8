"""Reads that belong together see one state of the database.

Under READ COMMITTED each statement sees the newest commits, so a reader beside a fold could find a
batch gone from the inbox and its segment not yet there. A snapshot is one REPEATABLE READ, READ ONLY transaction.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connections

from apps.metrics.session import Session, writing


@contextmanager
def snapshot() -> Iterator[Session]:
    """One state of the engine's tables for as long as this lasts.

    Inside a transaction of the caller (a test that is rolled back, a verb that reads what it has just
    written) the caller's transaction is used as it is: then nobody else's commits come in between only
    as far as the caller has seen to that.
    """
    nested = connections[settings.METRICS_DATABASE].in_atomic_block
    with writing() as session:
        if not nested:
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield session
