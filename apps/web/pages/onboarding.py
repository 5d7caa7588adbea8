"""GET, POST /TEAM/PROJECT/start: how the first run is sent. The answer to POST alone holds the key it made."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timezone import now

from apps.accounts.keys import issue_own_key
from apps.accounts.roles import Role
from apps.accounts.scopes import Scope
from apps.tracking.models import Project, Run

from ..found import found_project
from ..request import Request

CLIENTS = (("sdk", "Isoline SDK"), ("curl", "curl"), ("tensorboard", "TensorBoard folder"))
KEY_DAYS = 90


def start(request: Request, team: str, project: str) -> HttpResponse:
    needs = Role.MEMBER if request.method == "POST" else None
    found = found_project(request.principal, team, project, needs=needs)
    secret = _fresh_key(request, found) if request.method == "POST" else ""
    return render(
        request,
        "pages/onboarding/start.html",
        {
            "at": "projects",
            "tab": "workspace",
            "team": found.team,
            "project": found,
            "has_runs": Run.objects.filter(project=found, deleted_at=None).exists(),
            "steps": first_steps(request, found, secret=secret),
        },
        status=201 if secret else 200,
    )


def first_steps(request: Request, project: Project, *, secret: str = "") -> dict[str, Any]:
    """Return what `pages/onboarding/_first_steps.html` shows. No query."""
    asked = request.POST.get("with") or request.GET.get("with")
    return {
        "clients": CLIENTS,
        "chosen": asked if asked in dict(CLIENTS) else CLIENTS[0][0],
        "site": _site_of(request),
        "secret": secret,
        "days": KEY_DAYS,
        "may_send": (request.principal.role_in(project.team_id) or Role.VIEWER) >= Role.MEMBER,
    }


def _fresh_key(request: Request, project: Project) -> str:
    _, secret = issue_own_key(
        request.principal,
        name=f"First steps in {project.name[:60]}",
        scopes=[Scope.WRITE],
        team=project.team,
        project=project,
        expires_at=now() + timedelta(days=KEY_DAYS),
    )
    return secret


def _site_of(request: Request) -> str:
    """Return this site's address as whoever looks reaches it: Django has let in none but allowed hosts."""
    public: str = settings.PUBLIC_URL
    if request.get_host() == urlsplit(public).netloc:
        return public
    return request.build_absolute_uri(reverse("web:home")).rstrip("/")
