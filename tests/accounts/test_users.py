"""A person is known by an e-mail address, however it is written."""

from __future__ import annotations

import pytest
from django.contrib.auth import authenticate
from django.db import IntegrityError, transaction

from apps.accounts.models import Team, User
from apps.accounts.roles import Role
from apps.base.errors import Conflict, Invalid

pytestmark = pytest.mark.django_db


def test_a_person_comes_with_a_team_of_their_own():
    ada = User.objects.create_user("Ada.Okafor@Lab.example", "correct horse battery")
    assert ada.email == "ada.okafor@lab.example"
    assert ada.personal_team.slug == "ada-okafor"
    assert [(each.user, each.role) for each in ada.personal_team.memberships.all()] == [(ada, Role.OWNER)]


def test_two_people_of_one_local_part_get_two_teams():
    first = User.objects.create_user("ada@one.example")
    second = User.objects.create_user("ada@two.example")
    assert first.personal_team.slug == "ada"
    assert second.personal_team.slug.startswith("ada-")


@pytest.mark.parametrize(
    "email", ["admin@lab.example", "api@lab.example", "+++@lab.example", "_@lab.example", "-@lab.example"]
)
def test_no_address_gives_a_reserved_or_broken_slug(email: str):
    user = User.objects.create_user(email)
    assert Team.objects.filter(personal_of=user).exists()
    assert user.personal_team.slug not in {"admin", "api", ""}


@pytest.mark.parametrize(
    "twin", ["ada@lab.example", "ADA@LAB.EXAMPLE", " ada@lab.example\n", "Ada@Lab.Example"]
)
def test_NAME_1_an_address_is_taken_once_whatever_case(twin: str):
    User.objects.create_user("ada@lab.example")
    with pytest.raises(Conflict) as refused:
        User.objects.create_user(twin)
    assert refused.value.code == "email_taken"
    assert Team.objects.count() == 1


def test_NAME_1_the_database_refuses_a_twin_as_well():
    User.objects.create_user("ada@lab.example")
    with pytest.raises(IntegrityError), transaction.atomic():
        User.objects.bulk_create([User(email="ADA@lab.example")])


@pytest.mark.parametrize(
    "text", ["", "ada", "ada@", "ada@lab", "a" * 250 + "@lab.example", "ada@lab.example\0"]
)
def test_what_is_no_address_is_refused(text: str):
    with pytest.raises(Invalid):
        User.objects.create_user(text)
    assert not User.objects.exists()


def test_sign_in_takes_the_address_in_any_case():
    ada = User.objects.create_user("ada@lab.example", "correct horse battery")
    assert authenticate(username="ADA@lab.example", password="correct horse battery") == ada
    assert authenticate(username="ada@lab.example", password="wrong") is None
    assert authenticate(username="not an address", password="wrong") is None


def test_a_person_without_a_password_cannot_sign_in_with_one():
    User.objects.create_user("ada@lab.example")
    assert authenticate(username="ada@lab.example", password="") is None


def test_DOS_4_a_megabyte_is_no_password():
    with pytest.raises(Invalid):
        User.objects.create_user("ada@lab.example", "x" * 1_000_000)
