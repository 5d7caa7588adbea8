"""Tables in memory with the three properties the protocol leans on: atomic, durable, snapshots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

Tables = dict[str, dict[Any, Any]]


class Database:
    """Values are immutable, so a copy of the dictionaries is a snapshot."""

    def __init__(self) -> None:
        self.tables: Tables = defaultdict(dict)
        self._undo: list[tuple[str, Any, Any, bool]] | None = None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Keep all that is written inside, or nothing if it is left by an exception."""
        self._undo = []
        try:
            yield
        except BaseException:
            for table, key, value, existed in reversed(self._undo):
                if existed:
                    self.tables[table][key] = value
                else:
                    self.tables[table].pop(key, None)
            raise
        finally:
            self._undo = None

    def put(self, table: str, key: Any, value: Any) -> None:
        self._remember(table, key)
        self.tables[table][key] = value

    def drop(self, table: str, key: Any) -> None:
        self._remember(table, key)
        self.tables[table].pop(key, None)

    def get(self, table: str, key: Any, default: Any = None) -> Any:
        return self.tables[table].get(key, default)

    def snapshot(self) -> Tables:
        return defaultdict(dict, {name: dict(rows) for name, rows in self.tables.items()})

    def restore(self, tables: Tables) -> None:
        self.tables = defaultdict(dict, {name: dict(rows) for name, rows in tables.items()})

    def _remember(self, table: str, key: Any) -> None:
        if self._undo is not None:
            rows = self.tables[table]
            self._undo.append((table, key, rows.get(key), key in rows))
