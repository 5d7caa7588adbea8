"""GET /TEAM/PROJECT/runs/RUN: one run."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.access import fetch
from apps.tracking.models import Run

from ..found import found_run
from ..request import Request


def by_id(request: Request, run: str) -> HttpResponse:
    """GET /runs/RUN: what clients print, for they need not know where the run is kept."""
    found = fetch(Run.objects.select_related("project__team"), request.principal, public_id=run)
    return redirect("web:run", found.project.team.slug, found.project.slug, found.public_id)


def overview(request: Request, team: str, project: str, run: str) -> HttpResponse:
    found = found_run(request.principal, team, project, run)
    return render(
        request,
        "pages/runs/overview.html",
        {"at": "projects", "team": found.project.team, "project": found.project, "run": found},
    )
