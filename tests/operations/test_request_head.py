"""DOS-4: heads that never end, of a real connection."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from uvicorn import Config
from uvicorn.server import ServerState

from apps.operations import request_head
from apps.operations.request_head import LimitedHeadProtocol

REQUEST = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"


async def hello(scope, receive, send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
    await send({"type": "http.response.body", "body": b"hello"})


@pytest_asyncio.fixture
async def connection(monkeypatch) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    monkeypatch.setattr(request_head, "HEAD_WITHIN_S", 0.2)
    config = Config(hello, lifespan="off", log_config=None)
    config.load()
    state = ServerState()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: LimitedHeadProtocol(config, state, {}), "127.0.0.1", 0)
    reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
    yield reader, writer
    writer.close()
    server.close()


async def closed_within(reader: asyncio.StreamReader, seconds: float) -> bool:
    try:
        async with asyncio.timeout(seconds):
            return await reader.read() == b""
    except TimeoutError:
        return False
    except ConnectionResetError:
        return True


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: local"])
async def test_who_never_ends_a_head_is_left(connection, begun):
    reader, writer = connection
    writer.write(begun)
    assert await closed_within(reader, 2)


async def test_who_sends_a_head_byte_by_byte_is_left(connection):
    reader, writer = connection
    closing = asyncio.ensure_future(closed_within(reader, 2))
    for byte in b"GET / HTTP/1.1\r\nX: " + b"x" * 100:
        writer.write(bytes([byte]))
        await asyncio.sleep(0.01)
        if closing.done():
            break
    assert await closing


async def test_an_endless_head_is_cut(connection, monkeypatch):
    monkeypatch.setattr(request_head, "HEAD_WITHIN_S", 60)
    reader, writer = connection
    writer.write(REQUEST)
    await reader.readuntil(b"hello")
    writer.write(b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 20_000)
    assert await closed_within(reader, 2)


async def test_between_two_requests_there_is_time(connection):
    reader, writer = connection
    for _ in range(2):
        writer.write(REQUEST)
        answer = await reader.readuntil(b"hello")
        assert answer.startswith(b"HTTP/1.1 200")
        await asyncio.sleep(0.3)
    assert not reader.at_eof()
