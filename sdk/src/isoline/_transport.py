"""How requests reach a server: over HTTP, or into a server that lives in memory.

A transport answers every request. That the server could not be reached is an answer too (`Answer.is_away`),
so the delivery has one place where it decides what to do next.
"""

from __future__ import annotations

import email.utils
import gzip
import time
from typing import Any, NamedTuple, Protocol

import httpx
import msgspec

import isoline

CONNECT_TIMEOUT_S = 10.0
# Without a byte. A connection whose other end is gone looks like a slow one; a batch may be sent again.
SILENCE_S = 30.0


class Request(NamedTuple):
    """One request to the server at `server`, authorised by `key`."""

    method: str
    server: str
    path: str
    key: str
    body: bytes
    content_type: str
    headers: dict[str, str] = {}


class Answer(NamedTuple):
    """What came back. `status` is 0 if nothing did; then `message` says why."""

    status: int
    body: dict[str, Any] = {}
    message: str = ""
    retry_after_s: float | None = None

    @property
    def is_away(self) -> bool:
        """Whether the server could not be reached."""
        return self.status == 0

    @property
    def is_ok(self) -> bool:
        """Whether the server did what was asked."""
        return 200 <= self.status < 300

    @property
    def error(self) -> dict[str, Any]:
        """The error object; empty if there is none."""
        error = self.body.get("error")
        return error if isinstance(error, dict) else {}

    @property
    def code(self) -> str:
        """The server's word for the error, or ""."""
        return str(self.error.get("code", ""))


class Transport(Protocol):
    """What a delivery asks to carry its requests. Safe for threads."""

    def send(self, request: Request) -> Answer:
        """Carry one request and wait for its answer. Never raises for what a network or a server can do."""
        ...

    def close(self) -> None:
        """Let go of connections."""
        ...


class HttpTransport:
    """Carries requests over HTTP/1.1 with connections kept open.

    Proxies and certificate authorities are taken from the environment, as httpx does. Redirects are not
    followed: a key must not travel to another host.
    """

    def __init__(self, *, silence_s: float = SILENCE_S) -> None:
        self._client = httpx.Client(
            timeout=httpx.Timeout(silence_s, connect=CONNECT_TIMEOUT_S),
            limits=httpx.Limits(max_connections=16, keepalive_expiry=60),
            headers={"User-Agent": f"isoline-python/{isoline.__version__}"},
            follow_redirects=False,
        )

    def send(self, request: Request) -> Answer:
        headers = {
            "Authorization": f"Bearer {request.key}",
            "Content-Type": request.content_type,
            **request.headers,
        }
        body = request.body
        if is_worth_compressing(request):
            body = gzip.compress(body, compresslevel=1)
            headers["Content-Encoding"] = "gzip"
        try:
            response = self._client.request(
                request.method, request.server + request.path, content=body, headers=headers
            )
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            return Answer(0, message=f"{type(error).__name__}: {error}")
        return _answer(response)

    def close(self) -> None:
        self._client.close()


# Noisy float64 columns shrink by a tenth and cost more than a local network does; text shrinks to a fifth.
_SAMPLE_BYTES = 32 * 1024
_WORTH_RATIO = 0.7


def is_worth_compressing(request: Request) -> bool:
    """Return whether gzip would spare the network more than it costs: far servers, and bodies that shrink."""
    if len(request.body) < 2048 or _is_loopback(request.server):
        return False
    sample = request.body[:_SAMPLE_BYTES]
    return len(gzip.compress(sample, compresslevel=1)) < _WORTH_RATIO * len(sample)


def _is_loopback(server: str) -> bool:
    host = httpx.URL(server).host
    return host in ("localhost", "::1") or host.startswith("127.")


def _answer(response: httpx.Response) -> Answer:
    message = ""
    try:
        body = msgspec.json.decode(response.content)
    except msgspec.MsgspecError:
        body = {}
    if not isinstance(body, dict):
        body = {}
    if response.is_redirect:
        message = f"The server redirects to {response.headers.get('Location', 'elsewhere')}."
    elif response.is_error:
        error = body.get("error")
        message = str(error.get("message", "")) if isinstance(error, dict) else ""
        message = message or f"HTTP {response.status_code} {response.reason_phrase}"
    return Answer(response.status_code, body, message, _retry_after_s(response.headers.get("Retry-After")))


def _retry_after_s(text: str | None) -> float | None:
    """Read seconds or an HTTP date; None if there is neither."""
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(text).timestamp() - time.time())
    except ValueError:
        return None
