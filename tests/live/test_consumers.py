from __future__ import annotations

import asyncio

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.contrib.auth import get_user, logout
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest
from django.test import Client

from apps.live import consumers
from apps.metrics import inbox
from apps.tracking import runs
from apps.tracking.models import Project
from tests.cast import make_key
from tests.metrics.batches import OTHER_STREAM, STREAM, make_batch

from .conftest import Follower

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

append = database_sync_to_async(inbox.append, thread_sensitive=False)


async def subscribed(follower, run, metrics="*"):
    await follower.say("subscribe_run", run=run.public_id, metrics=metrics, ref=1)
    return await follower.hear("subscribed")


async def test_points_arrive_as_they_are_appended(run, follower):
    told = await subscribed(follower, run, ["loss"])
    await append(run.pk, STREAM, 0, make_batch({"loss": [0.5, float("nan")], "acc": [1, 2]}))

    points = await follower.hear("points")
    assert (told["ref"], told["run"], told["state"], told["streams"]) == (1, run.public_id, "running", {})
    assert (points["run"], points["stream"], points["seq"], points["version"]) == (run.public_id, 0, 0, "1-0")
    (group,) = points["groups"]
    assert group["step"] == [0, 1]
    assert group["columns"] == [{"metric": "loss", "kind": "f64", "values": [0.5, "NaN"]}]


async def test_a_batch_without_the_wanted_metrics_is_still_counted(run, follower):
    await subscribed(follower, run, ["loss"])
    await append(run.pk, STREAM, 0, make_batch({"acc": [1, 2]}))

    points = await follower.hear("points")
    assert (points["seq"], points["groups"]) == (0, [])


async def test_order_is_kept_within_a_stream_and_each_stream_counts_for_itself(run, follower):
    await subscribed(follower, run)
    for seq in range(20):
        await append(run.pk, STREAM, seq, make_batch({"loss": [seq]}, first_row=seq))
        await append(run.pk, OTHER_STREAM, seq, make_batch({"loss": [seq]}, first_row=seq))

    heard = [await follower.hear("points") for _ in range(40)]
    for stream in (0, 1):
        assert [each["seq"] for each in heard if each["stream"] == stream] == list(range(20))


async def test_a_late_subscriber_is_told_how_far_the_writers_are(run, follower):
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))
    told = await subscribed(follower, run)

    assert (told["version"], told["streams"]) == ("1-0", {"0": 1})


async def test_a_batch_too_large_to_push_is_only_announced(run, follower):
    await subscribed(follower, run)
    await append(run.pk, STREAM, 0, make_batch({"loss": [0.1 * n for n in range(5000)]}))

    changed = await follower.hear("changed")
    assert (changed["many"], changed["stream"], changed["seq"]) == (5000, 0, 0)


async def test_ticks_list_the_runs_with_news_at_most_four_a_second(project, run, follower):
    other = (await sync_to_async(runs.start)(project, client_id="two"))[0]
    await follower.say("subscribe_project", project=project.public_id)
    await follower.hear("subscribed")
    for seq in range(10):
        await append(run.pk, STREAM, seq, make_batch({"loss": [seq]}, first_row=seq))
        await append(other.pk, STREAM, seq, make_batch({"loss": [seq]}, first_row=seq))
        await asyncio.sleep(0.05)

    ticks, news = 0, {}
    while news.get(run.public_id) != "10-0" or news.get(other.public_id) != "10-0":
        tick = await follower.hear("tick")
        ticks += 1
        news |= {each["run"]: each["version"] for each in tick["runs"]}
    assert ticks <= 5


async def test_a_run_that_ends_is_told(run, follower):
    await subscribed(follower, run)
    await sync_to_async(run.end)()

    assert (await follower.hear("run"))["state"] == "finished"


async def test_console_lines_are_announced(run, follower):
    await subscribed(follower, run)
    record = {"type": "console", "lines": [{"n": 0, "time": 1, "fd": "stdout", "text": "hello"}]}
    await append(run.pk, STREAM, 0, make_batch(records=[record]))

    assert (await follower.hear("records"))["kinds"] == ["stdout"]


async def test_after_unsubscribing_nothing_comes(run, follower):
    await subscribed(follower, run)
    await follower.say("unsubscribe_run", run=run.public_id)
    await follower.hear("unsubscribed")
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))

    assert await follower.receive_nothing(timeout=0.5)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ("not json", "malformed"),
        ('{"type": "shutdown", "ref": 7}', "malformed"),
        ('{"type": "ping", "more": 1}', "malformed"),
        ('{"type": "subscribe_run", "run": 5}', "malformed"),
        ('{"type": "subscribe_run", "run": "\\u0000", "ref": 7}', "not_found"),
        ('{"type": "subscribe_project", "project": "nothing"}', "not_found"),
        ("[" * 5000, "malformed"),
    ],
)
async def test_a_bad_message_is_answered_and_the_connection_stays(follower, frame, code):
    await follower.send_text(frame)
    error = await follower.hear("error")

    assert error["code"] == code
    assert error.get("ref") == (7 if '"ref": 7' in frame else None)
    assert "shutdown" not in error["message"]
    await follower.say("ping", ref="still here")
    assert (await follower.hear("pong"))["ref"] == "still here"


async def test_ws_2_a_foreign_run_is_not_found_and_never_heard_of(run, mallory, key):
    stranger = Follower(await sync_to_async(make_key)(mallory, scopes=["read"]))
    await stranger.connect()
    await stranger.hear("hello")
    for message in (
        {"type": "subscribe_run", "run": run.public_id, "metrics": "*"},
        {"type": "subscribe_project", "project": run.project.public_id},
    ):
        await stranger.say(**message)
        foreign = await stranger.hear("error")
        await stranger.say(
            **{name: "x" * 26 if name in ("run", "project") else value for name, value in message.items()}
        )
        unknown = await stranger.hear("error")
        assert foreign == unknown
        assert foreign["code"] == "not_found"
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))

    assert await stranger.receive_nothing(timeout=0.6)
    await stranger.disconnect()


async def test_an_ingest_key_follows_nothing(run, alice):
    writer = Follower(await sync_to_async(make_key)(alice, scopes=["ingest"]))
    await writer.connect()
    await writer.say("subscribe_run", run=run.public_id)

    assert (await writer.hear("error"))["code"] == "scope_missing"
    await writer.disconnect()


async def test_a_connection_follows_a_bounded_number_of_runs(run, follower, monkeypatch):
    monkeypatch.setattr(consumers, "MAX_SUBSCRIPTIONS", 1)
    await subscribed(follower, run)
    await follower.say("subscribe_project", project=run.project.public_id)

    assert (await follower.hear("error"))["code"] == "too_many_subscriptions"


async def test_a_flood_of_messages_is_refused(follower):
    for _ in range(consumers.MESSAGE_BURST + 20):
        await follower.say("ping")

    assert (await follower.hear("error"))["code"] == "too_many_messages"


async def test_one_person_opens_a_bounded_number_of_connections(follower, key, monkeypatch):
    monkeypatch.setattr(consumers, "MAX_CONNECTIONS", 1)
    assert not await Follower(key).connect()


async def test_a_key_is_asked_for():
    for secret in ("", "iso_" + "0" * 52):
        assert not await Follower(secret).connect()


async def test_the_key_address_takes_no_session(signed_in):
    follower = Follower(headers=[(b"cookie", signed_in), (b"origin", b"http://localhost")])
    assert not await follower.connect()


@pytest.mark.parametrize(
    "origin",
    [
        None,
        "null",
        "http://evil.example",
        "http://localhost.evil.example",
        "http://localhost:81",
        "https://localhost",
        "",
    ],
)
async def test_ws_1_a_foreign_or_missing_origin_with_a_cookie_is_refused(signed_in, origin):
    headers = [(b"cookie", signed_in)] + ([(b"origin", origin.encode())] if origin is not None else [])
    assert not await Follower(path="/live/v1", headers=headers).connect()


async def test_a_page_of_ours_follows_with_its_session(signed_in, run):
    browser = Follower(path="/live/v1", headers=[(b"cookie", signed_in), (b"origin", b"http://localhost")])
    assert await browser.connect()
    await browser.hear("hello")

    assert (await subscribed(browser, run))["state"] == "running"
    await browser.disconnect()


async def test_an_unknown_host_is_refused(key):
    follower = Follower(key)
    follower.scope["headers"][0] = (b"host", b"evil.example")
    assert not await follower.connect()


@pytest.fixture
def signed_in(alice, team):
    client = Client()
    client.force_login(alice)
    return f"sessionid={client.cookies['sessionid'].value}".encode()


async def test_ws_3_a_revoked_key_closes_long_before_the_next_check(run, follower, key, alice):
    await subscribed(follower, run)
    await sync_to_async(lambda: alice.api_keys.get().revoke())()

    assert await follower.closed_with() == 4401


async def test_ws_3_losing_the_membership_closes(run, bob, team):
    follower = Follower(await sync_to_async(make_key)(bob, scopes=["read"]))
    await follower.connect()
    await subscribed(follower, run)
    await sync_to_async(_end_membership)(team, bob)

    assert await follower.closed_with() == 4403
    follower.seen.clear()
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))
    assert await follower.receive_nothing(timeout=0.4)


def _end_membership(team, user):
    team.memberships.get(user=user).end()


async def test_ws_3_a_project_that_becomes_private_closes(run, project, bob):
    follower = Follower(await sync_to_async(make_key)(bob, scopes=["read"]))
    await follower.connect()
    await subscribed(follower, run)
    await sync_to_async(project.edit)(visibility=Project.Visibility.PRIVATE)

    assert await follower.closed_with() == 4403


async def test_ws_3_a_session_that_ends_closes(signed_in, run):
    browser = Follower(path="/live/v1", headers=[(b"cookie", signed_in), (b"origin", b"http://localhost")])
    await browser.connect()
    await subscribed(browser, run)
    await sync_to_async(_sign_out)(signed_in.decode().partition("=")[2])

    assert await browser.closed_with() == 4401


def _sign_out(session_key):
    request = HttpRequest()
    request.session = SessionStore(session_key)
    request.user = get_user(request)
    logout(request)
