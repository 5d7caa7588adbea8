"""GET, POST /settings: who one is; GET /settings/appearance: how the site looks in this browser."""

from __future__ import annotations

from django import forms
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.base.errors import DomainError, NotFound

from ..context import teams_of
from ..forms import refuse
from ..request import Request


class Profile(forms.Form):
    name = forms.CharField(max_length=200, required=False)


def profile(request: Request) -> HttpResponse:
    user = request.principal.user
    if user is None:
        raise NotFound("Only a person has a profile.")
    asked = Profile(request.POST if request.method == "POST" else None, initial={"name": user.name})
    if asked.is_valid():
        try:
            user.rename(asked.cleaned_data["name"])
        except DomainError as refusal:
            refuse(asked, refusal, {"bad_name": "name"})
        else:
            messages.success(request, "Your name has been saved.")
            return redirect("web:settings")
    teams = teams_of(request.principal)
    return render(
        request,
        "pages/settings/profile.html",
        {
            "at": "settings",
            "section": "profile",
            "heading": "Profile",
            "form": asked,
            "teams": teams,
            "memberships": [(team, request.principal.role_in(team.pk)) for team in teams],
        },
        status=422 if asked.errors else 200,
    )


def appearance(request: Request) -> HttpResponse:
    return render(
        request,
        "pages/settings/appearance.html",
        {"at": "settings", "section": "appearance", "heading": "Appearance"},
    )
