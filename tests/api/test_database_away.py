"""While PostgreSQL is away every answer is 503 with Retry-After, soon, and afterwards all is as before."""

from __future__ import annotations

import time

import pytest
from django.db import connections

from tests.server import wait_until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")
MOST_S = 4


def test_answers_are_503_while_the_database_is_away(engines, client_of, alice):
    client = client_of(alice)
    asked = [
        ("get", "/api/v1/me", None),
        ("get", "/api/v1/projects", None),
        ("get", "/api/v1/runs/" + "0" * 26, None),
        ("post", "/api/v1/runs", {"project": "digits"}),
        ("post", "/api/v1/tiles", {"runs": ["0" * 26], "metrics": ["loss"]}),
        ("put", f"/api/v1/runs/{'0' * 26}/streams/00000000-0000-0000-0000-000000000001/batches/0", {}),
    ]
    assert client.get("/api/v1/me").status_code == 200
    engines.stop_postgres()
    try:
        answers = []
        for method, url, body in asked:
            began = time.monotonic()
            answers.append((getattr(client, method)(url, body), time.monotonic() - began))
    finally:
        engines.start_postgres()
        connections.close_all()

    for (method, url, _), (answer, took_s) in zip(asked, answers, strict=True):
        assert answer.status_code == 503, (method, url, answer.content)
        assert answer.json()["error"]["code"] == "unavailable", (method, url)
        assert int(answer["Retry-After"]) >= 1, (method, url)
        assert took_s < MOST_S, (method, url)
    wait_until(lambda: client.get("/api/v1/me").status_code == 200)
