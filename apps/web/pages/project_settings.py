"""GET /TEAM/PROJECT/settings: what a project is called and who sees it."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from ..found import found_project
from ..request import Request


def project_settings(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    return render(
        request,
        "pages/project_settings.html",
        {"at": "projects", "tab": "settings", "team": found.team, "project": found},
    )
