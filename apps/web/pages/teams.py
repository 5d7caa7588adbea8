"""A team's page, its projects and its people; and where a project begins."""

from __future__ import annotations

from django import forms
from django.core.paginator import Paginator
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.models import Membership
from apps.accounts.roles import Role
from apps.base.errors import DomainError
from apps.tracking.activity import latest_first
from apps.tracking.models import Project

from ..context import teams_of
from ..forms import refuse
from ..found import found_team
from ..project_rows import called, rows_of
from ..request import Request

PROJECTS = 25
PEOPLE = 12


class NewProject(forms.Form):
    name = forms.CharField(max_length=500)
    description = forms.CharField(max_length=100_000, required=False, widget=forms.Textarea)
    visibility = forms.ChoiceField(
        choices=[(Project.Visibility.TEAM, "Team"), (Project.Visibility.PRIVATE, "Private")],
        initial=Project.Visibility.TEAM,
    )


def team(request: Request, team: str) -> HttpResponse:
    """GET /TEAM?q=&page="""
    found = found_team(request.principal, team)
    q = request.GET.get("q", "").strip()[:500]
    projects = Project.objects.visible_to(request.principal).filter(team=found).select_related("team")
    page = Paginator(latest_first(called(projects, q) if q else projects), PROJECTS).get_page(
        request.GET.get("page")
    )
    people = Membership.objects.visible_to(request.principal).filter(team=found).select_related("user")
    members = list(people.order_by("-role", "user__name", "user__email")[: PEOPLE + 1])
    return render(
        request,
        "pages/team.html",
        {
            "at": "projects",
            "team": found,
            "q": q,
            "page": page,
            "rows": rows_of(page.object_list),
            "members": [(member, Role(member.role)) for member in members[:PEOPLE]],
            "more_members": people.count() - PEOPLE if len(members) > PEOPLE else 0,
            "may_write": (request.principal.role_in(found.pk) or 0) >= Role.MEMBER,
        },
    )


def new_project(request: Request, team: str) -> HttpResponse:
    """GET, POST /TEAM/new"""
    found = found_team(request.principal, team, needs=Role.MEMBER)
    asked = NewProject(request.POST if request.method == "POST" else None)
    if asked.is_valid():
        try:
            project = Project.objects.begin(found, by=request.principal.actor, **asked.cleaned_data)
        except DomainError as refusal:
            refuse(asked, refusal, {"bad_name": "name", "project_exists": "name", "bad_slug": "name"})
        else:
            return redirect("web:workspace", found.slug, project.slug)
    teams = [
        one for one in teams_of(request.principal) if (request.principal.role_in(one.pk) or 0) >= Role.MEMBER
    ]
    return render(
        request,
        "pages/new_project.html",
        {"at": "projects", "team": found, "form": asked, "writable": teams},
        status=422 if asked.errors else 200,
    )
