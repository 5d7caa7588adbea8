from __future__ import annotations

import pytest

from apps.tracking.models import Project

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_project_is_made_and_found(api):
    made = api.post("/api/v1/teams/lab/projects", {"name": "Speech to text", "description": "d"})

    assert made.status_code == 201
    told = made.json()
    assert (told["slug"], told["team"], told["visibility"]) == ("speech-to-text", "lab", "team")
    assert api.get("/api/v1/teams/lab/projects/speech-to-text").json()["id"] == told["id"]
    assert api.get(f"/api/v1/projects/{told['id']}").json()["runs"] == 0
    assert api.post("/api/v1/teams/lab/projects", {"name": "Speech to text"}).status_code == 409


def test_lists_are_paged_and_narrowed(api, team, alice):
    for n in range(5):
        Project.objects.begin(team, name=f"p{n}", by=alice)
    first = api.get("/api/v1/projects?limit=3").json()
    rest = api.get("/api/v1/projects", {"limit": 3, "cursor": first["next"]}).json()

    assert [each["name"] for each in first["items"] + rest["items"]] == ["p4", "p3", "p2", "p1", "p0"]
    assert rest["next"] is None
    assert [each["name"] for each in api.get("/api/v1/teams/lab/projects?q=p3").json()["items"]] == ["p3"]
    assert api.get("/api/v1/projects?team=elsewhere").json()["items"] == []


def test_editing_deleting_restoring(api, run, project):
    url = f"/api/v1/projects/{project.public_id}"

    assert api.patch(url, {"name": "Letters", "labels": {"a": "b"}}).json()["labels"] == {"a": "b"}
    assert api.delete(url).status_code == 204
    assert api.get(url).status_code == 404
    assert api.get(f"/api/v1/runs/{run.public_id}").status_code == 404
    assert [each["id"] for each in api.get("/api/v1/projects?deleted=true").json()["items"]] == [
        project.public_id
    ]
    assert api.post(f"{url}/restore").json()["name"] == "Letters"
    assert api.get(f"/api/v1/runs/{run.public_id}").status_code == 200


def test_a_viewer_looks_and_no_more(reader, project):
    url = f"/api/v1/projects/{project.public_id}"

    assert reader.get(url).status_code == 200
    for method, path, body in (
        ("patch", url, {"name": "x"}),
        ("delete", url, {}),
        ("post", f"{url}/restore", {}),
    ):
        assert getattr(reader, method)(path, body).status_code == 403


def test_what_is_not_ones_own_is_not_there(stranger, project):
    url = f"/api/v1/projects/{project.public_id}"
    for method, path in (
        ("get", url),
        ("patch", url),
        ("delete", url),
        ("post", f"{url}/restore"),
        ("get", f"{url}/runs"),
        ("get", "/api/v1/teams/lab/projects"),
        ("get", "/api/v1/teams/lab/projects/digits"),
    ):
        assert getattr(stranger, method)(path).status_code == 404, path
    assert stranger.get("/api/v1/projects").json()["items"] == []


def test_a_list_costs_one_query_and_those_of_its_credential(api, team, alice, django_assert_num_queries):
    for n in range(5):
        Project.objects.begin(team, name=f"p{n}", by=alice)
    api.get("/api/v1/projects")

    with django_assert_num_queries(1):
        api.get("/api/v1/projects")
