"""GET, POST /projects/PROJECT/deleted: what was deleted, and its restore."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.access import fetch
from apps.accounts.roles import Role
from apps.base.errors import DomainError
from apps.tracking.models import Project

from ..request import Request


def deleted_project(request: Request, project: str) -> HttpResponse:
    removed = Project.with_removed.select_related("team")
    found = fetch(removed, request.principal, Role.MEMBER, public_id=project)
    refused = ""
    if request.method == "POST":
        try:
            found.restore()
        except DomainError as refusal:
            refused = refusal.message
        else:
            messages.success(request, f"{found.name} has been restored.")
    if not found.is_deleted:
        return redirect("web:workspace", found.team.slug, found.slug)
    return render(
        request,
        "pages/deleted_project.html",
        {"at": "projects", "team": found.team, "deleted": found, "refused": refused},
        status=409 if refused else 200,
    )
