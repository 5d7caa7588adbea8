"""GET /TEAM/PROJECT/compare?runs=a,b: runs side by side, what differs or (`all=1`) everything."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse
from django.shortcuts import render

from apps.accounts.access import fetch_all
from apps.accounts.scopes import Verb
from apps.base.errors import NotFound
from apps.tracking.compare import FEWEST_RUNS, MOST_RUNS, Comparison, comparison_of
from apps.tracking.models import Project, Run

from .. import diff
from ..comparison_table import sections_of, verdict
from ..found import found_project
from ..request import Request

_OFFERED = 100


@dataclass(frozen=True)
class Asked:
    """runs: public ids in the order of the address, the baseline first. part: what keys have to contain."""

    runs: tuple[str, ...]
    shows_all: bool
    part: str

    @classmethod
    def of(cls, request: Request) -> Asked:
        given = dict.fromkeys(each.strip() for each in request.GET.get("runs", "").split(",") if each.strip())
        baseline = request.GET.get("baseline", "")
        ids = sorted(given, key=lambda each: each != baseline)
        return cls(tuple(ids), request.GET.get("all") == "1", request.GET.get("q", "")[:200])

    def address(self, runs: list[str], *, shows_all: bool | None = None) -> str:
        """The query of the address with other runs, or with all rows."""
        query = {"runs": ",".join(runs)}
        if self.shows_all if shows_all is None else shows_all:
            query["all"] = "1"
        if self.part:
            query["q"] = self.part
        return f"?{urlencode(query, safe=',')}"


def compare(request: Request, team: str, project: str) -> HttpResponse:
    found = found_project(request.principal, team, project)
    asked = Asked.of(request)
    if not FEWEST_RUNS <= len(asked.runs) <= MOST_RUNS:
        return _refused(
            request, found, f"Pick {FEWEST_RUNS} to {MOST_RUNS} runs to compare", len(asked.runs), 400
        )
    try:
        runs = fetch_all(Run.objects.filter(project=found), request.principal, Verb.READ, asked.runs)
    except NotFound:
        return _refused(request, found, "Not all of these runs are here", len(asked.runs), 404)
    comparison = comparison_of(runs)
    sections = sections_of(comparison, shows_all=asked.shows_all, part=asked.part)
    whom, words = verdict(comparison)
    return _page(
        request,
        found,
        asked=asked,
        heads=_heads(asked, runs),
        sections=sections,
        keys=sum(section.total for section in sections),
        whom=whom,
        words=words,
        comparison=comparison,
        code=_code(comparison),
        offered=_offered(found, asked) if len(runs) < MOST_RUNS else [],
        only_differing=asked.address(list(asked.runs), shows_all=False),
        everything=asked.address(list(asked.runs), shows_all=True),
        told={
            "runs": [{"id": run.public_id, "name": run.name, "live": run.is_running} for run in runs],
            "metrics": list(comparison.keys),
        },
    )


def _page(request: Request, project: Project, *, status: int = 200, **more: Any) -> HttpResponse:
    context = {"at": "projects", "tab": "runs", "team": project.team, "project": project, **more}
    return render(request, "pages/compare.html", context, status=status)


def _refused(request: Request, project: Project, heading: str, asked: int, status: int) -> HttpResponse:
    return _page(request, project, status=status, refused=heading, asked_runs=asked)


def _heads(asked: Asked, runs: list[Run]) -> list[dict[str, Any]]:
    """Each run with the addresses without it, and with it as the baseline."""
    heads = []
    for run in runs:
        others = [each for each in asked.runs if each != run.public_id]
        heads.append(
            {
                "run": run,
                "without": asked.address(others) if len(others) >= FEWEST_RUNS else "",
                "as_baseline": asked.address([run.public_id, *others]),
            }
        )
    return heads


def _offered(project: Project, asked: Asked) -> list[dict[str, Any]]:
    """The newest other runs, with the addresses that add them."""
    others = Run.objects.filter(project=project).live().exclude(public_id__in=asked.runs)
    newest = others.order_by("-created_at", "-pk").only("public_id", "name")[:_OFFERED]
    return [{"run": run, "address": asked.address([*asked.runs, run.public_id])} for run in newest]


def _code(comparison: Comparison) -> list[dict[str, Any]]:
    """What each run's code was; runs of the same code together."""
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for run, git in zip(comparison.runs, comparison.code, strict=True):
        if git is None:
            continue
        group = groups.setdefault(
            (git.commit, git.diff), {"git": git, "runs": [], "diff": diff.parse(git.diff)}
        )
        group["runs"].append(run)
    return list(groups.values())
