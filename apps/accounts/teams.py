"""Found a team on somebody's behalf."""

from __future__ import annotations

from apps.base.errors import Denied

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
    return Team.objects.create_team(slug=slug, owner=principal.user, name=name)
