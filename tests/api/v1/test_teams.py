"""/api/v1/teams and below"""

from __future__ import annotations

import pytest
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import ServiceAccount, Team, User
from apps.accounts.principal import Principal
from apps.accounts.remembered import forget
from apps.accounts.roles import Role
from apps.tracking.models import Project
from tests.cast import client_with, make_key


def test_who_founds_a_team_owns_it(alice: User):
    client = client_with(make_key(alice))
    answer = client.post("/api/v1/teams", {"slug": "vision", "name": "Vision"})
    assert answer.status_code == 201
    assert (answer.json()["slug"], answer.json()["role"]) == ("vision", "owner")
    forget()  # as after commit
    assert client.get("/api/v1/teams/vision").json() == answer.json()


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"slug": "lab"}, 409, "slug_taken"),
        ({"slug": "Lab"}, 422, "bad_slug"),
        ({"slug": "graphql"}, 422, "reserved_slug"),
        ({"slug": "ok", "name": "a\u202eb"}, 422, "bad_name"),
        ({}, 422, "invalid"),
        ({"slug": 7.5}, 422, "bad_slug"),
        ({"slug": ["a"]}, 422, "invalid"),
        ({"slug": "x" * 64}, 422, "invalid"),
    ],
)
def test_NAME_1_a_team_is_not_founded_under_any_name(
    team: Team, alice: User, body: dict[str, object], status: int, code: str
):
    before = Team.objects.count()
    answer = client_with(make_key(alice)).post("/api/v1/teams", body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert Team.objects.count() == before


def test_a_narrow_credential_founds_no_team(team: Team, alice: User, principal: Principal):
    robot = ServiceAccount.objects.begin(team, name="ci", role=Role.ADMIN, by=principal)
    project = Project.objects.create(team=team, name="p", slug="p")
    for secret, code in (
        (make_key(alice, scopes=["write"]), "scope_missing"),
        (make_key(alice, team=team), "key_bound_to_team"),
        (make_key(alice, project=project), "key_bound_to_team"),
        (make_key(service_account=robot), "persons_only"),
    ):
        answer = client_with(secret).post("/api/v1/teams", {"slug": "vision"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, code)


def test_admins_rename_a_team(team: Team, alice: User, bob: User):
    answer = client_with(make_key(alice)).patch("/api/v1/teams/lab", {"name": "The old lab"})
    assert answer.json()["name"] == "The old lab"
    refused = client_with(make_key(bob)).patch("/api/v1/teams/lab", {"name": "Bob's"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "role_too_low")


def test_the_list_is_one_query(
    alice: User, bob: User, team: Team, django_assert_num_queries: DjangoAssertNumQueries
):
    client = client_with(make_key(bob))
    client.get("/api/v1/me")
    with django_assert_num_queries(1):
        answer = client.get("/api/v1/teams").json()
    assert [each["slug"] for each in answer["items"]] == ["bob", "lab"]


def test_everyone_in_a_team_sees_who_is_in_it(
    team: Team, alice: User, bob: User, vera: User, django_assert_num_queries: DjangoAssertNumQueries
):
    client = client_with(make_key(vera, scopes=["read"]))
    client.get("/api/v1/me")
    with django_assert_num_queries(2):
        answer = client.get("/api/v1/teams/lab/members").json()
    assert [(each["email"], each["role"]) for each in answer["items"]] == [
        ("alice@lab.example", "owner"),
        ("bob@lab.example", "member"),
        ("vera@lab.example", "viewer"),
    ]


def test_a_writer_of_one_project_does_not_see_who_is_in_the_team(team: Team, alice: User):
    project = Project.objects.create(team=team, name="p", slug="p")
    client = client_with(make_key(alice, project=project))
    assert client.get("/api/v1/teams/lab").status_code == 200
    refused = client.get("/api/v1/teams/lab/members")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "key_bound_to_project")
    assert client_with(make_key(alice, scopes=["ingest"])).get("/api/v1/teams/lab/members").status_code == 403
