"""Teams, their names, and who is in them."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from apps.accounts.models import Membership, ServiceAccount, Team, User
from apps.accounts.names import clean_name
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.base.errors import Conflict, DomainError, Invalid


def test_who_founds_a_team_owns_it(alice: User, team: Team):
    assert team.memberships.get().user == alice
    assert team.memberships.get().role == Role.OWNER


def test_a_slug_is_taken_once(alice: User, mallory: User, team: Team):
    with pytest.raises(Conflict) as refused:
        Team.objects.create_team(slug="lab", owner=mallory)
    assert refused.value.code == "slug_taken"


@pytest.mark.parametrize(
    "slug",
    [
        "Lab",
        "lab ",
        "l%61b",
        "läb",
        "la\u0308b",
        "l\u200bab",
        "l\u202eab",
        "lаb",  # a Cyrillic a
        "lab.",
        "lab/x",
        "-lab",
        "lab_",
        "",
        "lab\n",
        "l" * 64,
        "..",
    ],
)
def test_NAME_1_a_slug_has_one_spelling(alice: User, slug: str):
    with pytest.raises(Invalid) as refused:
        Team.objects.create_team(slug=slug, owner=alice)
    assert refused.value.code == "bad_slug"
    with pytest.raises(IntegrityError), transaction.atomic():
        Team.objects.bulk_create(
            [Team(slug=slug[:63], name="x") if len(slug) < 64 else Team(slug="Lab", name="x")]
        )


@pytest.mark.parametrize(
    "slug", ["graphql", "files", "api", "admin", "static", "settings", "sdk", "healthz", "setup"]
)
def test_NAME_1_first_words_of_addresses_are_reserved(alice: User, slug: str):
    with pytest.raises(Invalid) as refused:
        Team.objects.create_team(slug=slug, owner=alice)
    assert refused.value.code == "reserved_slug"


@pytest.mark.parametrize("slug", ["a", "7", "lab-2", "vision_team", "l" * 63])
def test_these_are_slugs(alice: User, slug: str):
    assert Team.objects.create_team(slug=slug, owner=alice).slug == slug


@pytest.mark.parametrize("name", ["", "  ", "a\0b", "a\u202eb", "a\u200bb", "a\nb", "x" * 101])
def test_NAME_1_a_name_hides_nothing(name: str):
    with pytest.raises(Invalid):
        clean_name(name)


def test_NAME_1_a_name_is_composed():
    assert clean_name(" Cafe\u0301 ") == "Caf\u00e9"


def test_ACC_9_the_last_owner_cannot_leave(alice: User, bob: User, team: Team):
    owner = team.memberships.get(user=alice)
    with pytest.raises(Conflict) as refused:
        owner.end()
    assert refused.value.code == "last_owner"
    with pytest.raises(Conflict):
        owner.change_role(Role.ADMIN)
    team.memberships.get(user=bob).change_role(Role.OWNER)
    owner.end()
    assert [each.user for each in team.memberships.all()] == [bob]


def test_a_member_leaves_freely(bob: User, team: Team):
    team.memberships.get(user=bob).end()
    assert not team.memberships.filter(user=bob).exists()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("act", ["end", "step_down"])
def test_ACC_9_of_two_owners_who_leave_at_once_one_stays(act: str):
    first, second = (User.objects.create_user(f"{name}@lab.example") for name in ("ann", "ben"))
    team = Team.objects.create_team(slug="lab", owner=first)
    team.memberships.create(user=second, role=Role.OWNER)
    start, refused = threading.Barrier(2), []

    def leave(membership: Membership) -> None:
        start.wait()
        try:
            if act == "end":
                membership.end()
            else:
                membership.change_role(Role.MEMBER)
        except DomainError as refusal:
            refused.append(refusal.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=leave, args=(each,)) for each in team.memberships.all()]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert refused == ["last_owner"]
    assert team.memberships.filter(role=Role.OWNER).count() == 1


def test_ACC_8_a_service_account_is_no_more_than_who_makes_it(team: Team, principal: Principal, bob: User):
    from apps.accounts.credentials import principal_of_user

    made = ServiceAccount.objects.begin(team, name="ci", role=Role.ADMIN, by=principal)
    assert made.role == Role.ADMIN
    with pytest.raises(DomainError) as refused:
        ServiceAccount.objects.begin(team, name="ci2", role=Role.ADMIN, by=principal_of_user(bob))
    assert refused.value.code == "role_too_low"
    with pytest.raises(Invalid):
        ServiceAccount.objects.begin(team, name="ci3", role=Role.OWNER, by=principal)
    with pytest.raises(Conflict):
        ServiceAccount.objects.begin(team, name="ci", role=Role.VIEWER, by=principal)


def test_roles_are_ordered():
    assert Role.OWNER > Role.ADMIN > Role.MEMBER > Role.VIEWER
    assert [Role.of(role.word) for role in Role] == list(Role)
