from __future__ import annotations

from django.http import HttpRequest

from apps.accounts.principal import Principal


class Request(HttpRequest):
    """A request for a page: PagesMiddleware has found out who looks."""

    principal: Principal
