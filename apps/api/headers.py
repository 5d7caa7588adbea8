"""Headers that every answer carries (G-6), on top of what Django's SecurityMiddleware sets."""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

CSP = "default-src 'none'; frame-ancestors 'none'"


class SecurityHeadersMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        # A page has said what it loads; whatever else is opened loads nothing.
        response.setdefault("Content-Security-Policy", CSP)
        response.setdefault("X-Content-Type-Options", "nosniff")
        response.setdefault("Referrer-Policy", "same-origin")
        if "HTTP_AUTHORIZATION" in request.META or settings.SESSION_COOKIE_NAME in request.COOKIES:
            # What one credential saw is kept by no cache, so it cannot be shown to another.
            response["Cache-Control"] = "no-store"
        return response
