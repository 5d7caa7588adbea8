"""From the words of an address to the thing it names, through the one door."""

from __future__ import annotations

from apps.accounts.access import fetch
from apps.accounts.models import Team
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.tracking.models import Project, Run


def found_team(principal: Principal, slug: str, *, needs: Role | None = None) -> Team:
    """Raises NotFound, Denied."""
    return fetch(Team, principal, needs, slug=slug)


def found_project(principal: Principal, team: str, slug: str, *, needs: Role | None = None) -> Project:
    """Return a live project with its team. Raises NotFound, Denied."""
    return fetch(Project.objects.select_related("team"), principal, needs, team__slug=team, slug=slug)


def found_run(principal: Principal, team: str, project: str, run: str, *, needs: Role | None = None) -> Run:
    """Return a run with its project and team. Raises NotFound, Denied."""
    return fetch(
        Run.objects.select_related("project__team"),
        principal,
        needs,
        public_id=run,
        project__slug=project,
        project__team__slug=team,
    )
