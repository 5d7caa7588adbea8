from __future__ import annotations

import pytest

from apps.accounts.models import User
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
