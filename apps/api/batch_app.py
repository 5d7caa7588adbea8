"""Batches without Django's request path: the same verb, the same refusals, a third of the time a request.

Django on ASGI takes a new thread, a connection out of the pool, and twelve middlewares for each request
(docs/design/ingest-path.md has the measurement). A batch needs none of them. What is not plainly a program
sending a batch with a key, from no page, to a known host, goes on to Django, whose view answers it as well.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import re
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import orjson
from django.conf import settings
from django.db import Error, connections
from django.http.request import split_domain_port, validate_host

from apps.accounts.credentials import authenticate, recalled
from apps.accounts.policy import required_rule
from apps.base.errors import DomainError, Unavailable
from apps.base.request_id import begin_request

from .body_limit import BodyTooLarge, TooSlow
from .errors import body_of, headers_of, refusal_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Any, Receive, Send], Awaitable[None]]

# Each holds a database connection for good; more than these would only wait for one another.
THREADS = 4
# What all bodies under way may hold together.
MOST_HELD_BYTES = 256 * 1024 * 1024

_PATH = re.compile(r"/api/v1/runs/([^/]+)/streams/([^/]+)/batches/(\d{1,20})")
_HEADERS = [
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"same-origin"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"x-frame-options", b"DENY"),
]

log = logging.getLogger(__name__)


class BatchApp:
    """In front of Django and behind the byte limiter."""

    def __init__(self, app: Asgi) -> None:
        self.app = app
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="batch")
        self._held_bytes = 0

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        asked = _asked(scope)
        if asked is None:
            await self.app(scope, receive, send)
            return
        name = begin_request()
        try:
            status, content, more = await self._answer(asked, receive)
        except _HungUp:
            return
        except (BodyTooLarge, TooSlow):
            raise
        except Exception as error:
            status, content, more = _refused(error, name)
        headers = [
            *_HEADERS,
            (b"x-request-id", name.encode()),
            (b"content-length", str(len(content)).encode()),
        ]
        headers += [(key.lower().encode(), value.encode()) for key, value in more.items()]
        await send({"type": "http.response.start", "status": status, "headers": headers})
        await send({"type": "http.response.body", "body": content})

    async def _answer(self, asked: _Asked, receive: Receive) -> tuple[int, bytes, dict[str, str]]:
        principal = recalled(asked.credential) or await self._in_thread(authenticate, asked.credential)
        required_rule("api:batch", "PUT").demand(principal)
        pieces: list[bytes] = []
        held = 0
        try:
            more = True
            while more:
                message = await receive()
                if message["type"] == "http.disconnect":
                    raise _HungUp
                piece = message.get("body", b"")
                pieces.append(piece)
                held += len(piece)
                self._held_bytes += len(piece)
                if self._held_bytes > MOST_HELD_BYTES:
                    raise Unavailable("Too many batches are under way. Send it again.", retry_after_s=1)
                more = message.get("more_body", False)
            body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
            told = await self._in_thread(_store, principal, asked, body)
        finally:
            self._held_bytes -= held
        return 200, orjson.dumps(told), {}

    async def _in_thread(self, work: Callable[..., Any], *args: Any) -> Any:
        run = contextvars.copy_context().run
        return await asyncio.get_running_loop().run_in_executor(self._threads, run, _guarded, work, *args)


class _Asked:
    """The parts of a request that a batch is made of."""

    __slots__ = ("credential", "headers", "run", "seq", "stream")

    def __init__(self, path: re.Match[str], headers: dict[str, str]) -> None:
        self.run, self.stream, self.seq = path[1], path[2], int(path[3])
        self.headers = headers
        self.credential = headers["authorization"]


class _Failed(DomainError):
    status = 500
    default_code = "server_error"


class _HungUp(Exception):
    """The client went away before it had said everything: there is nobody to answer."""


def _asked(scope: dict[str, Any]) -> _Asked | None:
    """Return what is asked, or None where Django should look at it."""
    if scope["type"] != "http" or scope["method"] != "PUT":
        return None
    path = _PATH.fullmatch(scope["path"].removeprefix(settings.FORCE_SCRIPT_NAME or ""))
    if path is None:
        return None
    headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
    is_plain = (
        # A header that stands twice is for Django to judge.
        len(headers) == len(scope["headers"])
        and "authorization" in headers
        and "origin" not in headers
        and _is_known_host(headers.get("host", ""))
    )
    return _Asked(path, headers) if is_plain else None


@lru_cache(maxsize=64)
def _is_known_host(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


def _store(principal: Any, asked: _Asked, body: bytes) -> dict[str, Any]:
    from .v1.batches import store

    return store(principal, asked.run, asked.stream, asked.seq, headers=asked.headers, body=body)


def _guarded(work: Callable[..., Any], *args: Any) -> Any:
    """Run in a thread that keeps its connection, unless the connection may be what failed."""
    try:
        return work(*args)
    except Error:
        connections.close_all()
        raise


def _refused(error: Exception, name: str) -> tuple[int, bytes, dict[str, str]]:
    refusal = error if isinstance(error, DomainError) else refusal_of(error, "PUT")
    if refusal is None:
        log.error("A batch could not be taken", exc_info=error)
        refusal = _Failed("The server failed; its log says why under this request id.")
    return refusal.status, orjson.dumps(body_of(refusal, name)), headers_of(refusal)
