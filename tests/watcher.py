"""Watches every answer in every test: its headers, and that no refusal under /api is HTML (G-3, G-6)."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse


class AnswerWatcher:
    """The outermost middleware of the tests. What it misses fails the test that asked."""

    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        is_static = request.path.startswith(settings.STATIC_URL)
        if not is_static:
            self._check(request, response)
        return response

    def _check(self, request: HttpRequest, response: HttpResponse) -> None:
        where = f"{request.method} {request.path} ({response.status_code})"
        kind = response.get("Content-Type", "")
        policy = response.get("Content-Security-Policy", "")
        assert response.get("X-Content-Type-Options") == "nosniff", where
        assert response.get("Referrer-Policy") == "same-origin", where
        assert response.get("X-Request-ID"), where
        assert "frame-ancestors" in policy, where
        assert "unsafe-" not in policy, where
        if "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES:
            assert response.get("Cache-Control") == "no-store", where
        if request.path.startswith("/api/") and response.status_code >= 400:
            assert kind.startswith("application/json"), where
        assert "Access-Control-Allow-Origin" not in response, where
