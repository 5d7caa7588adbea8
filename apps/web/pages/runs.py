"""GET /TEAM/PROJECT/runs: the table of runs."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from ..found import found_project
from ..request import Request


def runs(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    return render(
        request,
        "pages/runs/table.html",
        {"at": "projects", "tab": "runs", "team": found.team, "project": found},
    )
