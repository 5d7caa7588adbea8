"""The last thing before a view: addresses nobody registered are closed, whatever kind of view is behind them.

Synchronous on purpose: so all of Django's middleware runs in one visit to a thread. Were the innermost
asynchronous, each of the others would go to a thread and back for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden

from apps.accounts.policy import required_rule
from apps.base.errors import Denied

from .errors import json_response
from .families import Form, family_of

_STATE_CHANGING = {"POST", "PUT", "PATCH", "DELETE"}


class GateMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in _STATE_CHANGING and _comes_from_elsewhere(request):
            return _refused(request, Denied("Other sites may not act here.", code="foreign_origin"))
        return self.get_response(request)

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        method = request.method or ""
        if not _answers(view, method):
            return None
        match = request.resolver_match
        try:
            required_rule(match.view_name if match else "", method)
        except Denied as denied:
            return _refused(request, denied)
        return None


def _answers(view: Callable[..., HttpResponse], method: str) -> bool:
    """A class without that method answers 405 by itself; a function must be registered for what it takes."""
    view_class = getattr(view, "cls", None) or getattr(view, "view_class", None)
    if view_class is None:
        return True
    return method != "OPTIONS" and hasattr(view_class, method.lower() if method != "HEAD" else "get")


def _comes_from_elsewhere(request: HttpRequest) -> bool:
    """Whether a browser says that another site's page makes the request. Programs send no Origin."""
    origin = request.META.get("HTTP_ORIGIN")
    if origin is None:
        return False
    own = f"{request.scheme}://{request.get_host()}"
    return origin != own and origin not in settings.CSRF_TRUSTED_ORIGINS


def _refused(request: HttpRequest, refusal: Denied) -> HttpResponse:
    if family_of(request.path_info).form is Form.JSON:
        return json_response(refusal)
    return HttpResponseForbidden(refusal.message, content_type="text/plain; charset=utf-8")
