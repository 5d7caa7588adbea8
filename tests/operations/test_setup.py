"""INIT-1: the first account is made by a link that works once; there is no default password."""

import re

import pytest

from apps.accounts.models import User
from apps.operations.models import SetupLink

pytestmark = pytest.mark.django_db

FIRST = {"email": "alice@example.org", "password": "a long enough phrase"}


@pytest.fixture
def link():
    return f"/setup/{SetupLink.objects.issue()}"


def test_the_link_makes_the_one_who_runs_the_installation(client, link):
    assert client.get(link).status_code == 200
    assert client.post(link, FIRST).headers["Location"] == "/"
    alice = User.objects.get()
    assert alice.is_superuser
    assert alice.check_password(FIRST["password"])
    assert alice.personal_team


def test_whoever_makes_the_first_account_is_signed_in(client, link):
    session_before = client.session.session_key
    client.post(link, FIRST)
    assert client.get("/").status_code == 200
    assert client.session.session_key != session_before


def test_the_link_works_once(client, link):
    client.post(link, FIRST)
    assert client.get(link).status_code == 404
    assert client.post(link, {**FIRST, "email": "mallory@example.org"}).status_code == 404
    assert User.objects.count() == 1


def test_the_link_is_dead_once_somebody_has_an_account(client, link):
    User.objects.create_user("bob@example.org")
    assert client.get(link).status_code == 404
    assert client.post(link, FIRST).status_code == 404
    assert SetupLink.objects.issue() is None


def test_a_newer_link_replaces_the_older(client, link):
    SetupLink.objects.issue()
    assert client.get(link).status_code == 404


def test_a_guess_is_no_link(client, link):
    assert client.get("/setup/guess").status_code == 404


@pytest.mark.parametrize(
    "asked",
    [
        {"email": "no address"},
        {"password": "short"},
        {"password": "password1234"},
        {"password": "x" * 5000},
        {"password": ""},
    ],
)
def test_a_bad_answer_is_asked_again_and_makes_nobody(client, link, asked):
    assert client.post(link, {**FIRST, **asked}).status_code == 422
    assert User.objects.count() == 0
    assert client.get(link).status_code == 200


def test_another_site_cannot_send_the_form(link):
    from django.test import Client

    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link, FIRST).status_code == 403
    (token,) = re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', strict.get(link).content.decode())
    assert strict.post(link, {**FIRST, "csrfmiddlewaretoken": token}).status_code == 302


def test_only_the_hash_of_the_link_is_kept(link):
    assert link.rsplit("/", 1)[1].encode() not in bytes(SetupLink.objects.get().digest)
    assert len(bytes(SetupLink.objects.get().digest)) == 32
