"""What every layout shows: the teams of whoever looks."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from apps.accounts.models import Team
from apps.accounts.principal import NOBODY, Principal


def frame(request: HttpRequest) -> dict[str, Any]:
    """principal: who looks. teams: theirs; one query, only if shown. base: the path prefix."""
    principal = getattr(request, "principal", NOBODY)
    return {
        "principal": principal,
        "teams": SimpleLazyObject(lambda: teams_of(principal)),
        "base": settings.FORCE_SCRIPT_NAME or "",
    }


def teams_of(principal: Principal) -> list[Team]:
    """Return the principal's teams, their own first, then by name. One query."""
    return sorted(
        Team.objects.visible_to(principal),
        key=lambda team: (team.personal_of_id != principal.user_id, team.name.lower()),
    )
