"""/api/v1/teams/<slug>/service-accounts and below"""

from __future__ import annotations

import pytest
from pytest_django import DjangoCaptureOnCommitCallbacks
from rest_framework.test import APIClient

from apps.accounts.models import ServiceAccount, Team, User
from tests.cast import client_with, make_key

ACCOUNTS = "/api/v1/teams/lab/service-accounts"


@pytest.fixture
def owner(alice: User, team: Team) -> APIClient:
    return client_with(make_key(alice))


def test_an_admin_makes_an_account_and_its_key(owner: APIClient, vera: User):
    account = owner.post(ACCOUNTS, {"name": "ci", "role": "viewer"})
    assert account.status_code == 201
    keys = f"{ACCOUNTS}/{account.json()['id']}/keys"
    made = owner.post(keys, {"name": "runner", "scopes": ["read"]})
    assert made.status_code == 201
    assert (made.json()["service_account"], made.json()["owner"], made.json()["team"]) == ("ci", None, "lab")
    robot = client_with(made.json()["secret"])
    assert robot.get("/api/v1/me").json()["kind"] == "service_account"
    assert robot.get("/api/v1/teams/lab").json()["role"] == "viewer"
    assert [each["name"] for each in owner.get(keys).json()["items"]] == ["runner"]
    assert [each["name"] for each in client_with(make_key(vera)).get(ACCOUNTS).json()["items"]] == ["ci"]


def test_members_make_no_accounts(owner: APIClient, bob: User):
    account = owner.post(ACCOUNTS, {"name": "ci"}).json()
    client = client_with(make_key(bob))
    for answer in (
        client.post(ACCOUNTS, {"name": "mine"}),
        client.delete(f"{ACCOUNTS}/{account['id']}"),
        client.get(f"{ACCOUNTS}/{account['id']}/keys"),
        client.post(f"{ACCOUNTS}/{account['id']}/keys", {"name": "x", "scopes": ["read"]}),
    ):
        assert (answer.status_code, answer.json()["error"]["code"]) == (403, "role_too_low")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"name": "ci", "role": "owner"}, 422, "invalid"),
        ({"name": "ci", "role": "god"}, 422, "invalid"),
        ({"name": "", "role": "member"}, 422, "invalid"),
        ({"name": "taken"}, 409, "name_taken"),
    ],
)
def test_an_account_is_not_made_on_any_terms(owner: APIClient, body: dict[str, str], status: int, code: str):
    owner.post(ACCOUNTS, {"name": "taken"})
    answer = owner.post(ACCOUNTS, body)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


def test_ACC_8_a_disabled_account_is_dead_with_its_keys(
    owner: APIClient, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
):
    account = owner.post(ACCOUNTS, {"name": "ci"}).json()
    keys = f"{ACCOUNTS}/{account['id']}/keys"
    robot = client_with(owner.post(keys, {"name": "x", "scopes": ["write"]}).json()["secret"])
    assert robot.get("/api/v1/me").status_code == 200
    with django_capture_on_commit_callbacks(execute=True):
        assert owner.delete(f"{ACCOUNTS}/{account['id']}").status_code == 204
    assert robot.get("/api/v1/me").status_code == 401
    refused = owner.post(keys, {"name": "y", "scopes": ["write"]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "account_disabled")
    assert ServiceAccount.objects.get().disabled_at is not None


def test_its_key_is_revoked_among_the_teams_keys(owner: APIClient):
    account = owner.post(ACCOUNTS, {"name": "ci"}).json()
    keys = f"{ACCOUNTS}/{account['id']}/keys"
    made = owner.post(keys, {"name": "x", "scopes": ["write"]}).json()
    assert owner.delete(f"/api/v1/teams/lab/keys/{made['id']}").status_code == 204
    assert owner.get(keys).json()["items"] == []
