"""GET /TEAM/PROJECT/runs/RUN and its tabs: one run; POST …/stop."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render

from apps.accounts.access import fetch
from apps.accounts.roles import Role
from apps.tracking import environment, ledger, post_mortem
from apps.tracking.models import Run
from apps.tracking.models.run import RunEnded

from .. import diff
from ..config_tree import tree
from ..found import found_run
from ..request import Request
from ..run_head import RunHead, head_of
from .runs import may_edit

_REJECTIONS = 20


def by_id(request: Request, run: str) -> HttpResponse:
    """GET /runs/RUN: what clients print, for they need not know where the run is kept."""
    found = fetch(Run.objects.select_related("project__team"), request.principal, public_id=run)
    return redirect("web:run", found.project.team.slug, found.project.slug, found.public_id)


def overview(request: Request, team: str, project: str, run: str) -> HttpResponse:
    found = found_run(request.principal, team, project, run)
    head = head_of(found)
    parent = found.parent if found.parent and found.parent.project_id == found.project_id else None
    return _page(
        request,
        "overview",
        head,
        shown=head.metrics.keys,
        config=tree(found.config, parent.config if parent else None),
        parent=parent,
        ledger=ledger.of_run(found, limit=_REJECTIONS),
        why=post_mortem.of_run(found, head.metrics.facts.values()),
    )


def charts(request: Request, team: str, project: str, run: str) -> HttpResponse:
    head = head_of(found_run(request.principal, team, project, run))
    return _page(request, "charts", head, shown=head.metrics.charts)


def system(request: Request, team: str, project: str, run: str) -> HttpResponse:
    head = head_of(found_run(request.principal, team, project, run))
    return _page(request, "system", head, shown=head.metrics.system)


def logs(request: Request, team: str, project: str, run: str) -> HttpResponse:
    return _page(request, "logs", head_of(found_run(request.principal, team, project, run)))


def code(request: Request, team: str, project: str, run: str) -> HttpResponse:
    head = head_of(found_run(request.principal, team, project, run))
    git = head.environment.main.git if head.environment else None
    return _page(request, "code", head, diff=diff.parse(git.diff) if git else None)


def stop(request: Request, team: str, project: str, run: str) -> HttpResponse:
    """POST: ask the training to stop."""
    found = found_run(request.principal, team, project, run, needs=Role.MEMBER)
    try:
        found.stop()
        messages.success(request, f"{found.name} has been asked to stop.")
    except RunEnded as refusal:
        messages.warning(request, refusal.message)
    return redirect("web:run", team, project, run)


def _page(
    request: Request, tab: str, head: RunHead, *, shown: list[str] | Any = (), **more: Any
) -> HttpResponse:
    """shown: the metrics that get a chart each."""
    run = head.run
    return render(
        request,
        f"pages/runs/{tab}.html",
        {
            "at": "projects",
            "tab": "runs",
            "run_tab": tab,
            "team": run.project.team,
            "project": run.project,
            "run": run,
            "head": head,
            "environment": environment_of(head),
            "may_edit": may_edit(request, run.project),
            "told": {
                "id": run.public_id,
                "name": run.name,
                "project": run.project.public_id,
                "isRunning": run.is_running,
                "tab": tab,
                "metrics": list(shown),
            },
            **more,
        },
    )


def environment_of(head: RunHead) -> environment.Process | None:
    """Return the process that stands for the run."""
    return head.environment.main if head.environment else None
