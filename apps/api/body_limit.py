"""Counts a body's bytes in front of Django, which would spool any body to disk before it looks at it (G-9).

With or without a length header, an answer of 413 comes once the cap of the address's family is passed,
and the connection is closed. A body that stalls gets 408.
"""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from django.conf import settings

from apps.base.errors import DomainError, TooLarge

from .errors import body_of
from .families import family_of

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Asgi = Callable[[Any, Receive, Send], Awaitable[None]]

# Between two pieces of a body, and for all of it.
IDLE_S = 30.0
WHOLE_S = 600.0
# A client that does not read while it writes never sees the answer unless its body is taken off the wire;
# at most this long, and at most once more the cap.
_DRAIN_S = 2.0


class TooSlow(DomainError):
    status = 408
    default_code = "too_slow"


class BodyTooLarge(TooLarge):
    """Raised by the body itself. Whoever reads it lets this through: the limiter answers, and hangs up."""


class BodyLimit:
    def __init__(self, app: Asgi) -> None:
        self.app = app

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        cap = family_of(_path_in_site(scope["path"])).body_bytes
        body = _CountedBody(receive, cap)
        answer = _WatchedAnswer(send)
        try:
            body.refuse_declared(dict(scope["headers"]).get(b"content-length"))
            await self.app(scope, body.receive, answer.send)
        except (BodyTooLarge, TooSlow) as refusal:
            if answer.has_begun:
                raise
            await _refuse(refusal, body, send)


class _CountedBody:
    def __init__(self, receive: Receive, cap: int) -> None:
        self._receive = receive
        self._cap = cap
        self._taken = 0
        self._began = time.monotonic()
        self.is_complete = False

    def refuse_declared(self, length: bytes | None) -> None:
        """Raises BodyTooLarge if the length header says so already."""
        if length is not None and length.isdigit() and int(length[:20]) > self._cap:
            raise self._too_large()

    async def receive(self) -> Message:
        """Raises BodyTooLarge past the cap, TooSlow if nothing comes."""
        if self.is_complete:
            # What is awaited now is the caller hanging up, which may take its time.
            return await self._receive()
        left_s = self._began + WHOLE_S - time.monotonic()
        try:
            async with asyncio.timeout(max(0.0, min(IDLE_S, left_s))):
                message = await self._receive()
        except TimeoutError:
            raise TooSlow("The body did not arrive in time.") from None
        if message["type"] == "http.request":
            self._taken += len(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)
            if self._taken > self._cap:
                raise self._too_large()
        return message

    async def drain(self) -> None:
        """Take what else is under way off the wire, within bounds, and keep none of it."""
        left = self._cap
        try:
            async with asyncio.timeout(_DRAIN_S):
                while not self.is_complete and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self.is_complete = message["type"] != "http.request" or not message.get(
                        "more_body", False
                    )
        except TimeoutError:
            return

    def _too_large(self) -> BodyTooLarge:
        return BodyTooLarge(
            f"The body is larger than the {self._cap} bytes this address takes.", details={"bytes": self._cap}
        )


class _WatchedAnswer:
    def __init__(self, send: Send) -> None:
        self._send = send
        self.has_begun = False

    async def send(self, message: Message) -> None:
        self.has_begun = True
        await self._send(message)


async def _refuse(refusal: DomainError, body: _CountedBody, send: Send) -> None:
    name = secrets.token_hex(8)
    answer = json.dumps(body_of(refusal, name)).encode()
    headers = {
        "content-type": "application/json",
        "content-length": str(len(answer)),
        "connection": "close",
        "x-request-id": name,
        "x-content-type-options": "nosniff",
        "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
    }
    await send(
        {
            "type": "http.response.start",
            "status": refusal.status,
            "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
        }
    )
    await send({"type": "http.response.body", "body": answer, "more_body": True})
    await body.drain()
    await send({"type": "http.response.body", "body": b""})


def _path_in_site(path: str) -> str:
    return path.removeprefix(settings.FORCE_SCRIPT_NAME or "")
