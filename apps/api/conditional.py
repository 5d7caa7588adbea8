"""ETags: what a client holds already is not sent again."""

from __future__ import annotations

import hashlib
from typing import Any

from django.http import HttpResponse
from django.utils.http import parse_etags

from .request import Request


def etag_of(*parts: Any) -> str:
    """Return an ETag of what was asked and of the versions that answer it. Parts are told apart."""
    digest = hashlib.blake2b(repr(parts).encode(), digest_size=16)
    return f'"{digest.hexdigest()}"'


def unchanged(request: Request, etag: str) -> HttpResponse | None:
    """Return 304 if the client holds this ETag; also for a POST that only asks.

    An answer that was packed has the ETag made weak; for this question weak and strong are alike.
    """
    held = [tag.removeprefix("W/") for tag in parse_etags(request.META.get("HTTP_IF_NONE_MATCH", ""))]
    if etag not in held:
        return None
    same = HttpResponse(status=304)
    same["ETag"] = etag
    return same
