"""Answers that are longer than memory: made piece by piece, at the reader's pace."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.db import close_old_connections
from django.http import HttpRequest, StreamingHttpResponse

_END = object()


def stream(
    request: HttpRequest, pieces: Iterator[bytes], *, content_type: str, filename: str
) -> StreamingHttpResponse:
    """Return an answer that takes the next piece only when the one before is on its way.

    Between two pieces no transaction may be open: each is made in whatever thread is free.
    """
    # Given a plain iterator, Django on ASGI would gather the whole of it first.
    content: Any = _beside_the_loop(pieces) if isinstance(request, ASGIRequest) else pieces
    answer = StreamingHttpResponse(content, content_type=content_type)
    answer["Content-Disposition"] = f'attachment; filename="{filename}"'
    return answer


async def _beside_the_loop(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    following = sync_to_async(_next, thread_sensitive=False)
    while (piece := await following(pieces)) is not _END:
        yield piece


def _next(pieces: Iterator[bytes]) -> Any:
    try:
        return next(pieces, _END)
    finally:
        close_old_connections()
