"""A name for each request, so that an error a person reports is found in the logs."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextvars import ContextVar

from django.http import HttpRequest, HttpResponse

_current: ContextVar[str] = ContextVar("request_id", default="")


def current_request_id() -> str:
    """The id of the request being answered here; empty outside of one."""
    return _current.get()


def begin_request() -> str:
    """Name the request that is answered from here on."""
    name = secrets.token_hex(8)
    _current.set(name)
    return name


class RequestIdMiddleware:
    """Gives each request an id of our own making, and its answer the header `X-Request-ID`.

    A client's own id is not taken over: it would let anyone write into the logs.
    """

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        name = begin_request()
        response = self.get_response(request)
        response["X-Request-ID"] = name
        return response
