"""What every page has around it: who looks, and a refusal said as a page.

Only views of this app's own addresses pass through; other interfaces have their own words.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.utils.cache import patch_vary_headers

from apps.accounts.acting import let_in, nobody_acts
from apps.accounts.credentials import principal_of_user
from apps.accounts.models import User
from apps.accounts.policy import required_rule
from apps.accounts.principal import NOBODY
from apps.base.errors import DomainError, Unauthenticated, Unavailable

from .assets import import_map_hash

log = logging.getLogger(__name__)


class PagesMiddleware:
    sync_capable = True
    async_capable = False

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        nobody_acts()
        response = self.get_response(request)
        if response.get("Content-Type", "").startswith("text/html"):
            response.setdefault("Content-Security-Policy", content_policy())
            patch_vary_headers(response, ["HX-Request"])
        return response

    def process_view(
        self, request: HttpRequest, view: Callable[..., HttpResponse], args: Any, kwargs: Any
    ) -> HttpResponse | None:
        """Hand `request.principal` to a page; one that asks for somebody sends a stranger to the sign-in."""
        if not _is_page(request):
            return None
        user = request.user
        is_known = isinstance(user, User) and user.is_active
        request.principal = principal_of_user(user) if is_known else NOBODY  # type: ignore[attr-defined,arg-type]
        let_in(request.principal, request.META.get("REMOTE_ADDR"))  # type: ignore[attr-defined]
        match = request.resolver_match
        try:
            required_rule(match.view_name if match else "", request.method or "").demand(request.principal)  # type: ignore[attr-defined]
        except Unauthenticated:
            return sign_in_first(request)
        except DomainError as refusal:
            return refused(request, refusal)
        return None

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        if not _is_page(request):
            return None
        if isinstance(error, OperationalError | InterfaceError):
            log.warning("The database refused: %s", type(error.__cause__ or error).__name__)
            error = Unavailable("The database is away or busy. Load the page again.", retry_after_s=2)
        return refused(request, error) if isinstance(error, DomainError) else None


def content_policy() -> str:
    """What a page may load: this server's own files, the one import map, and nothing else inline."""
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {import_map_hash()}",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "form-action 'self'",
            "base-uri 'none'",
            "frame-ancestors 'none'",
        )
    )


def sign_in_first(request: HttpRequest) -> HttpResponse:
    """Send to the sign-in and back; what htmx asked for is answered by moving the whole page."""
    here = request.headers.get("HX-Current-URL") if request.headers.get("HX-Request") else None
    address = f"{settings.LOGIN_URL}?next={quote(here or request.get_full_path())}"
    if here:
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return HttpResponseRedirect(address)


def refused(request: HttpRequest, refusal: DomainError) -> HttpResponse:
    """Say a refusal as a page; inside a page, as the sentence alone."""
    template = "pages/_refusal.html" if request.headers.get("HX-Request") else "pages/refusal.html"
    answer = render(request, template, {"refusal": refusal}, status=refusal.status)
    if (wait_s := getattr(refusal, "retry_after_s", None)) is not None:
        answer["Retry-After"] = str(math.ceil(wait_s))
    return answer


def _is_page(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and match.namespace == "web"
