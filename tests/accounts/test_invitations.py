"""ACC-5: an invitation is bound to its address, good once, for seven days, revocable."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connection
from django.utils.timezone import now

from apps.accounts import invitations
from apps.accounts.credentials import principal_of_user
from apps.accounts.models import AuditEvent, Invitation, Membership, OutgoingMail, Team, User
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.base.errors import Conflict, Denied, DomainError, Gone, Invalid


def invited(
    principal: Principal, team: Team, email: str = "newcomer@lab.example", role: Role = Role.MEMBER
) -> str:
    """Invite, and return the token as the mail has it."""
    invitations.invite(principal, team, email=email, role=role)
    link: str = OutgoingMail.objects.latest("pk").context["link"]
    return link.rpartition("/")[2]


def test_who_is_invited_joins_with_the_role_of_the_row(principal: Principal, team: Team):
    token = invited(principal, team, role=Role.ADMIN)
    user = User.objects.create_user("newcomer@lab.example")

    invitations.accept(token, user)

    assert Membership.objects.get(team=team, user=user).role == Role.ADMIN
    assert set(AuditEvent.objects.filter(team=team).values_list("action", flat=True)) == {
        "member.invited",
        "member.joined",
    }


def test_ACC_5_it_is_good_once(principal: Principal, team: Team):
    token = invited(principal, team)
    user = User.objects.create_user("newcomer@lab.example")
    invitations.accept(token, user)
    with pytest.raises(Gone):
        invitations.accept(token, user)


def test_ACC_5_another_address_gets_nothing(principal: Principal, team: Team, mallory: User):
    token = invited(principal, team)
    with pytest.raises(Denied) as refused:
        invitations.accept(token, mallory)
    assert refused.value.code == "other_address"
    assert not Membership.objects.filter(team=team, user=mallory).exists()
    assert Invitation.objects.pending().exists()


def test_ACC_5_it_expires_after_seven_days(principal: Principal, team: Team):
    token = invited(principal, team)
    row = Invitation.objects.get()
    assert timedelta(days=6, hours=23) < row.expires_at - now() <= timedelta(days=7)
    Invitation.objects.update(expires_at=now())
    with pytest.raises(Gone):
        invitations.opened(token)
    with pytest.raises(Gone):
        invitations.accept_as_new(token, name="New", password="a good long one")


def test_ACC_5_it_can_be_taken_back(principal: Principal, team: Team):
    token = invited(principal, team)
    invitations.revoke(Invitation.objects.get())
    invitations.revoke(Invitation.objects.get())
    with pytest.raises(Gone):
        invitations.opened(token)
    assert AuditEvent.objects.filter(action="invitation.revoked").count() == 1


def test_only_the_hash_of_a_token_is_kept(principal: Principal, team: Team):
    token = invited(principal, team)
    assert token.encode() not in bytes(Invitation.objects.get().digest)
    assert len(token) >= 43


def test_a_second_mail_makes_the_first_link_worthless(principal: Principal, team: Team):
    first = invited(principal, team)
    invitations.send_again(principal, Invitation.objects.get())
    second = OutgoingMail.objects.latest("pk").context["link"].rpartition("/")[2]
    with pytest.raises(Gone):
        invitations.opened(first)
    assert invitations.opened(second).email == "newcomer@lab.example"


def test_inviting_again_replaces_the_open_offer(principal: Principal, team: Team):
    first = invited(principal, team, role=Role.ADMIN)
    invited(principal, team, role=Role.VIEWER)
    with pytest.raises(Gone):
        invitations.opened(first)
    assert [row.role for row in Invitation.objects.pending()] == [Role.VIEWER]


def test_somebody_new_makes_an_account_and_is_in(principal: Principal, team: Team):
    token = invited(principal, team)
    user = invitations.accept_as_new(token, name="Ada", password="a good long one")
    assert (user.email, user.name) == ("newcomer@lab.example", "Ada")
    assert user.check_password("a good long one")
    assert {team.slug for team in Team.objects.filter(memberships__user=user)} == {"lab", "newcomer"}


def test_an_address_with_an_account_is_not_made_anew(principal: Principal, team: Team, mallory: User):
    token = invited(principal, team, email=mallory.email)
    with pytest.raises(Conflict):
        invitations.accept_as_new(token, name="x", password="a good long one")
    assert Invitation.objects.pending().exists()


def test_nobody_invites_above_themselves(alice: User, bob: User, team: Team):
    bob.memberships.filter(team=team).update(role=Role.ADMIN)
    with pytest.raises(Denied):
        invitations.invite(principal_of_user(bob), team, email="x@lab.example", role=Role.OWNER)


def test_who_is_in_already_is_not_invited(principal: Principal, team: Team, bob: User):
    with pytest.raises(Conflict) as refused:
        invitations.invite(principal, team, email=" BOB@lab.example", role=Role.MEMBER)
    assert refused.value.code == "already_member"


def test_a_personal_team_has_one_member(principal: Principal, alice: User):
    with pytest.raises(Conflict) as refused:
        invitations.invite(principal, alice.personal_team, email="x@lab.example", role=Role.MEMBER)
    assert refused.value.code == "personal_team"


def test_what_is_no_address_is_refused(principal: Principal, team: Team):
    with pytest.raises(Invalid):
        invitations.invite(principal, team, email="not an address", role=Role.MEMBER)


@pytest.mark.django_db(transaction=True)
def test_ACC_5_of_two_who_accept_at_once_one_does(alice: User, team: Team):
    token = invited(principal_of_user(alice), team)
    user = User.objects.create_user("newcomer@lab.example")
    outcomes: list[str] = []
    both = threading.Barrier(2)

    def accept() -> None:
        both.wait()
        try:
            invitations.accept(token, user)
            outcomes.append("joined")
        except DomainError as refusal:
            outcomes.append(refusal.code)
        finally:
            connection.close()

    racing = [threading.Thread(target=accept) for _ in range(2)]
    for thread in racing:
        thread.start()
    for thread in racing:
        thread.join()
    assert sorted(outcomes) == ["expired", "joined"]
    assert Membership.objects.filter(team=team, user=user).count() == 1
