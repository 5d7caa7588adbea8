"""GET /: what one works on: projects, the newest runs, the teams; with ?q=, the projects of that name."""

from __future__ import annotations

from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render

from apps.accounts.roles import Role
from apps.tracking.activity import latest_first, newest_runs
from apps.tracking.models import Project

from ..context import teams_of
from ..project_rows import called, rows_of
from ..request import Request

PROJECTS = 12
RUNS = 10
FOUND = 50


def home(request: Request) -> HttpResponse:
    q = request.GET.get("q", "").strip()[:500]
    visible = Project.objects.visible_to(request.principal).select_related("team")
    if q:
        found = list(latest_first(called(visible, q))[: FOUND + 1])
        rows = rows_of(found[:FOUND])
        return _page(request, "found", q=q, rows=rows, has_more=len(found) > FOUND)
    teams = teams_of(request.principal)
    rows = rows_of(latest_first(visible)[:PROJECTS], with_previews=True)
    if not rows:
        writable = [team for team in teams if (request.principal.role_in(team.pk) or 0) >= Role.MEMBER]
        return _page(request, "empty", teams=teams, writable=writable)
    counts = dict(visible.order_by().values_list("team").annotate(Count("pk")))
    return _page(
        request,
        "index",
        rows=rows,
        runs=newest_runs(visible, most=RUNS),
        teams=teams,
        memberships=[(team, request.principal.role_in(team.pk), counts.get(team.pk, 0)) for team in teams],
        projects=sum(counts.values()),
    )


def _page(request: Request, name: str, **shown: object) -> HttpResponse:
    return render(request, f"pages/home/{name}.html", {"at": "projects", **shown})
