"""Change who is in a team, on somebody's behalf. Rules of rank are here; that an owner stays is the model's."""

from __future__ import annotations

from django.db import transaction

from apps.base.errors import Conflict, Denied

from . import audit
from .models import Membership, Team
from .principal import Principal
from .roles import Role


def change_role(principal: Principal, membership: Membership, *, role: Role) -> None:
    """Give a member another role. Nobody touches who is above them, nor lifts anybody above themselves.

    Raises Denied `role_too_low`, Conflict `last_owner`, `personal_team`.
    """
    _refuse_personal(membership.team)
    was = Role(membership.role)
    _demand_rank(principal, membership.team, max(was, role))
    if role is was:
        return
    with transaction.atomic():
        membership.change_role(role)
        audit.record(
            "member.role_changed", team=membership.team, about=membership.user, role=role.word, was=was.word
        )


def remove(principal: Principal, membership: Membership) -> None:
    """Take somebody out of the team, or leave it oneself.

    Raises Denied `role_too_low`, Conflict `last_owner`, `personal_team`.
    """
    _refuse_personal(membership.team)
    is_oneself = principal.user_id == membership.user_id
    if not is_oneself:
        _demand_rank(principal, membership.team, max(Role(membership.role), Role.ADMIN))
    with transaction.atomic():
        audit.record(
            "member.left" if is_oneself else "member.removed",
            team=membership.team,
            about=membership.user,
            was=Role(membership.role).word,
        )
        membership.end()


def transfer_ownership(principal: Principal, membership: Membership) -> None:
    """Make a member owner and step down to admin, both or neither.

    Raises Denied for whoever is no owner, Conflict `personal_team`.
    """
    _refuse_personal(membership.team)
    _demand_rank(principal, membership.team, Role.OWNER)
    own = Membership.objects.get(team=membership.team_id, user=principal.user_id)
    if own.pk == membership.pk:
        return
    with transaction.atomic():
        change_role(principal, membership, role=Role.OWNER)
        change_role(principal, own, role=Role.ADMIN)


def _demand_rank(principal: Principal, team: Team, needed: Role) -> None:
    held = principal.role_in(team.pk) or Role.VIEWER
    if held < needed:
        raise Denied(
            f"Your role in this team is {held.word}; this takes {needed.word}.",
            code="role_too_low",
            details={"role": held.word, "needs": needed.word},
        )


def _refuse_personal(team: Team) -> None:
    if team.personal_of_id is not None:
        raise Conflict("A personal team has one member. Found a team to work together.", code="personal_team")
