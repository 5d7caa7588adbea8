"""GET /: the teams and what was lately done in them."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from apps.tracking.models import Project

from ..found import found_team
from ..request import Request


def home(request: Request) -> HttpResponse:
    projects = Project.objects.visible_to(request.principal).select_related("team")[:50]
    return render(request, "pages/home.html", {"at": "projects", "projects": projects})


def team(request: Request, team: str) -> HttpResponse:
    found = found_team(request.principal, team)
    projects = Project.objects.visible_to(request.principal).filter(team=found).select_related("team")
    return render(request, "pages/home.html", {"at": "projects", "team": found, "projects": projects})
