"""Who may open a websocket, and who still may."""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from importlib import import_module
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import get_user
from django.core.exceptions import DisallowedHost
from django.http.request import split_domain_port, validate_host

from apps.accounts import credentials
from apps.accounts.models import User
from apps.accounts.principal import Principal
from apps.base.errors import Denied, Unauthenticated

from .groups import AccessChanged

Scope = dict[str, Any]


def by_session(scope: Scope) -> Principal:
    """A browser: its cookie, and only from a page of ours, for a browser sends cookies from anywhere.

    Raises Denied for a foreign or missing Origin, Unauthenticated without a living session.
    """
    if _header(scope, b"origin") not in _own_origins(scope):
        raise Denied("Websockets with a session are for this site's own pages.", code="foreign_origin")
    try:
        cookies = SimpleCookie(_header(scope, b"cookie"))
    except CookieError:
        cookies = SimpleCookie()
    morsel = cookies.get(settings.SESSION_COOKIE_NAME)
    store = import_module(settings.SESSION_ENGINE).SessionStore
    user = get_user(SimpleNamespace(session=store(morsel.value if morsel else None)))  # type: ignore[arg-type]
    if not isinstance(user, User) or not user.is_active:
        raise Unauthenticated("Sign in first.")
    return credentials.principal_of_user(user)


def by_key(scope: Scope) -> Principal:
    """A program: its key in the header; cookies count for nothing. Raises Unauthenticated."""
    _host(scope)
    return credentials.authenticate(_header(scope, b"authorization"))


def again_by_session(scope: Scope, principal: Principal) -> Principal:
    """Raises Unauthenticated once the session has ended."""
    return by_session(scope)


def again_by_key(scope: Scope, principal: Principal) -> Principal:
    """Raises Unauthenticated once the key has ended, whatever this process remembers."""
    return credentials.renewed(principal)


def owner(principal: Principal) -> str:
    """Whose connections are counted together."""
    if principal.user_id is not None:
        return f"user {principal.user_id}"
    return f"service account {principal.service_account_id}"


def is_concerned(principal: Principal, change: AccessChanged) -> bool:
    key_id = principal.key.pk if principal.key else None
    return (
        (change.api_key_id is not None and change.api_key_id == key_id)
        or (change.user_id is not None and change.user_id == principal.user_id)
        or (
            change.service_account_id is not None
            and change.service_account_id == principal.service_account_id
        )
    )


def _own_origins(scope: Scope) -> set[str]:
    """The origin the handshake itself came to, and the public one."""
    scheme = "https" if scope.get("scheme") in {"wss", "https"} else "http"
    public = urlsplit(settings.PUBLIC_URL)
    return {f"{scheme}://{_host(scope)}", f"{public.scheme}://{public.netloc}"}


def _host(scope: Scope) -> str:
    """The Host the handshake names, if it is one of ours. Raises Denied."""
    host = _header(scope, b"host")
    try:
        domain, _ = split_domain_port(host)
    except DisallowedHost:
        domain = ""
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Denied("This server does not answer under that name.", code="unknown_host")
    return host


def _header(scope: Scope, name: bytes) -> str:
    """A header that must stand once, or ""."""
    values = [value for key, value in scope.get("headers", []) if key.lower() == name]
    return values[0].decode("latin-1") if len(values) == 1 else ""
