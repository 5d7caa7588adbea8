"""What stands in front of every view: hosts, origins, methods, headers."""

from __future__ import annotations

import re

import pytest
from django.test import Client
from pytest_django import Settings

from apps.accounts.models import Team, User
from tests.cast import client_with, make_key

FOREIGN = [
    "https://evil.example",
    "null",
    "http://testserver.evil.example",
    "http://testserver:81",
    "https://testserver",
]


@pytest.fixture
def signed_in(alice: User, team: Team) -> Client:
    """Alice's browser, which keeps Django's CSRF rules."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    return client


def token_of(client: Client) -> str:
    """As a page of ours would hand it to its script."""
    from django.middleware.csrf import _get_new_csrf_string

    token = _get_new_csrf_string()
    client.cookies["csrftoken"] = token
    return token


# CSRF and origins


def test_CSRF_1_a_session_changes_nothing_without_its_token(signed_in: Client):
    body = {"name": "x"}
    assert signed_in.get("/api/v1/teams/lab").status_code == 200
    refused = signed_in.patch("/api/v1/teams/lab", body, content_type="application/json")
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "csrf")
    assert Team.objects.get(slug="lab").name == "The lab"
    token = token_of(signed_in)
    done = signed_in.patch("/api/v1/teams/lab", body, content_type="application/json", HTTP_X_CSRFTOKEN=token)
    assert done.status_code == 200


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""]
)
def test_CSRF_1_only_json_is_taken(signed_in: Client, kind: str):
    token = token_of(signed_in)
    answer = signed_in.patch("/api/v1/teams/lab", '{"name": "x"}', content_type=kind, HTTP_X_CSRFTOKEN=token)
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported")


@pytest.mark.parametrize("place", ["?key={}", "?api_key={}", "?token={}"])
def test_CSRF_1_a_key_counts_in_the_header_only(alice: User, place: str):
    secret = make_key(alice)
    assert Client().get("/api/v1/me" + place.format(secret)).status_code == 401
    assert (
        Client().get("/api/v1/me", headers={"cookie": f"key={secret}", "X-API-Key": secret}).status_code
        == 401
    )


@pytest.mark.parametrize("origin", FOREIGN)
@pytest.mark.parametrize("has_cookie", [True, False])
def test_CSRF_2_another_sites_page_changes_nothing(signed_in: Client, origin: str, has_cookie: bool):
    client = signed_in if has_cookie else Client()
    token = token_of(client)
    answer = client.patch(
        "/api/v1/teams/lab",
        {"name": "x"},
        content_type="application/json",
        HTTP_X_CSRFTOKEN=token,
        HTTP_ORIGIN=origin,
    )
    assert answer.status_code == 403
    assert Team.objects.get(slug="lab").name == "The lab"


@pytest.mark.parametrize("origin", FOREIGN)
def test_CSRF_2_another_sites_page_is_told_nothing_by_cors(alice: User, origin: str):
    client = client_with(make_key(alice))
    for answer in (
        client.get("/api/v1/me", HTTP_ORIGIN=origin),
        client.options("/api/v1/me", HTTP_ORIGIN=origin),
    ):
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]


def test_CSRF_2_our_own_page_may(signed_in: Client):
    token = token_of(signed_in)
    answer = signed_in.patch(
        "/api/v1/teams/lab",
        {"name": "x"},
        content_type="application/json",
        HTTP_X_CSRFTOKEN=token,
        HTTP_ORIGIN="http://testserver",
    )
    assert answer.status_code == 200


# Hosts and methods


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "a b", "", "localhost:80:80"])
def test_HOST_1_an_unknown_host_gets_400(alice: User, settings: Settings, host: str):
    settings.ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
    client = client_with(make_key(alice))
    answer = client.get("/api/v1/me", HTTP_HOST=host, REMOTE_ADDR="127.0.0.1")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    assert "evil" not in answer.content.decode()


def test_HTTP_1_no_header_changes_the_method_or_the_address(team: Team, alice: User):
    client = client_with(make_key(alice))
    for header in ("X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method"):
        answer = client.post("/api/v1/teams/lab", {"name": "x"}, headers={header: "PATCH"})
        assert answer.status_code == 405
        assert client.get("/api/v1/teams/lab?_method=DELETE", headers={header: "DELETE"}).status_code == 200
    for header in ("X-Original-URL", "X-Rewrite-URL"):
        assert client.get("/api/v1/teams/nowhere", headers={header: "/api/v1/teams/lab"}).status_code == 404
    assert Team.objects.get(slug="lab").name == "The lab"


@pytest.mark.parametrize(
    "address", ["//api/v1/me", "/api//v1/me", "/api/v1/me/", "/api/v1/me;x", "/api/v1/./me", "/API/v1/me"]
)
def test_HTTP_1_an_address_has_one_spelling(alice: User, address: str):
    # The test client would take the host out of `//host`.
    assert client_with(make_key(alice)).get("/", PATH_INFO=address).status_code == 404


def test_HTTP_1_head_and_options_decide_as_get(team: Team, alice: User, mallory: User):
    stranger, owner = client_with(make_key(mallory)), client_with(make_key(alice))
    assert owner.head("/api/v1/teams/lab").status_code == 200
    assert stranger.head("/api/v1/teams/lab").status_code == 404
    assert Client().head("/api/v1/teams/lab").status_code == 401
    for client in (owner, stranger):
        answer = client.options("/api/v1/teams/lab")
        assert answer.status_code == 405


# Headers


def test_G_6_what_a_credential_saw_is_kept_by_no_cache(alice: User, signed_in: Client):
    for answer in (client_with(make_key(alice)).get("/api/v1/me"), signed_in.get("/api/v1/me")):
        assert answer["Cache-Control"] == "no-store"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Referrer-Policy"] == "same-origin"


def test_G_6_a_page_loads_only_what_this_server_serves():
    answer = Client().get("/api/v1/docs")
    directives = dict(part.split(" ", 1) for part in answer["Content-Security-Policy"].split("; "))
    assert directives["default-src"] == "'none'"
    assert re.fullmatch(r"'self' 'sha256-[\w+/=]+'", directives["script-src"])
    assert directives["frame-ancestors"] == "'none'"
