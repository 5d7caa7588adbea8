"""GET /api/v1/me"""

from __future__ import annotations

from django.test import Client
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import ServiceAccount, Team, User
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.tracking.models import Project
from tests.cast import client_with, make_key


def test_a_key_says_whose_it_is_and_what_it_may(
    bob: User, team: Team, django_assert_num_queries: DjangoAssertNumQueries
):
    client = client_with(make_key(bob, team=team, scopes=["read", "ingest"], name="laptop"))
    client.get("/api/v1/me")
    with django_assert_num_queries(1):
        me = client.get("/api/v1/me").json()
    assert me["kind"] == "user"
    assert me["user"] == {"id": bob.public_id, "email": bob.email, "name": "Bob"}
    assert me["service_account"] is None
    assert (me["key"]["name"], me["key"]["team"], me["scopes"]) == ("laptop", "lab", ["ingest", "read"])
    assert [(each["slug"], each["role"]) for each in me["teams"]] == [("lab", "member")]


def test_a_key_of_every_team_lists_them(bob: User, team: Team):
    me = client_with(make_key(bob, scopes=["ingest"])).get("/api/v1/me").json()
    assert {each["slug"]: (each["role"], each["is_personal"]) for each in me["teams"]} == {
        "bob": ("owner", True),
        "lab": ("member", False),
    }


def test_a_session_has_no_key_and_every_scope(alice: User, django_assert_num_queries: DjangoAssertNumQueries):
    client = Client()
    client.force_login(alice)
    # The session, the person, the memberships, the teams.
    with django_assert_num_queries(4):
        me = client.get("/api/v1/me").json()
    assert me["key"] is None
    assert me["scopes"] == ["admin", "ingest", "read", "write"]


def test_a_service_account_is_nobody_in_person(team: Team, principal: Principal):
    account = ServiceAccount.objects.begin(team, name="ci", role=Role.MEMBER, by=principal)
    me = client_with(make_key(service_account=account, scopes=["write"])).get("/api/v1/me").json()
    assert (me["kind"], me["user"]) == ("service_account", None)
    assert me["service_account"] == {"id": account.public_id, "name": "ci"}
    assert [each["slug"] for each in me["teams"]] == ["lab"]


def test_a_bound_key_names_its_project(alice: User, team: Team):
    project = Project.objects.create(team=team, name="p", slug="p")
    me = client_with(make_key(alice, project=project)).get("/api/v1/me").json()
    assert (me["key"]["project"], me["key"]["team"]) == (project.public_id, "lab")


def test_a_person_who_was_shut_out_is_nobody(alice: User):
    client = Client()
    client.force_login(alice)
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert client.get("/api/v1/me").status_code == 401
