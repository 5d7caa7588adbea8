"""G-9: bytes are counted in front of Django, with or without a length header."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from apps.api import body_limit
from apps.api.body_limit import BodyLimit
from apps.api.families import FAMILIES, MIB, family_of
from tests.server import Server

CAP = 8 * MIB


class Reader:
    """An application that reads its body to the end, as Django does, and says how much came."""

    def __init__(self) -> None:
        self.got = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        while True:
            message = await receive()
            self.got += len(message.get("body", b""))
            if not message.get("more_body"):
                break
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})


async def ask(
    app: Reader, pieces: AsyncIterator[bytes], *, path: str = "/api/v1/x", length: int | None = None
) -> tuple[int, dict[str, str], bytes, int]:
    """Send pieces of a body; return status, headers and body of the answer, and how many bytes were taken."""
    sent: list[Any] = []
    taken = 0

    async def receive() -> Any:
        nonlocal taken
        piece = await anext(pieces, None)
        taken += len(piece or b"")
        return {"type": "http.request", "body": piece or b"", "more_body": piece is not None}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [] if length is None else [(b"content-length", str(length).encode())]
    await BodyLimit(app)({"type": "http", "path": path, "headers": headers}, receive, send)
    heads = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    return sent[0]["status"], heads, b"".join(each.get("body", b"") for each in sent[1:]), taken


async def pieces(size: int, *, of: int = 65536) -> AsyncIterator[bytes]:
    while size > 0:
        yield b"x" * min(of, size)
        size -= of


@pytest.mark.parametrize("size", [0, 1, CAP - 1, CAP])
async def test_G_9_up_to_the_cap_a_body_passes_whole(size: int):
    app = Reader()
    status, *_ = await ask(app, pieces(size), length=size)
    assert (status, app.got) == (200, size)


@pytest.mark.parametrize("length", [None, CAP, 10])
async def test_G_9_beyond_the_cap_it_is_413_whatever_the_header_says(length: int | None):
    app = Reader()
    status, headers, body, taken = await ask(app, pieces(1024 * MIB), length=length)
    assert status == 413
    assert headers["connection"] == "close"
    assert json.loads(body)["error"]["code"] == "too_large"
    assert json.loads(body)["error"]["request_id"] == headers["x-request-id"]
    assert app.got <= CAP
    assert taken <= 2 * CAP + 65536 * 2


@pytest.mark.parametrize("length", [CAP + 1, 10**9, 10**30])
async def test_G_9_a_length_header_beyond_the_cap_is_enough(length: int):
    app = Reader()
    status, *_ = await ask(app, pieces(10), length=length)
    assert (status, app.got) == (413, 0)


async def test_DOS_4_a_body_that_stalls_is_408(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_limit, "IDLE_S", 0.05)
    monkeypatch.setattr(body_limit, "_DRAIN_S", 0.05)

    async def stalling() -> AsyncIterator[bytes]:
        yield b"x"
        await asyncio.sleep(5)
        yield b"x"

    status, _, body, _ = await ask(Reader(), stalling())
    assert (status, json.loads(body)["error"]["code"]) == (408, "too_slow")


async def test_a_reader_may_wait_for_the_hang_up_as_long_as_it_likes(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(body_limit, "IDLE_S", 0.01)
    coming: list[dict[str, Any]] = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> dict[str, Any]:
        if len(coming) == 1:
            await asyncio.sleep(0.1)
        return coming.pop(0)

    body = body_limit._CountedBody(receive, 10)
    assert (await body.receive())["type"] == "http.request"
    assert (await body.receive())["type"] == "http.disconnect"


async def test_a_view_that_says_413_itself_is_left_alone():
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 413, "headers": [(b"x-own", b"1")]})
        await send({"type": "http.response.body", "body": b"own"})

    status, headers, body, _ = await ask(app, pieces(1))  # type: ignore[arg-type]
    assert (status, headers, body) == (413, {"x-own": "1"}, b"own")


def test_every_address_has_a_family_and_a_cap():
    assert family_of("/api/v1/runs").body_bytes == CAP
    assert family_of("/api/v2/x").is_strict
    assert family_of("/anything").prefix == "/"
    assert family_of("").prefix == "/"
    assert all(family.body_bytes <= 16 * MIB for family in FAMILIES)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("limit") / "home") as server:
        yield server


@pytest.mark.slow
def test_G_9_a_gigabyte_without_a_credential_costs_nothing(server: Server):
    webs = [
        each for each in server.processes() if "uvicorn" in " ".join(each.cmdline())
    ] or server.processes()
    before = sum(each.memory_info().rss for each in webs)

    def gigabyte() -> Iterator[bytes]:
        for _ in range(1024):
            yield b"x" * MIB

    try:
        answer = httpx.post(server.url + "/api/v1/teams", content=gigabyte(), timeout=30)
        assert answer.status_code == 413
    except httpx.TransportError:
        pass  # cut off before it looked for an answer
    assert sum(each.memory_info().rss for each in webs) - before < 64 * MIB


@pytest.mark.slow
def test_G_9_who_reads_while_writing_learns_why(server: Server):
    answer = httpx.post(server.url + "/api/v1/teams", content=b"x" * (CAP + MIB), timeout=30)
    assert answer.status_code == 413
    assert answer.json()["error"]["code"] == "too_large"
    assert answer.headers["connection"] == "close"


@pytest.mark.slow
def test_a_body_at_the_cap_reaches_the_door(server: Server):
    answer = httpx.post(
        server.url + "/api/v1/teams",
        content=b"x" * CAP,
        headers={"Content-Type": "application/json"},
        timeout=30,
    )
    assert answer.status_code == 401
