"""What is one's own: name, keys, look."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import ApiKey, Team
from apps.tracking.models import Project
from tests.cast import make_key

ASKED = {"name": "h100 queue", "scope": "ingest", "days": "90", "reach": ""}
# Session, person, roles; keys, teams of the rail.
KEYS_QUERIES = 5


@pytest.fixture
def signed_in(alice, team, client):
    client.force_login(alice)
    return client


def secret_in(page: str) -> str:
    return re.findall(r'id="secret">(iso_\w+)<', page)[0]


def test_a_name_is_changed(signed_in, alice):
    assert signed_in.post("/settings", {"name": "Ada Okafor"}).headers["Location"] == "/settings"
    alice.refresh_from_db()
    assert alice.name == "Ada Okafor"
    signed_in.post("/settings", {"name": " "})
    alice.refresh_from_db()
    assert str(alice) == alice.email


def test_a_name_nobody_can_read_is_refused_beside_the_field(signed_in):
    answer = signed_in.post("/settings", {"name": "A\u202eda"})
    assert answer.status_code == 422
    assert 'id="name-error">' in answer.content.decode()


def test_a_new_key_is_shown_once_and_works(signed_in):
    made = signed_in.post("/settings/keys/new", ASKED)
    assert made.status_code == 201
    assert made.headers["Cache-Control"] == "no-store"
    secret = secret_in(made.content.decode())
    assert secret not in signed_in.get("/settings/keys").content.decode()
    key = ApiKey.objects.get(name="h100 queue")
    assert (key.scopes, key.team, key.project, key.expires_at is None) == (["ingest"], None, None, False)
    assert signed_in.get("/api/v1/me", headers={"Authorization": f"Bearer {secret}"}).status_code == 200


def test_a_key_is_bound_to_a_team_or_a_project(signed_in, team):
    project = Project.objects.begin(team, name="digits")
    signed_in.post("/settings/keys/new", {**ASKED, "name": "of team", "reach": "team:lab", "days": "0"})
    signed_in.post("/settings/keys/new", {**ASKED, "name": "of one", "reach": f"project:{project.public_id}"})
    of_team, of_one = ApiKey.objects.get(name="of team"), ApiKey.objects.get(name="of one")
    assert (of_team.team, of_team.project, of_team.expires_at) == (team, None, None)
    assert (of_one.team, of_one.project) == (team, project)


@pytest.mark.parametrize("reach", ["team:elsewhere", "team:nowhere", "project:none", "x", "team:\0"])
def test_a_key_reaches_no_further_than_its_owner(signed_in, mallory, reach):
    answer = signed_in.post("/settings/keys/new", {**ASKED, "reach": reach})
    assert answer.status_code == 422
    assert 'id="reach-error">' in answer.content.decode()
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("change", [{"name": ""}, {"scope": "all"}, {"days": "5000"}, {"name": "x" * 101}])
def test_a_bad_answer_makes_no_key(signed_in, change):
    answer = signed_in.post("/settings/keys/new", {**ASKED, **change})
    assert answer.status_code == 422
    assert "<dialog" in answer.content.decode()
    assert not ApiKey.objects.exists()


def test_revoking_asks_first_and_says_which(signed_in, alice):
    make_key(alice, name="old notebook")
    key = ApiKey.objects.get()
    address = f"/settings/keys/{key.public_id}/revoke"
    assert "Revoke old notebook" in signed_in.get(address).content.decode()
    key.refresh_from_db()
    assert key.revoked_at is None
    signed_in.post(address)
    key.refresh_from_db()
    assert key.revoked_at
    assert signed_in.get(address).status_code == 404


def test_nobody_sees_or_ends_the_key_of_another(signed_in, bob, team, mallory):
    for owner in (bob, mallory):
        make_key(owner, name="not hers", team=team if owner is bob else None)
        key = ApiKey.objects.get(owner=owner)
        assert signed_in.post(f"/settings/keys/{key.public_id}/revoke").status_code == 404
    assert "not hers" not in signed_in.get("/settings/keys").content.decode()
    assert not ApiKey.objects.exclude(revoked_at=None).exists()


def test_the_list_costs_the_same_however_many_there_are(signed_in, alice, team, django_assert_num_queries):
    project = Project.objects.begin(team, name="digits")
    for n in range(20):
        make_key(alice, name=f"key {n}", project=project)
    with django_assert_num_queries(KEYS_QUERIES):
        signed_in.get("/settings/keys")


def test_longest_names_are_shown(signed_in, alice, team):
    Team.objects.filter(pk=team.pk).update(name="w" * 200)
    make_key(alice, name="k" * 100, team=team)
    for address in ("/settings", "/settings/keys", "/settings/keys/new", "/settings/appearance", "/lab"):
        assert signed_in.get(address).status_code == 200
