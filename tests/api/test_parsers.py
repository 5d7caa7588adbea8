"""G-10 at the door of REST: a body has one meaning or none."""

from __future__ import annotations

import pytest

from apps.accounts.models import Team, User
from tests.cast import client_with, make_key

BAD = {
    "no JSON": b"name=x",
    "cut": b'{"name": "x"',
    "two": b'{"name": "x"}{}',
    "trailing comma": b'{"name": "x",}',
    "no object": b'["x"]',
    "null": b"null",
    "a key twice": b'{"name": "x", "name": "y"}',
    "a key twice, escaped": b'{"name": "x", "n\\u0061me": "y"}',
    "deep": b'{"name": ' + b"[" * 70 + b"]" * 70 + b"}",
    "very deep": b"[" * 1_000_000,
    "not UTF-8": b'{"name": "\xff"}',
    "overlong": b'{"name": "\xc0\xaf"}',
    "UTF-16": '{"name": "x"}'.encode("utf-16"),
    "byte order mark": b'\xef\xbb\xbf{"name": "x"}',
    "NUL": b'{"name": "a\\u0000"}',
    "lone surrogate": b'{"name": "\\ud800"}',
    "long integer": b'{"name": ' + b"9" * 5000 + b"}",
    "NaN": b'{"name": NaN}',
}


@pytest.mark.parametrize("body", BAD.values(), ids=BAD.keys())
def test_G_10_what_two_readers_could_read_differently_is_400(team: Team, alice: User, body: bytes):
    client = client_with(make_key(alice))
    answer = client.generic("PATCH", "/api/v1/teams/lab", body, content_type="application/json")  # type: ignore[arg-type]
    assert answer.status_code == 400
    assert set(answer.json()["error"]) <= {"code", "message", "request_id", "details"}
    assert Team.objects.get(slug="lab").name == "The lab"


def test_a_charset_beside_the_type_is_fine(team: Team, alice: User):
    client = client_with(make_key(alice))
    answer = client.generic(
        "PATCH", "/api/v1/teams/lab", '{"name": "x"}', content_type="application/json; charset=utf-8"
    )
    assert answer.status_code == 200
