"""From a request to its principal: a key in the header, else the session.

A key is taken from the header only, never from the address or the body, so no page can make a browser
send one. A session is only good with the CSRF token for anything that changes state.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.base_user import AbstractBaseUser
from django.http import HttpRequest, HttpResponse
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication, CSRFCheck
from rest_framework.request import Request

from apps.accounts.acting import let_in
from apps.accounts.credentials import authenticate, principal_of_user
from apps.accounts.models import User
from apps.accounts.principal import NOBODY, Principal
from apps.base.errors import Denied

_SAFE = {"GET", "HEAD", "OPTIONS"}


def principal_of(request: HttpRequest) -> Principal:
    """Return who makes a request, for views of any kind.

    Raises Unauthenticated for a header that proves nobody, Denied for a session without its CSRF token.
    """
    header = request.META.get("HTTP_AUTHORIZATION", "")
    if header:
        return authenticate(header)
    user = getattr(request, "user", None)
    if not isinstance(user, User) or not user.is_active:
        return NOBODY
    if request.method not in _SAFE:
        _demand_csrf_token(request)
    return principal_of_user(user)


class CredentialAuthentication(BaseAuthentication):
    """REST framework's way in. Leaves `request.principal` behind, also where there is nobody."""

    def authenticate(self, request: Request) -> tuple[AbstractBaseUser | None, Any] | None:
        plain = request._request
        plain.principal = NOBODY  # type: ignore[attr-defined]
        principal = principal_of(plain)
        let_in(principal, plain.META.get("REMOTE_ADDR"))
        plain.principal = principal  # type: ignore[attr-defined]
        return (principal.user, principal) if principal.is_somebody else None

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="isoline"'


def _demand_csrf_token(request: HttpRequest) -> None:
    check = CSRFCheck(lambda _: None)  # type: ignore[arg-type]
    check.process_request(request)
    if check.process_view(request, _no_view, (), {}):
        raise Denied("A signed-in page sends its CSRF token as `X-CSRFToken`.", code="csrf")


def _no_view(request: HttpRequest) -> HttpResponse:
    """The check only asks a view whether it is exempt."""
    return HttpResponse()


class CredentialScheme(OpenApiAuthenticationExtension):
    target_class = "apps.api.authentication.CredentialAuthentication"
    name = ["key", "session"]

    def get_security_definition(self, auto_schema: Any) -> list[dict[str, str]]:
        return [
            {"type": "http", "scheme": "bearer", "description": "An API key: `Authorization: Bearer iso_…`"},
            {"type": "apiKey", "in": "cookie", "name": "sessionid", "description": "A signed-in browser"},
        ]
