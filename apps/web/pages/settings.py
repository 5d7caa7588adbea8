"""GET /settings: what is one's own."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import render

from ..request import Request


def profile(request: Request) -> HttpResponse:
    return render(request, "pages/settings/profile.html", {"at": "settings"})
