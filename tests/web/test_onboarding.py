"""First steps: what an empty project shows, to whom, and the key it makes."""

from __future__ import annotations

import re

import pytest

from apps.accounts.models import ApiKey
from apps.tracking import runs
from apps.tracking.models import Project

# Session, person, roles; project, teams of the rail, whether there are runs.
QUERIES = 6


@pytest.fixture
def project(team):
    return Project.objects.begin(team, name="digits")


def test_an_empty_project_says_how_to_send_a_run(client, bob, project, django_assert_num_queries):
    client.force_login(bob)
    assert "Send the first run to digits" in client.get("/lab/digits").content.decode()
    with django_assert_num_queries(QUERIES):
        page = client.get("/lab/digits/start?with=curl").content.decode()
    assert "{#" not in page
    assert "export ISOLINE_URL=" in page
    assert "http://testserver<" in page or "http://localhost" in page
    assert re.search(r'id="with-sdk"[^>]* hidden', page)
    assert not re.search(r'id="with-curl"[^>]* hidden', page)


def test_a_fresh_key_is_of_this_project_alone_and_shown_once(client, bob, project):
    client.force_login(bob)
    answer = client.post("/lab/digits/start", {"with": "curl"})
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    [secret] = set(re.findall(r"iso_\w{20,}", answer.content.decode()))
    key = ApiKey.objects.get(owner=bob)
    assert (key.scopes, key.project, key.team, key.expires_at is None) == (
        ["write"],
        project,
        project.team,
        False,
    )
    assert secret not in client.get("/lab/digits/start").content.decode()
    begun = client.post(
        "/api/v1/runs",
        {"team": "lab", "project": "digits"},
        content_type="application/json",
        headers={"Authorization": f"Bearer {secret}"},
    )
    assert begun.status_code == 201


def test_who_only_looks_waits_and_is_offered_no_key(client, vera, project):
    client.force_login(vera)
    page = client.get("/lab/digits").content.decode()
    assert "waiting-for-point" in page
    assert "Make a key" not in page
    assert client.post("/lab/digits/start").status_code == 403
    assert not ApiKey.objects.exists()


def test_a_stranger_learns_nothing(client, mallory, project):
    client.force_login(mallory)
    assert client.get("/lab/digits/start").status_code == 404
    assert client.post("/lab/digits/start").status_code == 404


def test_nothing_is_waited_for_where_there_are_runs(client, bob, project):
    runs.start(project, client_id="1")
    client.force_login(bob)
    page = client.get("/lab/digits/start").content.decode()
    assert "waiting-for-point class" not in page
    assert "Open the workspace" in page
