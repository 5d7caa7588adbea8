"""Asking the server's REST interface, for whoever waits for the answer: `Api` and the command line."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NoReturn
from urllib.parse import quote

import msgspec

import isoline
from isoline.errors import AccessDenied, NotFound, NotSignedIn, QueryInvalid, RequestRefused, ServerAway

if TYPE_CHECKING:
    import httpx

CONNECT_TIMEOUT_S = 10.0
ANSWER_TIMEOUT_S = 120.0

# A busy server is asked again for so long. It says "busy" only before anything was written.
PATIENCE_S = 20.0
_BUSY = (429, 503)
_QUERY_CODES = ("bad_query", "bad_pattern", "bad_value", "query_too_long", "unknown_field")


class Client:
    """Connections to one server under one key. Safe for threads. Raises what `isoline.errors` says."""

    def __init__(self, url: str, key: str) -> None:
        import httpx  # a tenth of a second that a training does not pay

        self.url = url
        self.key = key
        self._client = httpx.Client(
            timeout=httpx.Timeout(ANSWER_TIMEOUT_S, connect=CONNECT_TIMEOUT_S),
            headers={
                "Authorization": f"Bearer {key}",
                "User-Agent": f"isoline-python/{isoline.__version__}",
            },
            # A key must not travel to another host.
            follow_redirects=False,
        )

    def get(self, path: str, **params: Any) -> Any:
        """Read below `/api/v1`. Parameters that are None are left out; a list is repeated."""
        return self.ask("GET", path, params=params)

    def ask(
        self,
        method: str,
        path: str,
        *,
        json: Any = None,
        params: Mapping[str, Any] | None = None,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """Return the answer's JSON; None if it has no body."""
        content = msgspec.json.encode(json) if json is not None else body
        sent = {} if content is None else {"Content-Type": "application/json"}
        with self._answer(
            method, path, params, content=content, headers={**sent, **(headers or {})}
        ) as response:
            data = response.read()
        return msgspec.json.decode(data) if data else None

    @contextlib.contextmanager
    def download(self, path: str, **params: Any) -> Iterator[Iterator[bytes]]:
        """Read a body piece by piece, as it comes."""
        with self._answer("GET", path, params, headers={}) as response:
            yield self._pieces(response)

    def close(self) -> None:
        """Let go of connections."""
        self._client.close()

    @contextlib.contextmanager
    def _answer(
        self, method: str, path: str, params: Mapping[str, Any] | None, **options: Any
    ) -> Iterator[httpx.Response]:
        import httpx

        given = {name: value for name, value in (params or {}).items() if value is not None}
        deadline = time.monotonic() + PATIENCE_S
        attempt = 0
        while True:
            request = self._client.build_request(
                method, f"{self.url}/api/v1{path}", params=given or None, **options
            )
            try:
                response = self._client.send(request, stream=True)
            except (httpx.HTTPError, OSError) as error:
                # A connection that had been kept and was closed by the other side is no reason to give up.
                attempt += 1
                if method == "GET" and attempt == 1 and not isinstance(error, httpx.TimeoutException):
                    continue
                raise ServerAway(f"{self.url} cannot be reached: {_reason(error)}") from None
            if response.status_code in _BUSY and time.monotonic() < deadline:
                response.close()
                time.sleep(min(_wait_s(response), max(0.0, deadline - time.monotonic())))
                continue
            break
        try:
            if not response.is_success:
                self._refuse(response)
            yield response
        except httpx.HTTPError as error:
            raise ServerAway(f"{self.url} broke off its answer: {_reason(error)}") from None
        finally:
            response.close()

    def _pieces(self, response: httpx.Response) -> Iterator[bytes]:
        yield from response.iter_bytes()

    def _refuse(self, response: httpx.Response) -> NoReturn:
        status = response.status_code
        try:
            told = msgspec.json.decode(response.read())
        except msgspec.MsgspecError:
            told = {}
        error = told.get("error") if isinstance(told, dict) else None
        error = error if isinstance(error, dict) else {}
        code = str(error.get("code", ""))
        message = (
            str(error.get("message", "")) or f"{self.url} answered {status}, which is not Isoline's way."
        )
        details = error.get("details")
        details = details if isinstance(details, dict) else {}
        if status == 401:
            raise NotSignedIn(
                f"{self.url} does not accept the API key. `isoline login {self.url}` renews it."
            )
        kind = {403: AccessDenied, 404: NotFound}.get(status, RequestRefused)
        if status == 400 and code in _QUERY_CODES:
            kind = QueryInvalid
        if details.get("fields"):
            message = f"{message} {msgspec.json.encode(details['fields']).decode()}"
        raise kind(message, code=code or f"http_{status}", status=status, details=details)


def segment(text: str) -> str:
    """Return text as one segment of a path."""
    return quote(text, safe="")


def _wait_s(response: httpx.Response) -> float:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isdigit() else 1.0


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
