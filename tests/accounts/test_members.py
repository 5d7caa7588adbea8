"""Who may change whom in a team."""

from __future__ import annotations

import pytest

from apps.accounts import members
from apps.accounts.credentials import principal_of_user
from apps.accounts.models import AuditEvent, Membership, Team, User
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.base.errors import Conflict, Denied


def of(user: User, team: Team) -> Membership:
    return Membership.objects.select_related("team", "user").get(user=user, team=team)


def test_an_owner_changes_a_role_and_the_log_says_from_what(principal: Principal, bob: User, team: Team):
    members.change_role(principal, of(bob, team), role=Role.ADMIN)
    assert of(bob, team).role == Role.ADMIN
    assert AuditEvent.objects.get(action="member.role_changed").detail == {"role": "admin", "was": "member"}


def test_the_same_role_again_is_no_act(principal: Principal, bob: User, team: Team):
    members.change_role(principal, of(bob, team), role=Role.MEMBER)
    assert not AuditEvent.objects.filter(action="member.role_changed").exists()


def test_an_admin_neither_touches_an_owner_nor_makes_one(alice: User, bob: User, vera: User, team: Team):
    of(bob, team).change_role(Role.ADMIN)
    admin = principal_of_user(bob)
    for member, role in [(alice, Role.MEMBER), (vera, Role.OWNER)]:
        with pytest.raises(Denied):
            members.change_role(admin, of(member, team), role=role)
    with pytest.raises(Denied):
        members.remove(admin, of(alice, team))


def test_a_member_removes_nobody_but_themselves(bob: User, vera: User, team: Team):
    with pytest.raises(Denied):
        members.remove(principal_of_user(bob), of(vera, team))
    members.remove(principal_of_user(bob), of(bob, team))
    assert not Membership.objects.filter(user=bob, team=team).exists()
    assert AuditEvent.objects.get(action="member.left").object_name == "Bob"


def test_ACC_9_the_last_owner_cannot_leave(principal: Principal, alice: User, bob: User, team: Team):
    with pytest.raises(Conflict) as refused:
        members.remove(principal, of(alice, team))
    assert refused.value.code == "last_owner"
    assert not AuditEvent.objects.filter(action="member.left").exists()


def test_ownership_is_handed_on(principal: Principal, alice: User, bob: User, team: Team):
    members.transfer_ownership(principal, of(bob, team))
    assert (of(bob, team).role, of(alice, team).role) == (Role.OWNER, Role.ADMIN)


def test_only_an_owner_hands_on(alice: User, bob: User, vera: User, team: Team):
    of(bob, team).change_role(Role.ADMIN)
    with pytest.raises(Denied):
        members.transfer_ownership(principal_of_user(bob), of(vera, team))


def test_a_personal_team_stays_its_persons(principal: Principal, alice: User):
    with pytest.raises(Conflict):
        members.remove(principal, of(alice, alice.personal_team))
