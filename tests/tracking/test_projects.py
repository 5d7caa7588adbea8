from __future__ import annotations

import pytest

from apps.accounts.models import Team, User
from apps.accounts.principal import NOBODY, Kind, Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import ALL_SCOPES
from apps.base.errors import Conflict, Invalid
from apps.tracking.models import Project
from apps.tracking.names import check_slug, clean_name, slug_from

pytestmark = pytest.mark.django_db


@pytest.fixture
def team():
    return User.objects.create_user("alice@example.org").personal_team


def test_a_name_is_taken_once_in_a_team(team):
    Project.objects.begin(team, name="Vision / Digits")

    with pytest.raises(Conflict):
        Project.objects.begin(team, name="Vision / Digits")


def test_names_that_give_one_slug_get_numbers(team):
    slugs = [Project.objects.begin(team, name=name).slug for name in ("Digits", "digits", "DIGITS!")]

    assert slugs == ["digits", "digits-2", "digits-3"]


def test_a_deleted_project_frees_its_name(team):
    first = Project.objects.begin(team, name="Digits")
    first.remove()
    second = Project.objects.begin(team, name="Digits")

    with pytest.raises(Conflict):
        first.restore()
    second.remove()
    first.restore()

    assert list(Project.objects.live()) == [first]


@pytest.mark.parametrize(
    "slug", ["", "A", "a b", "-a", "a-", "ä", "a/b", "a" * 129, "a\u200bb", "new", "%61"]
)
def test_name_1_a_slug_has_one_form(slug):
    with pytest.raises(Invalid):
        check_slug(slug)


def test_name_1_what_cannot_be_seen_does_not_make_another_name():
    assert clean_name("e\u0301\u200b") == clean_name("\u00e9")
    assert clean_name("\u202eabc ") == "abc"
    for bad in ("", " ", "\x00", "a\nb", "a" * 501):
        with pytest.raises(Invalid):
            clean_name(bad)


@pytest.mark.parametrize("name", ["Digits", "MNIST / ablation (2)", "données", "new", "...", "a" * 500])
def test_a_slug_made_from_a_name_is_a_slug(name):
    assert check_slug(slug_from(name))


def test_a_name_without_latin_letters_gets_a_slug_of_its_own():
    assert slug_from("数字") != slug_from("数字")


def _principal(user, **more):
    roles = {membership.team_id: Role(membership.role) for membership in user.memberships.all()}
    return Principal(Kind.USER, user=user, scopes=ALL_SCOPES, roles=roles, **more)


def test_who_sees_a_project():
    alice, bob, vera, mallory = (
        User.objects.create_user(f"{name}@example.org") for name in ("alice", "bob", "vera", "mallory")
    )
    team = Team.objects.create_team(slug="lab", owner=alice)
    team.memberships.create(user=bob, role=Role.MEMBER)
    team.memberships.create(user=vera, role=Role.VIEWER)
    shared = Project.objects.begin(team, name="shared", by=bob)
    private = Project.objects.begin(team, name="private", by=bob, visibility="private")
    gone = Project.objects.begin(team, name="gone", by=bob)
    gone.remove()

    def seen(user, **more):
        return set(Project.objects.visible_to(_principal(user, **more)))

    assert seen(alice) == {shared, private}
    assert seen(bob) == {shared, private}
    assert seen(vera) == {shared}
    assert seen(mallory) == set()
    assert seen(bob, project_id=shared.pk) == {shared}
    assert set(Project.objects.visible_to(NOBODY)) == set()
    assert gone in Project.with_removed.visible_to(_principal(bob))
    assert gone not in Project.with_removed.visible_to(_principal(mallory))
