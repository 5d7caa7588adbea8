"""The table of runs as an address describes it: which runs, in which order, with which columns."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from django.http import QueryDict

from apps.tracking.models import Project, Run
from apps.tracking.search.cells import Cells, cells
from apps.tracking.search.columns import Column, named, suggested
from apps.tracking.search.errors import QueryError
from apps.tracking.search.order import parse_order
from apps.tracking.search.run_list import count, run_list

PAGE = 100
# What every row is read with besides its columns, for the row itself.
_ALWAYS = ("state", "seen", "notes", "tags")
_MOST_COLUMNS = 150


@dataclass(frozen=True)
class Asked:
    """q, sort: as of the query language. columns: their paths; empty for those that suggest themselves.

    pinned: how many of the columns stay in view beside the name.
    """

    q: str = ""
    sort: str = ""
    columns: tuple[str, ...] = ()
    pinned: int = 0

    @classmethod
    def of(cls, query: QueryDict) -> Asked:
        pinned = query.get("pinned", "")
        return cls(
            q=query.get("q", "")[:10_000],
            sort=query.get("sort", "")[:2000],
            columns=tuple(query.getlist("column")[:_MOST_COLUMNS]),
            pinned=int(pinned) if pinned.isascii() and pinned.isdigit() and len(pinned) < 4 else 0,
        )


@dataclass
class Table:
    """rows: runs with their values by path. following: where the next page begins. refused: why there are none."""

    project: Project
    asked: Asked
    columns: list[Column]
    rows: list[tuple[Run, Cells]] = field(default_factory=list)
    following: str | None = None
    matching: int = 0
    total: int = 0
    refused: QueryError | None = None

    @property
    def paths(self) -> list[str]:
        return list(dict.fromkeys([*_ALWAYS, *(column.path for column in self.columns)]))

    def plain(self) -> dict[str, Any]:
        """What the element starts from, as JSON."""
        refused = self.refused
        return {
            "project": {
                "id": self.project.public_id,
                "slug": self.project.slug,
                "team": self.project.team.slug,
            },
            "asked": asdict(self.asked),
            "columns": [asdict(column) for column in self.columns],
            "rows": [
                {"id": run.public_id, "name": run.name, "state": run.state, "fields": values}
                for run, values in self.rows
            ],
            "next": self.following,
            "matching": self.matching,
            "total": self.total,
            "refused": {"message": refused.message, "details": refused.details} if refused else None,
        }

    @property
    def orders(self) -> dict[str, str]:
        """Path → ascending or descending, of the keys of the order."""
        try:
            keys = parse_order(self.asked.sort)
        except QueryError:
            return {}
        return {key.field.path: "descending" if key.descending else "ascending" for key in keys}


def table_of(project: Project, asked: Asked, *, limit: int = PAGE) -> Table:
    """Return the first page of the table. A query that is refused leaves it empty and says why."""
    try:
        columns = named(project, asked.columns) if asked.columns else suggested(project)
    except QueryError:
        # A column that cannot be is left out: an old address still opens.
        columns = suggested(project)
    table = Table(project, asked, columns, total=count(project))
    try:
        page = run_list(
            project, asked.q, asked.sort, limit=limit, defer=("config", "summary", "metadata", "labels")
        )
        table.matching = count(project, asked.q) if asked.q.strip() else table.total
    except QueryError as refusal:
        table.refused = refusal
        return table
    table.rows = list(zip(page.runs, cells(page.runs, table.paths), strict=True))
    table.following = page.cursor
    return table


def export_rows(
    project: Project, asked: Asked, columns: list[Column], only: set[str] | None
) -> Iterator[dict[str, Any]]:
    """Yield all runs of the table, a page at a time: name, id, and a value a column.

    only: public ids, of the runs that are picked. Raises QueryError before the first.
    """
    paths = [column.path for column in columns]
    cursor: str | None = None
    while True:
        page = run_list(
            project,
            asked.q,
            asked.sort,
            cursor=cursor,
            limit=1000,
            defer=("config", "summary", "metadata", "labels"),
        )
        for run, values in zip(page.runs, cells(page.runs, paths), strict=True):
            if only is None or run.public_id in only:
                yield {"name": run.name, "id": run.public_id} | {
                    path: _text(values.get(path)) for path in paths
                }
        cursor = page.cursor
        if cursor is None:
            return


def _text(content: Any) -> Any:
    return content.isoformat() if isinstance(content, datetime) else content
