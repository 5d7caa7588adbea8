"""Found and rename a team on somebody's behalf."""

from __future__ import annotations

from django.db import transaction

from apps.base.errors import Denied

from . import audit
from .models import Team
from .names import clean_name
from .principal import Principal


def found_team(principal: Principal, *, slug: str, name: str | None = None) -> Team:
    """Create a team that the principal owns.

    Raises Denied for anyone but a person with a credential for all their teams; Invalid and Conflict
    as `Team.objects.create_team`.
    """
    if principal.user is None:
        raise Denied("A team is founded by a person.", code="persons_only")
    if principal.key is not None and principal.key.team_id is not None:
        raise Denied("This key acts in one team only.", code="key_bound_to_team")
    name = clean_name(name, longest=200) if name is not None else None
    with transaction.atomic():
        team = Team.objects.create_team(slug=slug, owner=principal.user, name=name)
        audit.record("team.founded", team=team, about=team)
    return team


def rename_team(team: Team, *, name: str) -> None:
    """Change the display name; the slug stays, for it is an address. Raises Invalid."""
    was = team.name
    with transaction.atomic():
        team.rename(name)
        audit.record("team.renamed", team=team, about=team, was=was)
