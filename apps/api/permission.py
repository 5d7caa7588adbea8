"""REST framework's side of the policy registry: every view asks it, none can forget to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rest_framework.permissions import BasePermission

from apps.accounts.policy import required_rule

if TYPE_CHECKING:
    from rest_framework.views import APIView

    from .request import Request


class Registered(BasePermission):
    def has_permission(self, request: Request, view: APIView) -> bool:  # type: ignore[override]
        """Refuse what the registry does not allow; a method the view does not have is left to its 405.

        Raises Unauthenticated or Denied.
        """
        method = request.method or ""
        if method != "OPTIONS" and hasattr(view, method.lower()):
            match = request._request.resolver_match
            required_rule(match.view_name if match else "", method).demand(request.principal)
        return True
