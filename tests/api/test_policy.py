"""G-1: deny by default. The registry and the resolver say the same."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, include, path
from pytest_django import Settings
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import User
from apps.accounts.policy import registered
from tests.cast import client_with, make_key

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


def addresses(resolver: URLResolver | None = None, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    """Every address of the site by its full name."""
    for entry in (resolver or get_resolver()).url_patterns:
        if isinstance(entry, URLResolver):
            yield from addresses(entry, f"{prefix}{entry.namespace}:" if entry.namespace else prefix)
        else:
            yield f"{prefix}{entry.name or ''}", entry


def methods_of(pattern: URLPattern) -> list[str]:
    """The methods a view class has. A function takes what is registered for it."""
    view_class: Any = getattr(pattern.callback, "cls", None) or getattr(pattern.callback, "view_class", None)
    return [method for method in METHODS if view_class and hasattr(view_class, method.lower())]


def test_G_1_every_address_and_method_is_registered():
    known = registered()
    for name, pattern in addresses():
        assert any(address == name for address, _ in known), f"{name} is in no policy.py"
        if pattern.callback.__module__.startswith("allauth."):
            continue  # its forms have more methods than are let in
        for method in methods_of(pattern):
            assert (name, method) in known, f"{method} {name} is in no policy.py"


def test_G_1_nothing_is_registered_that_is_not_there():
    there = dict(addresses())
    for name, method in registered():
        if method == "MESSAGE":
            continue
        assert name in there, f"{name} is registered and has no address"
        methods = methods_of(there[name])
        if methods and method != "HEAD":
            assert method in methods, f"{method} {name} is registered and not answered"


class Forgotten(APIView):
    def get(self, request: Any) -> Response:
        return Response({"leaked": True})


def forgotten(request: HttpRequest) -> HttpResponse:
    return HttpResponse("leaked")


urlpatterns = [
    path(
        "api/v1/",
        include(
            ([path("forgotten", Forgotten.as_view(), name="a"), path("plain", forgotten, name="b")], "lost"),
        ),
    ),
    path("page", forgotten),
]
handler404 = "apps.api.errors.page_not_found"


@pytest.mark.parametrize("address", ["/api/v1/forgotten", "/api/v1/plain", "/page"])
@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete"])
def test_G_1_what_is_not_registered_answers_403(alice: User, settings: Settings, address: str, method: str):
    settings.ROOT_URLCONF = __name__
    client = client_with(make_key(alice))
    answer = getattr(client, method)(address)
    assert answer.status_code == (
        405 if address.endswith("forgotten") and method not in {"get", "head"} else 403
    )
    assert b"leaked" not in answer.content
    if address != "/page" and answer.status_code == 403 and method != "head":
        assert answer.json()["error"]["code"] == "unregistered"


@pytest.mark.parametrize("address", ["/api/v1/me", "/api/v1/teams", "/api/v1/me/keys"])
def test_G_1_nobody_is_asked_for_a_credential(db: None, address: str):
    answer = Client().get(address)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "unauthenticated"
    assert answer["WWW-Authenticate"] == 'Bearer realm="isoline"'
