"""SQL in binary, many rows a statement, on the engine's own database.

Django's cursors speak text (a bytea costs twice its bytes there) and bind parameters in the client. The
engine's statements go through psycopg's own cursors on the same connection, so that they take part in
Django's transactions and in its handling of lost connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, cast

import psycopg
from django.conf import settings
from django.db import connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from psycopg import sql
from psycopg.abc import QueryNoTemplate

Row = tuple[Any, ...]


class Session:
    """Statements on one connection."""

    def __init__(self, connection: BaseDatabaseWrapper) -> None:
        self._connection = connection

    def rows(
        self, query: str, params: Mapping[str, Any] | None = None, *, is_prepared: bool = False
    ) -> list[Row]:
        """Return what a statement answers.

        is_prepared: keep its plan. For a statement whose plan costs more than its work and is the same
        however large the tables are.
        """
        with self._connection.wrap_database_errors, self._cursor() as cursor:
            cursor.execute(cast("QueryNoTemplate", query), params, binary=True, prepare=is_prepared)
            return cursor.fetchall()

    def row(
        self, query: str, params: Mapping[str, Any] | None = None, *, is_prepared: bool = False
    ) -> Row | None:
        """Return the first row of what a statement answers, or None."""
        found = self.rows(query, params, is_prepared=is_prepared)
        return found[0] if found else None

    def execute(self, query: str, params: Mapping[str, Any] | None = None) -> int:
        """Run a statement; return how many rows it touched."""
        with self._connection.wrap_database_errors, self._cursor() as cursor:
            cursor.execute(cast("QueryNoTemplate", query), params, prepare=False)
            return cursor.rowcount

    def copy(self, table: str, columns: Mapping[str, str], rows: Iterable[Sequence[Any]]) -> None:
        """Append rows to a table with COPY. columns: name → PostgreSQL type, in the rows' order."""
        statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT BINARY)").format(
            sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, columns))
        )
        with self._connection.wrap_database_errors, self._cursor() as cursor, cursor.copy(statement) as copy:
            copy.set_types(list(columns.values()))
            for row in rows:
                copy.write_row(row)

    def _cursor(self) -> psycopg.Cursor[Row]:
        return psycopg.Cursor(self._connection.connection)


def autocommitted() -> Session:
    """Return a session whose every statement is a transaction, unless one is open already."""
    return Session(_connected())


@contextmanager
def writing() -> Iterator[Session]:
    """A transaction of the engine's database (a savepoint inside another)."""
    with transaction.atomic(using=settings.METRICS_DATABASE):
        yield Session(_connected())


def _connected() -> BaseDatabaseWrapper:
    connection = connections[settings.METRICS_DATABASE]
    connection.close_if_health_check_failed()
    connection.ensure_connection()
    if "prepare_threshold" not in connection.settings_dict["OPTIONS"]:
        # Django leaves prepared statements off, for connection poolers that cannot pass them on.
        connection.connection.prepare_threshold = 0
    return connection
