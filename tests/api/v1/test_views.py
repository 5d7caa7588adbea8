"""/projects/{project}/views, /views/{view} and /projects/{project}/view-links."""

from __future__ import annotations

import pytest

from apps.accounts.models import Team, User
from apps.base.errors import DomainError
from apps.reports.panel_spec import check_panel
from apps.tracking.models import Project


@pytest.fixture
def views(team: Team, alice: User) -> str:
    """The address of the views of a project."""
    return f"/api/v1/projects/{Project.objects.begin(team, name='Digits', by=alice).public_id}/views"


def test_a_view_is_saved_read_changed_and_deleted(client_of, alice: User, views: str):
    client = client_of(alice)
    made = client.post(views, {"name": "Mine", "state": {"q": "state = failed"}})
    assert made.status_code == 201, made.content
    assert (made.json()["owner"], made.json()["state"]["q"]) == ("mine", "state = failed")
    where = f"/api/v1/views/{made.json()['id']}"
    assert client.patch(where, {"name": "Renamed"}).json()["name"] == "Renamed"
    assert [row["name"] for row in client.get(views).json()["items"]] == ["Renamed"]
    assert client.delete(where).status_code == 204
    assert client.get(where).status_code == 404


def test_ones_own_view_is_nobody_elses(client_of, alice: User, bob: User, views: str):
    mine = client_of(alice).post(views, {"name": "Mine", "state": {}}).json()
    ours = client_of(alice).post(views, {"name": "Ours", "state": {}, "owner": "team"}).json()
    other = client_of(bob)
    assert [row["id"] for row in other.get(views).json()["items"]] == [ours["id"]]
    assert other.get(f"/api/v1/views/{mine['id']}").status_code == 404
    assert other.delete(f"/api/v1/views/{mine['id']}").status_code == 404


def test_a_viewer_saves_none(client_of, vera: User, views: str):
    assert client_of(vera).post(views, {"name": "x", "state": {}}).status_code == 403


def test_a_name_is_taken_once(client_of, alice: User, views: str):
    client = client_of(alice)
    client.post(views, {"name": "One", "state": {}})
    again = client.post(views, {"name": "One", "state": {}})
    assert (again.status_code, again.json()["error"]["code"]) == (409, "view_exists")


def test_a_default_is_ones_own_or_the_teams(client_of, alice: User, bob: User, views: str):
    client = client_of(alice)
    mine = client.post(views, {"name": "Mine", "state": {}}).json()["id"]
    ours = client.post(views, {"name": "Ours", "state": {}, "owner": "team"}).json()["id"]
    assert client.post(f"/api/v1/views/{mine}/default", {"of": "mine"}).json()["is_my_default"]
    refused = client.post(f"/api/v1/views/{mine}/default", {"of": "team"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "view_is_personal")
    assert client.post(f"/api/v1/views/{ours}/default", {"of": "team"}).json()["is_team_default"]
    seen = client_of(bob).get(f"/api/v1/views/{ours}").json()
    assert (seen["is_team_default"], seen["is_my_default"]) == (True, False)
    assert client.delete(f"/api/v1/views/{mine}/default?of=mine").status_code == 204
    assert not client.get(f"/api/v1/views/{mine}").json()["is_my_default"]


@pytest.mark.parametrize("state", [{"no such field": 1}, {"x": 5}, {"hidden": "all"}])
def test_what_no_page_understands_is_not_saved(client_of, alice: User, views: str, state: dict):
    answer = client_of(alice).post(views, {"name": "x", "state": state})
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "bad_view")


def test_a_long_state_is_kept_under_a_short_id(client_of, alice: User, bob: User, views: str):
    links = views.replace("/views", "/view-links")
    first = client_of(alice).post(links, {"state": {"q": "state = failed"}}).json()
    again = client_of(bob).post(links, {"state": {"q": "state = failed"}}).json()
    assert first["id"] == again["id"]
    assert client_of(bob).get(f"{links}/{first['id']}").json()["state"]["q"] == "state = failed"


@pytest.mark.parametrize(
    "spec",
    [
        {"v": 1, "id": "a", "kind": "line", "metrics": ["loss"], "script": "x"},
        {"v": 2, "id": "a", "kind": "line", "metrics": ["loss"]},
        {"v": 1, "id": "a", "kind": "pie", "metrics": ["loss"]},
        {"v": 1, "id": "a", "kind": "line", "metrics": ["loss"], "x_range": [2, 1]},
        {"v": 1, "id": "a", "kind": "line", "metrics": ["loss"], "smoothing": {"kind": "ema", "amount": 1}},
        [],
    ],
)
def test_a_panel_that_is_none_is_refused(spec: object):
    with pytest.raises(DomainError):
        check_panel(spec)


def test_a_panel_is_taken_as_it_is():
    spec = {"v": 1, "id": "a", "kind": "line", "metrics": ["loss"], "x": "relative", "y_scale": "log"}
    assert check_panel(spec).items() >= spec.items()
