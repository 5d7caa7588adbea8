"""A run to follow, and two ways in: channels' communicator, and a real uvicorn with real sockets."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
from asgiref.testing import ApplicationCommunicator
from django.db import connections

from apps.live import consumers, receivers
from apps.live.routing import websockets
from apps.tracking import runs
from apps.tracking.models import Project
from tests.cast import make_key
from tests.server import ROOT


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    receivers._remembered.clear()
    consumers._connections.clear()


@pytest.fixture(autouse=True)
def _threads_keep_no_connection(monkeypatch) -> None:
    """As in a web process: what a thread has read with goes back, or is closed, at once."""
    for alias in connections:
        monkeypatch.setitem(connections.settings[alias], "CONN_MAX_AGE", 0)


@pytest.fixture
def project(transactional_db, team, alice):
    return Project.objects.begin(team, name="Digits", by=alice)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one")[0]


@pytest.fixture
def key(team, alice):
    return make_key(alice, scopes=["read"])


class Follower(ApplicationCommunicator):
    """A client of the key address, inside this process. (channels' own communicator wants daphne.)"""

    def __init__(self, key: str = "", *, path: str = "/api/v1/live", headers: Any = ()) -> None:
        given = [(b"host", b"localhost"), *headers]
        if key:
            given.append((b"authorization", f"Bearer {key}".encode()))
        super().__init__(
            websockets,
            {"type": "websocket", "path": path, "headers": given, "subprotocols": [], "query_string": b""},
        )
        self.seen: list[dict[str, Any]] = []

    async def connect(self) -> bool:
        """Whether the server lets it in."""
        await self.send_input({"type": "websocket.connect"})
        return (await self.receive_output(timeout=5))["type"] == "websocket.accept"

    async def disconnect(self) -> None:
        await self.send_input({"type": "websocket.disconnect", "code": 1000})
        await self.wait(timeout=5)

    async def send_text(self, text: str) -> None:
        await self.send_input({"type": "websocket.receive", "text": text})

    async def say(self, type: str, **fields: Any) -> None:
        await self.send_text(json.dumps({"type": type, **fields}))

    async def hear(self, type: str, *, timeout_s: float = 10) -> dict[str, Any]:
        """Return the next message of a type; others are kept in `seen`."""
        deadline = time.monotonic() + timeout_s
        while True:
            output = await self.receive_output(timeout=max(0.01, deadline - time.monotonic()))
            assert output["type"] == "websocket.send", output
            message = json.loads(output["text"])
            self.seen.append(message)
            if message["type"] == type:
                return message

    async def closed_with(self, *, timeout_s: float = 10) -> int:
        """Return the code the server closes with, whatever it says before."""
        deadline = time.monotonic() + timeout_s
        while True:
            message = await self.receive_output(timeout=max(0.01, deadline - time.monotonic()))
            if message["type"] == "websocket.close":
                return message["code"]
            self.seen.append(json.loads(message["text"]))


@pytest.fixture
async def follower(key):
    follower = Follower(key)
    assert await follower.connect()
    await follower.hear("hello")
    yield follower
    await follower.disconnect()


class Uvicorn:
    """The web process on the tests' own engines."""

    def __init__(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "uvicorn", "config.asgi:application"),
                *("--port", str(self.port), "--loop", "uvloop", "--log-level", "warning"),
            ],
            cwd=ROOT,
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings_test", "ISOLINE_PROCESS": "web"},
        )
        deadline = time.monotonic() + 30
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                break
            except OSError:
                assert self.process.poll() is None
                assert time.monotonic() < deadline
                time.sleep(0.05)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def live_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/api/v1/live"

    @property
    def browser_url(self) -> str:
        return f"ws://127.0.0.1:{self.port}/live/v1"

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(timeout=20)


@pytest.fixture(scope="module")
def uvicorn(django_db_setup) -> Iterator[Uvicorn]:
    server = Uvicorn()
    yield server
    server.stop()
