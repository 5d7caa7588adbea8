"""GET /TEAM/PROJECT: the runs of a project beside its panels."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from ..found import found_project
from ..request import Request


def workspace(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    return render(
        request,
        "pages/workspace.html",
        {"at": "projects", "tab": "workspace", "team": found.team, "project": found},
    )
