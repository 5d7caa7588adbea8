"""The handshake as real clients see it, against a real uvicorn."""

from __future__ import annotations

import json

import pytest
from django.test import Client
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from apps.metrics import inbox
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


def refusal(url, **headers):
    with pytest.raises(InvalidStatus) as refused:
        connect(url, additional_headers=headers)
    response = refused.value.response
    return response.status_code, json.loads(response.body)["error"]["code"] if response.body else ""


@pytest.fixture
def cookie(alice, team):
    client = Client()
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}"


def test_ws_1_a_foreign_page_is_refused_with_403(uvicorn, cookie):
    for origin in ("http://evil.example", "null", uvicorn.url + ".evil.example"):
        assert refusal(uvicorn.browser_url, Cookie=cookie, Origin=origin) == (403, "foreign_origin")
    assert refusal(uvicorn.browser_url, Cookie=cookie) == (403, "foreign_origin")


def test_nobody_is_refused_with_401(uvicorn):
    assert refusal(uvicorn.browser_url, Origin=uvicorn.url) == (401, "unauthenticated")
    assert refusal(uvicorn.live_url) == (401, "unauthenticated")
    assert refusal(uvicorn.live_url, Authorization="Bearer iso_" + "0" * 52) == (401, "unauthenticated")


def test_an_unknown_host_or_address_is_refused(uvicorn, key):
    headers = {"Authorization": f"Bearer {key}"}

    assert refusal(uvicorn.live_url, Host="evil.example", **headers) == (403, "unknown_host")
    assert refusal(uvicorn.live_url + "/more", **headers)[0] == 403


def test_our_own_page_and_a_program_follow_a_run(uvicorn, cookie, key, run):
    with (
        connect(uvicorn.browser_url, additional_headers={"Cookie": cookie, "Origin": uvicorn.url}) as page,
        connect(uvicorn.live_url, additional_headers={"Authorization": f"Bearer {key}"}) as program,
    ):
        for client in (page, program):
            assert json.loads(client.recv(timeout=5))["type"] == "hello"
            client.send(json.dumps({"type": "subscribe_run", "run": run.public_id, "metrics": ["loss"]}))
            assert json.loads(client.recv(timeout=5))["type"] == "subscribed"
        inbox.append(run.pk, STREAM, 0, make_batch({"loss": [0.5]}))

        for client in (page, program):
            points = json.loads(client.recv(timeout=5))
            assert points["groups"][0]["columns"][0]["values"] == [0.5]
