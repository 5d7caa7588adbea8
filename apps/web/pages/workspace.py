"""GET /TEAM/PROJECT: the runs of a project beside its panels.

All that the first paint shows is written into the page; only the points are asked for. What the address and the
view say is read here just far enough to know which runs come first; `static/js/models/view.js` reads the rest.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from django.shortcuts import render

from apps.accounts.access import fetch
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.base.errors import DomainError, NotFound
from apps.reports.models import SavedView, ViewLink
from apps.tracking.models import Project, Run
from apps.tracking.search.ast import Field
from apps.tracking.search.cells import cells
from apps.tracking.search.errors import QueryError
from apps.tracking.search.metric_names import key_metric, metric_names
from apps.tracking.search.order import parse_order
from apps.tracking.search.run_list import costs_bounded, matching, run_list
from apps.tracking.search.unparse import quoted, unparse_field

from ..found import found_project
from ..request import Request
from .onboarding import first_steps

FIRST_RUNS = 100
# With groups, whole groups are to be seen at once.
GROUPED_RUNS = 1000
MOST_COUNTED = 10_000
# What a row of the list shows whatever its columns are.
OF_EVERY_RUN = ("created", "seen", "ended", "step", "group", "tags")
_WIDE = ("config", "summary", "metadata", "notes", "labels")


def workspace(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    content = _content(request, found)
    return render(
        request,
        "pages/workspace.html",
        {
            "at": "projects",
            "tab": "workspace",
            "team": found.team,
            "project": found,
            "content": content,
            "steps": None if content["hasRuns"] else first_steps(request, found),
        },
    )


def _content(request: Request, project: Project) -> dict[str, Any]:
    principal = request.principal
    link, view = _link(request, project), _view(request, project)
    said = _said(request, link, view)
    names = metric_names(project)
    key = key_metric(project, names.names)
    automatic = [unparse_field(Field("metrics", key))] if key else []
    runs = _runs(project, said, said.get("columns", automatic))
    return {
        "project": {
            "id": project.public_id,
            "name": project.name,
            "slug": project.slug,
            "team": project.team.slug,
        },
        "metrics": {"names": names.names, "after": names.after},
        "columns": automatic,
        "runs": runs,
        "hasRuns": bool(runs["items"]) or Run.objects.filter(project=project, deleted_at=None).exists(),
        "views": [_view_out(each) for each in _views(project, principal)],
        "view": {**_view_out(view), "state": view.state} if view else None,
        "link": link.state if link else None,
        "mayEdit": (principal.role_in(project.team_id) or Role.VIEWER) >= Role.MEMBER,
    }


def _views(project: Project, principal: Principal) -> list[SavedView]:
    views = SavedView.objects.visible_to(principal).filter(project=project)
    return list(views.with_defaults(principal).defer("state")[:500])


def _view(request: Request, project: Project) -> SavedView | None:
    """Return the view that the address names, else the one the workspace opens with: none is the automatic one."""
    asked = request.GET.get("view")
    if asked == "auto":
        return None
    if asked:
        views = SavedView.objects.with_defaults(request.principal)
        return fetch(views, request.principal, project=project, public_id=asked)
    return SavedView.objects.default_of(project, request.principal)


def _view_out(view: SavedView) -> dict[str, Any]:
    return {
        "id": view.public_id,
        "name": view.name,
        "owner": "team" if view.owner_id is None else "mine",
        "is_my_default": view.is_my_default,  # type: ignore[attr-defined]
        "is_team_default": view.is_team_default,  # type: ignore[attr-defined]
    }


def _link(request: Request, project: Project) -> ViewLink | None:
    if "v" not in request.GET:
        return None
    try:
        return fetch(ViewLink, request.principal, project=project, key=request.GET["v"])
    except NotFound:
        # An address that was cut short still shows the project.
        return None


def _said(request: Request, link: ViewLink | None, view: SavedView | None) -> Mapping[str, Any]:
    """Return what is said of the runs: by the address, else by the view."""
    state = dict(link.state if link else view.state if view else {})
    for name in ("q", "sort", "group"):
        if name in request.GET:
            state[name] = request.GET[name]
    if "search" in request.GET:
        state["search"] = {"text": request.GET["search"], "regex": "regex" in request.GET}
    return state


def _runs(project: Project, said: Mapping[str, Any], columns: list[str]) -> dict[str, Any]:
    """Return the first runs, as `GET /projects/{project}/runs` would tell them; a query that is refused as such."""
    query, sort = composed(said.get("q", ""), said.get("search")), said.get("sort", "")
    try:
        fields = [*OF_EVERY_RUN, *columns, *_sorted_by(sort), *([said["group"]] if said.get("group") else [])]
        page = run_list(
            project, query, sort, limit=GROUPED_RUNS if said.get("group") else FIRST_RUNS, defer=_WIDE
        )
        values = cells(page.runs, list(dict.fromkeys(fields)))
        with costs_bounded():
            counted = matching(project, query)[: MOST_COUNTED + 1].count() if page.cursor else len(page.runs)
    except QueryError as refused:
        return {"items": [], "next": None, "total": 0, "total_is_exact": True, "refused": _refusal(refused)}
    return {
        "items": [
            {"id": run.public_id, "name": run.name, "state": run.state, "fields": of_run}
            for run, of_run in zip(page.runs, values, strict=True)
        ],
        "next": page.cursor,
        "total": min(counted, MOST_COUNTED),
        "total_is_exact": counted <= MOST_COUNTED,
    }


def composed(query: str, search: Mapping[str, Any] | None) -> str:
    """Return the query with a search for names in it; `composed` of static/js/models/run-query.js says the same."""
    if not search or not search.get("text"):
        return query
    named = f"name {'matches' if search.get('regex') else 'contains'} {quoted(search['text'])}"
    return f"({query}) and {named}" if query.strip() else named


def _sorted_by(sort: str) -> list[str]:
    """Return what the first key of an order is, as a column. Raises QueryError."""
    return [unparse_field(key.field) for key in parse_order(sort)[:1]]


def _refusal(refused: DomainError) -> dict[str, Any]:
    return {"code": refused.code, "message": refused.message, "details": refused.details}
