"""Refusals: one form, a code each, and nothing of the input in them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import SuspiciousOperation
from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import include, path
from pytest_django import Settings
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import policy
from apps.accounts.models import Team, User
from apps.base import errors as base
from tests.cast import client_with, make_key

CANARY = "canary-7f3a"


class Raises(APIView):
    """Raises what the test says."""

    what: Exception | None = None

    def get(self, request: Any) -> Response:
        assert self.what
        raise self.what

    post = get


class Slow(APIView):
    def get(self, request: Any) -> Response:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL statement_timeout = '20ms'")
            cursor.execute("SELECT pg_sleep(2)")
        return Response({})

    post = get


def plain(request: HttpRequest) -> HttpResponse:
    raise SuspiciousOperation(CANARY)


urlpatterns = [
    path(
        "api/v1/",
        include(
            (
                [
                    path("raises", Raises.as_view(), name="raises"),
                    path("slow", Slow.as_view(), name="slow"),
                    path("plain", plain, name="plain"),
                ],
                "test_errors",
            )
        ),
    )
]
handler400 = "apps.api.errors.bad_request"
handler404 = "apps.api.errors.page_not_found"
handler500 = "apps.api.errors.server_error"


@pytest.fixture
def client(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Client:
    settings.ROOT_URLCONF = __name__
    for name in ("raises", "slow", "plain"):
        for method in ("GET", "POST"):
            monkeypatch.setitem(policy._rules, (f"test_errors:{name}", method), policy.PUBLIC)
    return Client(raise_request_exception=False)


@pytest.mark.parametrize(
    ("refusal", "status"),
    [
        (base.Malformed("m"), 400),
        (base.Unauthenticated("m"), 401),
        (base.Denied("m"), 403),
        (base.NotFound("m"), 404),
        (base.Conflict("m", code="gap", details={"expected": 4}), 409),
        (base.Gone("m"), 410),
        (base.TooLarge("m"), 413),
        (base.Unsupported("m"), 415),
        (base.Invalid("m"), 422),
        (base.TooMany("m", retry_after_s=0.2), 429),
        (base.Unavailable("m", retry_after_s=2.1), 503),
    ],
)
def test_G_4_each_refusal_has_its_status_and_form(
    client: Client, monkeypatch: pytest.MonkeyPatch, refusal: base.DomainError, status: int
):
    monkeypatch.setattr(Raises, "what", refusal)
    answer = client.get("/api/v1/raises")
    assert answer.status_code == status
    assert answer.json()["error"] == {
        "code": refusal.code,
        "message": "m",
        "request_id": answer["X-Request-ID"],
        **({"details": refusal.details} if refusal.details else {}),
    }


def test_G_4_who_may_come_back_is_told_when(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Raises, "what", base.TooMany("m", retry_after_s=0.2))
    assert client.get("/api/v1/raises")["Retry-After"] == "1"
    monkeypatch.setattr(Raises, "what", base.Unavailable("m", retry_after_s=2.1))
    assert client.get("/api/v1/raises")["Retry-After"] == "3"


def test_G_3_a_fault_says_nothing_of_itself_or_the_input(client: Client, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Raises, "what", RuntimeError(CANARY))
    answer = client.get(f"/api/v1/raises?x={CANARY}")
    assert answer.status_code == 500
    assert answer.json()["error"]["code"] == "server_error"
    assert answer.json()["error"]["request_id"] == answer["X-Request-ID"]
    assert CANARY not in answer.content.decode()


def test_G_3_what_django_finds_suspicious_is_malformed(client: Client):
    answer = client.get("/api/v1/plain")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "malformed")
    assert CANARY not in answer.content.decode()


def test_G_3_an_unknown_address_is_json(client: Client):
    answer = client.get(f"/api/{CANARY}")
    assert (answer.status_code, answer.json()["error"]["code"]) == (404, "not_found")
    assert CANARY not in answer.content.decode()


@pytest.mark.django_db
def test_DOS_3_a_read_that_takes_too_long_is_the_questions_fault(client: Client):
    answer = client.get("/api/v1/slow")
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "query_too_costly")


@pytest.mark.django_db
def test_FAIL_4_a_write_that_takes_too_long_may_come_again(client: Client):
    answer = client.post("/api/v1/slow", "{}", content_type="application/json")
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert answer["Retry-After"] == "1"


def test_G_2_foreign_random_and_wrong_look_the_same(team: Team, mallory: User):
    client = client_with(make_key(mallory))

    def seen(address: str) -> tuple[int, dict[str, Any], dict[str, str]]:
        answer = client.get(address)
        body = answer.json()
        headers = {name: value for name, value in answer.headers.items() if name != "X-Request-ID"}
        assert body["error"].pop("request_id") == answer["X-Request-ID"]
        return answer.status_code, body, headers

    foreign = seen("/api/v1/teams/lab")
    assert foreign[0] == 404
    assert foreign == seen("/api/v1/teams/nowhere")
    assert foreign == seen("/api/v1/teams/l%00ab")


def test_G_3_a_serializers_words_repeat_no_value(team: Team, alice: User):
    client = client_with(make_key(alice))
    body: dict[str, Any] = {"name": CANARY * 40, "scopes": [CANARY], "expires_at": CANARY, CANARY: CANARY}
    answer = client.post("/api/v1/teams/lab/keys", body)
    assert answer.status_code == 422
    assert CANARY not in answer.content.decode()
    body = {
        "name": CANARY * 40,
        "scopes": [CANARY, {CANARY: 1}, 7],
        "expires_at": CANARY,
        "project": [CANARY],
    }
    answer = client.post("/api/v1/teams/lab/keys", body)
    assert answer.status_code == 422
    assert {fault["field"] for fault in answer.json()["error"]["details"]["fields"]} == {
        "name",
        "scopes.0",
        "scopes.1",
        "scopes.2",
        "expires_at",
        "project",
    }
    assert CANARY not in answer.content.decode()


@pytest.mark.parametrize("accept", ["text/html", "image/png", "application/xml", "*/*;q=0"])
def test_G_3_a_browsers_wish_for_html_is_not_heard(alice: User, accept: str):
    client = client_with(make_key(alice))
    for address in ("/api/v1/me", "/api/v1/teams/nowhere", "/api/v1/me?format=html"):
        assert json.loads(client.get(address, HTTP_ACCEPT=accept).content)
