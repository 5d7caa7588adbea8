"""Keyset pages: every row once, whatever happens meanwhile."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now
from pytest_django import DjangoAssertNumQueries

from apps.accounts.models import ApiKey, Team, User
from apps.api.pagination import page_of
from apps.base.errors import Malformed
from tests.cast import client_with, make_key

ORDER = ("-created_at", "public_id")


@pytest.fixture
def keys(alice: User, team: Team) -> list[ApiKey]:
    """Seven keys, of which some were made in the same moment."""
    keys = [ApiKey.objects.issue(owner=alice, team=team, scopes=["read"])[0] for _ in range(7)]
    moment = now()
    for number, key in enumerate(keys):
        ApiKey.objects.filter(pk=key.pk).update(created_at=moment - timedelta(seconds=number // 3))
    return keys


@pytest.mark.parametrize("limit", [1, 2, 3, 6, 7, 8])
def test_pages_hold_every_row_once_and_in_order(keys: list[ApiKey], limit: int):
    seen, cursor = [], None
    while True:
        page = page_of(ApiKey.objects.all(), {"limit": limit, "cursor": cursor}, order=ORDER, name="t")
        assert len(page.rows) <= limit
        seen += page.rows
        cursor = page.next
        if cursor is None:
            break
    assert seen == list(ApiKey.objects.order_by(*ORDER))


def test_a_row_that_goes_or_comes_between_pages_moves_no_other(keys: list[ApiKey], alice: User):
    all_rows = list(ApiKey.objects.order_by(*ORDER))
    first = page_of(ApiKey.objects.all(), {"limit": 3}, order=ORDER, name="t")
    first.rows[2].delete()
    ApiKey.objects.issue(owner=alice, scopes=["read"])
    second = page_of(ApiKey.objects.all(), {"limit": 10, "cursor": first.next}, order=ORDER, name="t")
    assert second.rows == all_rows[3:]


def test_a_page_is_one_query(keys: list[ApiKey], django_assert_num_queries: DjangoAssertNumQueries):
    first = page_of(ApiKey.objects.all(), {"limit": 3}, order=ORDER, name="t")
    with django_assert_num_queries(1):
        page_of(ApiKey.objects.all(), {"limit": 3, "cursor": first.next}, order=ORDER, name="t")


def test_a_cursor_is_good_for_its_list_only(keys: list[ApiKey]):
    cursor = page_of(ApiKey.objects.all(), {"limit": 3}, order=ORDER, name="t").next
    assert cursor
    for other, name in ((cursor, "u"), (cursor[:-1], "t"), ("x" + cursor, "t"), ("....", "t"), ("é:\0", "t")):
        with pytest.raises(Malformed) as refused:
            page_of(ApiKey.objects.all(), {"limit": 3, "cursor": other}, order=ORDER, name=name)
        assert refused.value.code == "bad_cursor"


def test_ISO_2_a_cursor_shows_no_row_numbers(keys: list[ApiKey]):
    import base64

    cursor = page_of(ApiKey.objects.all(), {"limit": 3}, order=ORDER, name="t").next
    assert cursor
    shown = base64.urlsafe_b64decode(cursor.partition(":")[0] + "===").decode()
    assert keys[0].public_id[:4] in shown or any(key.public_id in shown for key in keys)
    assert shown.count(",") == 1


@pytest.mark.parametrize("limit", ["0", "-1", "1001", "1000000000", "x", "1.5", "9" * 400])
def test_DOS_3_a_page_has_1_to_1000_rows(team: Team, alice: User, limit: str):
    client = client_with(make_key(alice))
    answer = client.get("/api/v1/teams/lab/keys", {"limit": limit})
    assert answer.status_code == 422
    assert answer.json()["error"]["details"]["fields"][0]["field"] == "limit"


def test_an_unknown_query_field_is_refused(team: Team, alice: User):
    client = client_with(make_key(alice))
    assert client.get("/api/v1/teams/lab/keys", {"ofset": "7"}).status_code == 422


def test_pages_over_http(keys: list[ApiKey], alice: User):
    client = client_with(make_key(alice))
    seen, cursor = [], None
    while True:
        answer = client.get(
            "/api/v1/teams/lab/keys", {"limit": 3, **({"cursor": cursor} if cursor else {})}
        ).json()
        seen += [item["id"] for item in answer["items"]]
        cursor = answer["next"]
        if cursor is None:
            break
    assert sorted(seen) == sorted(key.public_id for key in keys)
