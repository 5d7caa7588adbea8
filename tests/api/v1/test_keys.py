"""/api/v1/teams/<slug>/keys and /api/v1/me/keys"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from apps.accounts.models import ApiKey, Team, User
from apps.tracking.models import Project
from tests.cast import client_with, make_key

KEYS = "/api/v1/teams/lab/keys"


def test_ACC_8_a_new_keys_secret_is_shown_once_and_works(team: Team, bob: User):
    client = client_with(make_key(bob))
    made = client.post(KEYS, {"name": "cluster", "scopes": ["ingest"]})
    assert made.status_code == 201
    secret = made.json()["secret"]
    assert client_with(secret).get("/api/v1/me").json()["user"]["email"] == bob.email
    listed = client.get(KEYS)
    assert secret not in listed.content.decode()
    assert [(each["name"], each["hint"], each["team"]) for each in listed.json()["items"]] == [
        ("cluster", f"iso_…{secret[-4:]}", "lab")
    ]


def test_a_key_may_be_bound_and_expire(team: Team, bob: User):
    project = Project.objects.create(team=team, name="p", slug="p")
    until = (now() + timedelta(days=1)).isoformat()
    body = {"name": "x", "scopes": ["write"], "project": project.public_id, "expires_at": until}
    made = client_with(make_key(bob)).post(KEYS, body).json()
    assert made["project"] == project.public_id
    assert made["expires_at"] is not None


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"scopes": []}, 422, "invalid"),
        ({"scopes": ["root"]}, 422, "invalid"),
        ({"name": ""}, 422, "invalid"),
        ({"name": "a\u200bb"}, 422, "bad_name"),
        ({"expires_at": "2001-01-01T00:00:00Z"}, 422, "bad_expiry"),
        ({"expires_at": "soon"}, 422, "invalid"),
        ({"project": "0" * 26}, 404, "not_found"),
        ({"owner": "alice@lab.example"}, 422, "invalid"),
    ],
)
def test_a_key_is_not_issued_on_any_terms(
    team: Team, bob: User, change: dict[str, Any], status: int, code: str
):
    client = client_with(make_key(bob))
    answer = client.post(KEYS, {"name": "x", "scopes": ["read"], **change})
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert ApiKey.objects.filter(team=team).count() == 0


def test_ISO_3_a_foreign_project_is_as_one_that_is_not(team: Team, bob: User, mallory: User):
    foreign = Project.objects.create(team=mallory.personal_team, name="p", slug="p")
    own_elsewhere = Project.objects.create(team=bob.personal_team, name="q", slug="q")
    client = client_with(make_key(bob))
    for project in (foreign, own_elsewhere):
        body = {"name": "x", "scopes": ["read"], "project": project.public_id}
        assert client.post(KEYS, body).status_code == 404


def test_ACC_8_only_an_admin_scope_makes_keys(team: Team, alice: User):
    for scopes in (["ingest"], ["read"], ["write"]):
        client = client_with(make_key(alice, scopes=scopes))
        for answer in (client.get(KEYS), client.post(KEYS, {"name": "x", "scopes": ["ingest"]})):
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "scope_missing")


def test_members_see_their_own_keys_and_admins_all_of_the_team(
    team: Team, alice: User, bob: User, vera: User, django_assert_num_queries: DjangoAssertNumQueries
):
    for user in (alice, bob, vera):
        make_key(user, team=team, name=user.name)
        make_key(user, name="everywhere")

    def seen(user: User, address: str) -> set[str]:
        return {each["name"] for each in client_with(make_key(user)).get(address).json()["items"]}

    assert seen(bob, KEYS) == {"Bob"}
    assert seen(vera, KEYS) == {"Vera"}
    assert seen(alice, KEYS) == {"Alice", "Bob", "Vera"}
    assert seen(bob, "/api/v1/me/keys") == {"Bob", "everywhere", ""}
    client = client_with(make_key(alice))
    client.get("/api/v1/me")
    with django_assert_num_queries(2):
        client.get(KEYS)


def test_ACC_8_a_revoked_key_is_gone(
    team: Team, alice: User, bob: User, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    secret = make_key(bob, team=team, name="lost laptop")
    key = ApiKey.objects.get(name="lost laptop")
    assert client_with(secret).get("/api/v1/me").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert client_with(make_key(alice)).delete(f"{KEYS}/{key.public_id}").status_code == 204
    assert client_with(secret).get("/api/v1/me").status_code == 401
    assert client_with(make_key(bob)).get(KEYS).json()["items"] == []


def test_nobody_revokes_what_they_do_not_see(team: Team, alice: User, bob: User, vera: User):
    make_key(alice, team=team, name="a")
    make_key(alice, name="b")
    in_team, everywhere = ApiKey.objects.get(name="a"), ApiKey.objects.get(name="b")
    for user in (bob, vera):
        client = client_with(make_key(user))
        assert client.delete(f"{KEYS}/{in_team.public_id}").status_code == 404
        assert client.delete(f"/api/v1/me/keys/{everywhere.public_id}").status_code == 404
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_a_key_for_every_team(bob: User):
    client = client_with(make_key(bob))
    made = client.post("/api/v1/me/keys", {"name": "laptop", "scopes": ["write"]}).json()
    assert made["team"] is None
    assert client.delete(f"/api/v1/me/keys/{made['id']}").status_code == 204


def test_ACC_8_a_key_of_one_team_neither_makes_nor_sees_wider_ones(team: Team, bob: User):
    make_key(bob, name="everywhere")
    make_key(bob, team=bob.personal_team, name="personal")
    client = client_with(make_key(bob, team=team, name="here"))
    assert {each["name"] for each in client.get("/api/v1/me/keys").json()["items"]} == {"here"}
    wide = ApiKey.objects.get(name="everywhere")
    assert client.delete(f"/api/v1/me/keys/{wide.public_id}").status_code == 404
    made = client.post("/api/v1/me/keys", {"name": "x", "scopes": ["read"]})
    assert (made.status_code, made.json()["error"]["code"]) == (403, "wider_than_yours")
