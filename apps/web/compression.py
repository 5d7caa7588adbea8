"""Answers travel gzipped to whoever accepts it.

Left alone: what is streamed (each piece goes out as it is made), binary tiles and Arrow (their columns are packed
already, and packing costs more than a fast line), and the answer to a form. That last is the only page a secret can
be on: an attacker who sees sizes must not have a secret and his own text packed together (BREACH). The token in every
form is masked anew for each answer, so a page that was only asked for is safe.
"""

from __future__ import annotations

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.middleware.gzip import GZipMiddleware

LEAST_BYTES = 1024
_PAGES = "text/html"
_PACKED = (_PAGES, "text/plain", "text/csv", "application/json", "application/vnd.oai.openapi")


class CompressionMiddleware(GZipMiddleware):
    """Also makes the ETag weak, as the bytes differ, and says that the answer varies."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        kind = response.get("Content-Type", "")
        if response.streaming or not kind.startswith(_PACKED):
            return response
        if len(response.content) < LEAST_BYTES:  # type: ignore[attr-defined]
            return response
        if kind.startswith(_PAGES) and request.method not in {"GET", "HEAD"}:
            return response
        packed: HttpResponseBase = super().process_response(request, response)
        return packed
