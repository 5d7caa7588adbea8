"""HTTP: what goes over the line, and that whatever comes back is an answer."""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterator

import pytest

from isoline._transport import Answer, HttpTransport, Request, is_worth_compressing

from .http_server import HttpServer


@pytest.fixture
def http() -> Iterator[HttpServer]:
    server = HttpServer()
    yield server
    server.stop()


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    transport = HttpTransport(silence_s=2.0)
    yield transport
    transport.close()


def request_to(server: str, **changes: object) -> Request:
    request = Request(
        "POST", server, "/api/v1/runs", "iso_x", b'{"project":"p","id":"r"}', "application/json"
    )
    return request._replace(**changes)  # type: ignore[arg-type]


def test_an_answer_is_read(http: HttpServer, transport: HttpTransport) -> None:
    answer = transport.send(request_to(http.url))
    assert (answer.status, answer.body["id"], answer.is_ok) == (201, "r1", True)
    assert http.memory.requests[0].key == "iso_x"


def test_an_error_is_read(http: HttpServer, transport: HttpTransport) -> None:
    answer = transport.send(request_to(http.url, body=b'{"project":"p","id":"r","resume":"must"}'))
    assert (answer.status, answer.code) == (404, "no_such_run")
    assert answer.message == "There is no such run to resume."


def test_retry_after_is_read_in_seconds(http: HttpServer, transport: HttpTransport) -> None:
    http.memory.fault = lambda request: Answer(503, retry_after_s=7.0)
    answer = transport.send(request_to(http.url))
    assert (answer.status, answer.retry_after_s) == (503, 7.0)


def test_a_server_that_is_away_is_an_answer(http: HttpServer, transport: HttpTransport) -> None:
    """FAIL-6"""
    http.stop()
    assert transport.send(request_to(http.url)).is_away
    assert transport.send(request_to("http://no.such.host.invalid")).is_away
    assert transport.send(request_to("http://127.0.0.1:1\r\nx")).is_away


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"garbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]",
        b"HTTP/1.1 500 Oops\r\nContent-Length: 6\r\n\r\n<html>",
        b"HTTP/1.1 301 Moved\r\nLocation: https://elsewhere.example\r\nContent-Length: 0\r\n\r\n",
    ],
)
def test_whatever_comes_back_is_an_answer(transport: HttpTransport, reply: bytes) -> None:
    """FAIL-6: cut, garbled, redirected."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(reply)

        thread = threading.Thread(target=serve)
        thread.start()
        answer = transport.send(request_to(f"http://127.0.0.1:{listener.getsockname()[1]}"))
        thread.join()
    assert isinstance(answer.body, dict)
    if reply.startswith(b"HTTP/1.1 301"):
        assert "elsewhere" in answer.message


def test_compression_is_for_far_servers_and_bodies_that_shrink() -> None:
    text = request_to("https://far.example", body=b'{"text": "again and again"}' * 1000)
    assert is_worth_compressing(text)
    assert not is_worth_compressing(text._replace(server="http://127.0.0.1:8000"))
    assert not is_worth_compressing(text._replace(body=b"short"))
    noise = random.Random(0).randbytes(40_000)
    assert not is_worth_compressing(text._replace(body=noise))
