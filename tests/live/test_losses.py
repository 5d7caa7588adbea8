"""WS-4: hints may be lost, data may not; WS-3 without Redis; a reader that does not read."""

from __future__ import annotations

import asyncio
import json
import random
import socket as sockets
import time

import pytest
from asgiref.sync import sync_to_async
from channels.db import database_sync_to_async
from django.db import OperationalError
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from apps.live import consumers, hub, reads
from apps.live.groups import BatchAppended, run_group
from apps.live.publisher import publisher
from apps.metrics import inbox, tiles
from tests.cast import make_key
from tests.metrics.batches import STREAM, make_batch

from .conftest import Follower

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

append = database_sync_to_async(inbox.append, thread_sensitive=False)


@pytest.fixture(autouse=True)
def _repairs_are_quick(monkeypatch):
    monkeypatch.setattr(hub, "REPAIR_S", 0.3)
    monkeypatch.setattr(hub, "PROJECT_REPAIR_S", 0.4)


class Chart:
    """A client as docs/reference/live.md describes it: it inserts what follows, and refetches at a gap."""

    def __init__(self, run: int) -> None:
        self.run = run
        self.points: dict[int, float] = {}
        self.streams: dict[int, int] = {}
        self.refetched = 0

    async def hear(self, message: dict) -> None:
        if message["type"] == "subscribed":
            self.streams = {int(stream): seq for stream, seq in message["streams"].items()}
            await self.refetch()
        elif message["type"] == "changed":
            if "stream" in message:
                self._hold(message)
            await self.refetch()
        elif message["type"] == "points":
            known = self.streams.get(message["stream"], 0)
            if message["seq"] > known:
                await self.refetch()
            elif message["seq"] == known:
                for group in message["groups"]:
                    for column in group["columns"]:
                        self.points |= dict(zip(group["step"], column["values"], strict=True))
            self._hold(message)

    def _hold(self, message: dict) -> None:
        stream = message["stream"]
        self.streams[stream] = max(self.streams.get(stream, 0), message["seq"] + 1)

    async def refetch(self) -> None:
        read = database_sync_to_async(tiles.points, thread_sensitive=False)
        for series in (await read(self.run, ["loss"])).series or ():
            self.points |= dict(zip(series.step.tolist(), series.values.tolist(), strict=True))
        self.refetched += 1


async def follow(follower, chart, until, *, timeout_s=10):
    """Let the chart hear until it holds that many points."""
    deadline = time.monotonic() + timeout_s
    while len(chart.points) < until:
        output = await follower.receive_output(timeout=max(0.01, deadline - time.monotonic()))
        await chart.hear(json.loads(output["text"]))


async def test_ws_4_half_of_the_hints_are_dropped_and_no_point_is_missing(run, follower, monkeypatch):
    chance, publish = random.Random(4), publisher.publish
    monkeypatch.setattr(publisher, "publish", lambda *what: publish(*what) if chance.random() < 0.5 else None)
    chart = Chart(run.pk)
    await follower.say("subscribe_run", run=run.public_id, metrics=["loss"])

    following = asyncio.create_task(follow(follower, chart, until=60))
    for seq in range(60):
        await append(run.pk, STREAM, seq, make_batch({"loss": [seq / 10]}, first_row=seq))
    await following

    assert chart.points == {seq: seq / 10 for seq in range(60)}
    # Some were pushed: it did not just ask again each time.
    assert chart.refetched < 60


async def test_a_hint_lost_as_the_last_is_made_good(run, follower, monkeypatch):
    await follower.say("subscribe_run", run=run.public_id, metrics=["loss"])
    await follower.hear("subscribed")
    monkeypatch.setattr(publisher, "publish", lambda *_: None)
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))

    changed = await follower.hear("changed")
    assert (changed["version"], changed["many"], changed.get("stream")) == ("1-0", 0, None)


async def test_one_who_joins_later_does_not_hide_what_others_missed(run, follower, key, monkeypatch):
    await follower.say("subscribe_run", run=run.public_id, metrics=["loss"])
    await follower.hear("subscribed")
    monkeypatch.setattr(publisher, "publish", lambda *_: None)
    await append(run.pk, STREAM, 0, make_batch({"loss": [1.0]}))
    other = Follower(key)
    await other.connect()
    await other.say("subscribe_run", run=run.public_id, metrics=["loss"])
    assert (await other.hear("subscribed"))["streams"] == {"0": 1}

    assert (await follower.hear("changed"))["version"] == "1-0"
    await other.disconnect()


async def test_a_lost_tick_is_made_good(project, run, follower, monkeypatch):
    monkeypatch.setattr(publisher, "mark_dirty", lambda *_, **__: None)
    await follower.say("subscribe_project", project=project.public_id)
    await follower.hear("subscribed")
    await sync_to_async(run.end)()

    tick = await follower.hear("tick")
    assert {each["run"]: each["state"] for each in tick["runs"]} == {run.public_id: "finished"}


async def test_without_redis_points_are_stored_at_once_and_told_late(run, follower, engines):
    await follower.say("subscribe_run", run=run.public_id, metrics=["loss"])
    await follower.hear("subscribed")
    await sync_to_async(engines.stop_redis)()
    try:
        began = time.monotonic()
        for seq in range(5):
            await append(run.pk, STREAM, seq, make_batch({"loss": [1.0]}, first_row=seq))
        assert time.monotonic() - began < 3
        while (await follower.hear("changed"))["version"] != "5-0":
            pass
    finally:
        await sync_to_async(engines.start_redis)()
    # Hints flow again without anybody connecting anew.
    hearing = asyncio.create_task(follower.hear("points", timeout_s=10))
    seq = 5
    while not hearing.done():
        await append(run.pk, STREAM, seq, make_batch({"loss": [1.0]}, first_row=seq))
        await asyncio.sleep(0.1)
        seq += 1
    assert (await hearing)["groups"]


async def test_ws_3_without_a_hint_the_next_check_closes(run, alice, team, monkeypatch):
    monkeypatch.setattr(consumers, "RECHECK_S", 1.0)
    monkeypatch.setattr(publisher, "publish", lambda *_: None)
    follower = Follower(await sync_to_async(make_key)(alice, scopes=["read"]))
    await follower.connect()
    await follower.say("subscribe_run", run=run.public_id)
    await follower.hear("subscribed")
    await sync_to_async(lambda: [key.revoke() for key in alice.api_keys.all()])()

    assert await follower.closed_with() == 4401


async def test_ws_3_a_check_that_fails_is_repeated_until_it_tells(run, alice, monkeypatch):
    monkeypatch.setattr(consumers, "RETRY_S", 0.05)
    follower = Follower(await sync_to_async(make_key)(alice, scopes=["read"]))
    await follower.connect()
    await follower.say("subscribe_run", run=run.public_id)
    await follower.hear("subscribed")
    failures = [OperationalError("the database restarts")] * 3
    admitted = consumers.KeyConsumer.readmit

    def shaky(*about):
        if failures:
            raise failures.pop()
        return admitted(*about)

    monkeypatch.setattr(consumers.KeyConsumer, "readmit", staticmethod(shaky))
    await sync_to_async(lambda: [key.revoke() for key in alice.api_keys.all()])()

    assert await follower.closed_with() == 4401
    assert not failures


async def test_ws_3_rights_that_cannot_be_checked_end(run, alice, monkeypatch):
    monkeypatch.setattr(consumers, "RETRY_S", 0.05)
    monkeypatch.setattr(consumers, "UNCHECKED_S", 0.2)
    monkeypatch.setattr(consumers, "RECHECK_S", 0.1)

    def away(*_, **__):
        raise OperationalError("the database is away")

    follower = Follower(await sync_to_async(make_key)(alice, scopes=["read"]))
    await follower.connect()
    monkeypatch.setattr(reads, "is_all_visible", away)

    assert await follower.closed_with() == 1013


def test_the_check_comes_in_time():
    assert consumers.RECHECK_S <= 30
    assert consumers.UNCHECKED_S <= 35


def test_a_reader_that_does_not_read_is_cut_and_holds_up_nobody(run, key, uvicorn):
    headers = {"Authorization": f"Bearer {key}"}
    # A bounded window, set before connecting: the system would else take megabytes off the server's hands.
    narrow = sockets.socket()
    narrow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 65536)
    narrow.connect(("127.0.0.1", uvicorn.port))
    with (
        connect(
            uvicorn.live_url, sock=narrow, additional_headers=headers, max_queue=1, compression=None
        ) as greedy,
        connect(uvicorn.live_url, additional_headers=headers) as reader,
    ):
        for client in (greedy, reader):
            client.send(json.dumps({"type": "subscribe_run", "run": run.public_id, "metrics": "*"}))
        assert json.loads(reader.recv(timeout=10))["type"] == "hello"
        assert json.loads(reader.recv(timeout=10))["type"] == "subscribed"
        # Hints without their batches: nothing but the socket is to be slow. The system takes 4 MB by itself.
        payload = make_batch({"loss": [0.123456789 + n for n in range(400)]}).payload
        for seq in range(800):
            hint = BatchAppended(
                run=run.pk,
                stream=0,
                seq=seq,
                version=f"{seq + 1}-0",
                points=400,
                payload=payload,
                encoding="",
            )
            publisher.publish(run_group(run.pk), hint)
            message = json.loads(reader.recv(timeout=10))
            assert (message["type"], message["seq"]) == ("points", seq)
        with pytest.raises(ConnectionClosed) as cut:
            _read_on(greedy)
    assert cut.value.rcvd.code == 4408


def _read_on(client):
    while True:
        client.recv(timeout=20)
