"""GET /TEAM/PROJECT/runs: the table of runs; …/runs/export: the same as a file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Iterator
from typing import Any

from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render

from apps.accounts.roles import Role
from apps.tracking.models import Project
from apps.tracking.search.columns import Column

from ..found import found_project
from ..request import Request
from ..run_table import Asked, export_rows, table_of

# A spreadsheet would run what begins like this.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def runs(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    table = table_of(found, Asked.of(request.GET))
    told = table.plain() | {"may_edit": may_edit(request, found)}
    return render(
        request,
        "pages/runs/table.html",
        {
            "at": "projects",
            "tab": "runs",
            "team": found.team,
            "project": found,
            "counts": {"runs": table.total},
            "table": table,
            "told": told,
        },
    )


def export(request: Request, team: str, project: str) -> HttpResponseBase:
    """GET the whole table; POST `ids`, with commas between, for some of its runs. `form`: csv or json."""
    found = found_project(request.principal, team, project)
    asked = Asked.of(request.GET)
    table = table_of(found, asked, limit=1)
    if table.refused:
        raise table.refused
    columns = table.columns
    given = request.POST.get("ids")
    rows = export_rows(found, asked, columns, set(given.split(",")) if given is not None else None)
    form = "json" if request.GET.get("form") == "json" else "csv"
    lines = _json(rows) if form == "json" else _csv(rows, columns)
    kind = "application/json" if form == "json" else "text/csv; charset=utf-8"
    return StreamingHttpResponse(
        lines,
        content_type=kind,
        headers={"Content-Disposition": f'attachment; filename="{found.slug}-runs.{form}"'},
    )


def may_edit(request: Request, project: Project) -> bool:
    """Whether what changes runs is offered; the one door decides."""
    return (request.principal.role_in(project.team_id) or Role.VIEWER) >= Role.MEMBER


class _Line:
    """A file of one line at a time."""

    def write(self, text: str) -> str:
        return text


def _csv(rows: Iterable[dict[str, Any]], columns: list[Column]) -> Iterator[str]:
    writer = csv.writer(_Line())
    yield writer.writerow([_safe(name) for name in ("name", "id", *(column.path for column in columns))])
    for row in rows:
        yield writer.writerow([_safe(content) for content in row.values()])


def _safe(content: Any) -> Any:
    if isinstance(content, list):
        content = ", ".join(content)
    if isinstance(content, str) and content.startswith(_FORMULA):
        return f"'{content}"
    return content


def _json(rows: Iterable[dict[str, Any]]) -> Iterator[str]:
    yield "["
    for number, row in enumerate(rows):
        yield (",\n" if number else "\n") + json.dumps(row, ensure_ascii=False)
    yield "\n]\n"
