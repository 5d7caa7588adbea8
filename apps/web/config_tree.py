"""A user's structure as rows to read: values by dotted path, the nested ones under the key they belong to."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.tracking.entries import leaves
from apps.tracking.structures import same

# A page shows so many values; who has more reads them through the API.
MOST_ROWS = 2000


@dataclass(frozen=True, slots=True)
class Row:
    """path: from the top; name: below its section. other: the value it has in the run it is compared with."""

    path: str
    name: str
    text: str
    differs: bool
    other: str


@dataclass(frozen=True, slots=True)
class Section:
    """name: the key all rows are under; "" for what stands at the top."""

    name: str
    rows: Sequence[Row]

    @property
    def differing(self) -> int:
        return sum(row.differs for row in self.rows)


@dataclass(frozen=True, slots=True)
class Tree:
    sections: Sequence[Section]
    total: int

    @property
    def differing(self) -> int:
        return sum(section.differing for section in self.sections)

    @property
    def unlisted(self) -> int:
        return self.total - sum(len(section.rows) for section in self.sections)


def tree(structure: Mapping[str, Any], other: Mapping[str, Any] | None = None) -> Tree:
    """Return the structure's rows; other: what it is compared with."""
    found = {path[1:]: value for path, value in leaves("", structure)}
    others = {path[1:]: value for path, value in leaves("", other)} if other is not None else None
    nested = {key for key, value in structure.items() if isinstance(value, dict) and value}
    sections: dict[str, list[Row]] = {"": []}
    for path, value in list(found.items())[:MOST_ROWS]:
        top = next((key for key in (path.partition(".")[0],) if key in nested), "")
        name = path[len(top) + 1 :] if top else path
        differs = others is not None and (path not in others or not same(others[path], value))
        was = text_of(others[path]) if others is not None and path in others else ""
        sections.setdefault(top, []).append(Row(path, name, text_of(value), differs, was))
    return Tree([Section(name, rows) for name, rows in sections.items() if rows], len(found))


def text_of(value: Any) -> str:
    """Return a value as one reads it: text as it is, everything else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.6g}" if value == float(f"{value:.6g}") else repr(value)
    return json.dumps(value, ensure_ascii=False, default=str)
