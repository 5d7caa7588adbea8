"""GET /TEAM/PROJECT/runs/trash: deleted runs, for as long as they can be restored."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.access import fetch_all
from apps.accounts.scopes import Verb
from apps.tracking import bulk
from apps.tracking.models import Run
from apps.tracking.runs import UNDO

from ..found import found_project
from ..request import Request
from .runs import may_edit

_SHOWN = 500


def trash(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    if request.method == "POST":
        return _restore(request, team, project)
    deleted = (
        Run.with_removed.filter(project=found, deleted_at__isnull=False)
        .select_related("deleted_by", "deleted_by_service")
        .defer("config", "summary", "metadata", "labels")
        .order_by("-deleted_at", "-pk")
    )
    rows = list(deleted[: _SHOWN + 1])
    for run in rows:
        run.gone_at = run.deleted_at + UNDO  # type: ignore[attr-defined,operator]
    return render(
        request,
        "pages/runs/trash.html",
        {
            "at": "projects",
            "tab": "runs",
            "team": found.team,
            "project": found,
            "runs": rows[:_SHOWN],
            "more": len(rows) > _SHOWN,
            "may_edit": may_edit(request, found),
        },
    )


def _restore(request: Request, team: str, project: str) -> HttpResponse:
    """POST: `run`, once for each to restore."""
    wanted = request.POST.getlist("run")
    if not wanted:
        messages.warning(request, "Pick at least one run to restore.")
        return redirect("web:trash", team, project)
    rows = Run.with_removed.filter(project__slug=project, project__team__slug=team)
    restored = fetch_all(rows, request.principal, Verb.EDIT, wanted[: bulk.MOST_RUNS])
    bulk.restore(restored)
    if len(restored) == 1:
        messages.success(request, f"{restored[0].name} is back among the runs.")
    else:
        messages.success(request, f"{len(restored)} runs are back.")
    return redirect("web:trash", team, project)
