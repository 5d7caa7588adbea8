"""Static files: kept for ever under an address with a fingerprint, gzipped once by each process that serves them."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.cache import patch_vary_headers
from whitenoise.middleware import WhiteNoiseMiddleware
from whitenoise.responders import StaticFile

_TEXTS = ("text/", "image/svg+xml", "application/json")
_GZIP = re.compile(r"\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))")


class StaticFilesMiddleware(WhiteNoiseMiddleware):
    @staticmethod
    def serve(static_file: StaticFile, request: HttpRequest) -> HttpResponseBase:
        held = request.META.get("HTTP_IF_NONE_MATCH", "")
        # A packed file has the same ETag, made weak; for this question weak and strong are alike (RFC 9110, 13.1.2).
        request.META["HTTP_IF_NONE_MATCH"] = held.removeprefix("W/")
        response: HttpResponseBase = WhiteNoiseMiddleware.serve(static_file, request)
        if "v" in request.GET:
            response["Cache-Control"] = "public, max-age=31536000, immutable"
        if not response.get("Content-Type", "").startswith(_TEXTS):
            return response
        patch_vary_headers(response, ["Accept-Encoding"])
        if response.status_code == 200 and _GZIP.search(request.META.get("HTTP_ACCEPT_ENCODING", "")):
            return _packed_answer(response, static_file.alternatives[-1][1], method=request.method or "")
        return response


def _packed_answer(response: HttpResponseBase, path: str, *, method: str) -> HttpResponse:
    """The same headers over fewer bytes."""
    packed = _packed(path)
    answer = HttpResponse(packed if method == "GET" else b"")
    for name, value in response.items():
        answer[name] = value
    answer["Content-Encoding"] = "gzip"
    answer["Content-Length"] = str(len(packed))
    answer["ETag"] = f"W/{response['ETag']}"
    # Not the response: closing that tells everybody that the request is over.
    if (file := getattr(response, "file_to_stream", None)) is not None:
        file.close()
    return answer


@cache
def _packed(path: str) -> bytes:
    return gzip.compress(Path(path).read_bytes(), compresslevel=9, mtime=0)
