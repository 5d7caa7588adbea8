"""Counts the engine's SQL statements, which go past Django's own log of queries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import psycopg


@contextmanager
def count_statements() -> Iterator[list[str]]:
    """Collect every statement that psycopg's own cursors send while this lasts."""
    sent: list[str] = []
    execute, copy = psycopg.Cursor.execute, psycopg.Cursor.copy

    def noting_execute(self: Any, query: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(query))
        return execute(self, query, *args, **options)

    def noting_copy(self: Any, statement: Any, *args: Any, **options: Any) -> Any:
        sent.append(str(statement))
        return copy(self, statement, *args, **options)

    with (
        patch.object(psycopg.Cursor, "execute", noting_execute),
        patch.object(psycopg.Cursor, "copy", noting_copy),
    ):
        yield sent
