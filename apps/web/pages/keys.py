"""One's own API keys: the list, a new one, and the end of one. Each dialog has an address of its own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.timezone import now

from apps.accounts.access import fetch
from apps.accounts.keys import issue_own_key
from apps.accounts.models import ApiKey, Team
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import Scope, Verb
from apps.base.errors import DomainError
from apps.tracking.models import Project

from .. import moments
from ..context import teams_of
from ..forms import refuse
from ..request import Request

SCOPES = (
    (Scope.INGEST, "Send runs. Cannot read anything."),
    (Scope.READ, "Read projects, runs and their metrics."),
    (Scope.WRITE, "Read, send, edit and delete runs."),
    (Scope.ADMIN, "Everything you may do, keys included."),
)
LIFETIMES_DAYS = (7, 30, 90, 365)
# A list to choose from, not to search in.
PROJECTS = 300


@dataclass(frozen=True)
class KeyRow:
    """expiry: in words; urgency: "" , "soon" or "over"."""

    key: ApiKey
    expiry: str
    urgency: str


class NewKey(forms.Form):
    """reach: "" for all teams, "team:SLUG" or "project:ID"."""

    name = forms.CharField(max_length=100)
    scope = forms.ChoiceField(choices=[(scope, words) for scope, words in SCOPES], initial=Scope.INGEST)
    reach = forms.CharField(max_length=80, required=False)
    days = forms.TypedChoiceField(
        choices=[(days, days) for days in (0, *LIFETIMES_DAYS)], coerce=int, initial=90
    )


def keys(request: Request) -> HttpResponse:
    """GET /settings/keys"""
    return _page(request)


def new_key(request: Request) -> HttpResponse:
    """GET, POST /settings/keys/new: the answer to the form is the only one that ever holds the secret."""
    asked = NewKey(request.POST if request.method == "POST" else None)
    if asked.is_valid():
        try:
            key, secret = _issue(request.principal, asked.cleaned_data)
        except DomainError as refusal:
            refuse(asked, refusal, {"bad_name": "name", "not_found": "reach"})
        else:
            return _page(request, made=key, secret=secret, site=settings.PUBLIC_URL, status=201)
    return _page(request, form=asked, status=422 if asked.errors else 200)


def revoke_key(request: Request, key: str) -> HttpResponse:
    """GET, POST /settings/keys/KEY/revoke: asks first, and says which."""
    found = fetch(_own(request.principal), request.principal, Role.VIEWER, Verb.MANAGE, public_id=key)
    if request.method != "POST":
        return _page(request, ending=found)
    found.revoke()
    messages.success(request, f"{found} has been revoked. Whatever used it is refused from now on.")
    return redirect("web:keys")


def _own(principal: Principal) -> QuerySet[ApiKey]:
    own = ApiKey.objects.filter(owner__isnull=False, owner=principal.user_id, revoked_at=None)
    return own.select_related("team", "project__team")


def _issue(principal: Principal, asked: dict[str, Any]) -> tuple[ApiKey, str]:
    """Raises DomainError."""
    kind, _, name = asked["reach"].partition(":")
    team = project = None
    if kind == "project":
        project = fetch(Project.objects.select_related("team"), principal, public_id=name)
        team = project.team
    elif kind:
        team = fetch(Team, principal, Role.VIEWER, Verb.MANAGE, slug=name)
    return issue_own_key(
        principal,
        name=asked["name"],
        scopes=[Scope(asked["scope"])],
        team=team,
        project=project,
        expires_at=now() + timedelta(days=asked["days"]) if asked["days"] else None,
    )


def _page(request: Request, *, status: int = 200, **dialog: Any) -> HttpResponse:
    """The list, under the dialog if there is one. form, made with its secret, ending: which dialog."""
    principal = request.principal
    listed = _own(principal).order_by("-created_at", "public_id")
    shown = {
        "at": "settings",
        "section": "keys",
        "heading": "API keys",
        "rows": [_row(key) for key in listed],
        **dialog,
    }
    if "form" in dialog:
        shown |= {"scopes": SCOPES, "places": _places(principal), "lifetimes": _lifetimes()}
    return render(request, "pages/settings/keys.html", shown, status=status)


def _row(key: ApiKey) -> KeyRow:
    if key.expires_at is None:
        return KeyRow(key, "never", "")
    left = key.expires_at - now()
    if left <= timedelta(0):
        return KeyRow(key, f"expired {moments.day(key.expires_at, now())}", "over")
    return KeyRow(key, moments.until(key.expires_at, now()), "soon" if left < timedelta(days=7) else "")


def _places(principal: Principal) -> list[tuple[Team, list[Project]]]:
    """Where a key may be bound to: each team and its newest projects."""
    newest = Project.objects.visible_to(principal).only("public_id", "name", "team_id")[:PROJECTS]
    projects: dict[int, list[Project]] = {}
    for project in newest:
        projects.setdefault(project.team_id, []).append(project)
    return [(team, projects.get(team.pk, [])) for team in teams_of(principal)]


def _lifetimes() -> list[tuple[int, str]]:
    """In days, and what a form says of it; 0 is for ever."""
    ends = [(days, moments.day(now() + timedelta(days=days), now())) for days in LIFETIMES_DAYS]
    return [
        *((days, f"in {days} days, {end}" if days < 365 else f"in a year, {end}") for days, end in ends),
        (0, "never"),
    ]
