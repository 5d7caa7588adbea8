"""The type of the request that a view is handed."""

from __future__ import annotations

from rest_framework import request

from apps.accounts.principal import Principal


class Request(request.Request):
    """For annotations: a request whose principal is known. `authentication` sets it."""

    principal: Principal
