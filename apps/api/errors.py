"""Refusals in the words of the REST interface: `{"error": {"code", "message", "request_id", "details"?}}`.

Nothing a caller sent is repeated: not in a message, not in the details. docs/reference/errors.md
explains each code.
"""

from __future__ import annotations

import logging
import math
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation
from django.db import DataError, InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, UnreadablePostError
from django.shortcuts import render
from django.views import defaults
from rest_framework import exceptions as drf
from rest_framework.response import Response

from apps.base.errors import (
    Denied,
    DomainError,
    Invalid,
    Malformed,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
    Unsupported,
)
from apps.base.request_id import current_request_id

from .families import Form, family_of

log = logging.getLogger(__name__)

NOTHING_HERE = "There is nothing here, or nothing that you may see."
_QUERY_CANCELED = "57014"


class MethodNotAllowed(DomainError):
    status = 405
    default_code = "method_not_allowed"


class QueryTooCostly(DomainError):
    status = 400
    default_code = "query_too_costly"


def answer(error: Exception, context: dict[str, Any]) -> Response | None:
    """Put what a view raised into an answer; REST framework's EXCEPTION_HANDLER.

    None for a fault of ours: Django logs it and answers through `server_error`.
    """
    refusal = refusal_of(error, context["request"].method or "")
    if refusal is None:
        return None
    return Response(body_of(refusal), status=refusal.status, headers=headers_of(refusal))


def refusal_of(error: Exception, method: str) -> DomainError | None:
    """Return the refusal an exception means, None if it means a fault."""
    match error:
        case DomainError():
            return error
        case drf.ValidationError():
            return Invalid(
                "Some fields are missing or not acceptable.", details={"fields": _fields(error.detail)}
            )
        case drf.ParseError():
            return Malformed("The body could not be read.")
        case drf.NotAuthenticated() | drf.AuthenticationFailed():
            return Unauthenticated("Send a valid API key as `Authorization: Bearer iso_…`, or sign in.")
        case drf.PermissionDenied():
            return Denied(
                str(error.detail), code=_code(error) if _code(error) != "permission_denied" else None
            )
        case PermissionDenied():
            return Denied("You may not do this.")
        case drf.NotFound() | Http404():
            return NotFound(NOTHING_HERE)
        case drf.MethodNotAllowed():
            return MethodNotAllowed("This address does not answer that method.")
        case drf.UnsupportedMediaType():
            return Unsupported("Send the body as application/json.")
        case RequestDataTooBig():
            return TooLarge("The body is larger than this address takes.")
        case SuspiciousOperation() | UnreadablePostError():
            return Malformed("The request could not be read.")
        case DataError():
            return Invalid("A value is outside of what can be stored.")
        case OperationalError() | InterfaceError():
            return _database_refusal(error, method)
    return None


def _database_refusal(error: Exception, method: str) -> DomainError:
    """What was slow to read is the question's fault; everything else passes, and nothing was written."""
    if getattr(error.__cause__, "sqlstate", None) == _QUERY_CANCELED and method in {"GET", "HEAD"}:
        return QueryTooCostly("The question takes too long to answer: narrow the filter or ask for less.")
    log.warning("The database refused: %s", type(error.__cause__ or error).__name__)
    return Unavailable("The database is away or busy; nothing was written. Try again.", retry_after_s=1)


def body_of(refusal: DomainError, request_id: str | None = None) -> dict[str, Any]:
    error: dict[str, Any] = {
        "code": refusal.code,
        "message": refusal.message,
        "request_id": request_id or current_request_id(),
    }
    if refusal.details:
        error["details"] = refusal.details
    return {"error": error}


def headers_of(refusal: DomainError) -> dict[str, str]:
    headers: dict[str, str] = {}
    retry_after_s = getattr(refusal, "retry_after_s", None)
    if retry_after_s is not None:
        headers["Retry-After"] = str(max(1, math.ceil(retry_after_s)))
    if isinstance(refusal, Unauthenticated):
        headers["WWW-Authenticate"] = 'Bearer realm="isoline"'
    return headers


def json_response(refusal: DomainError) -> JsonResponse:
    """The answer of a plain Django view or middleware that refuses."""
    return JsonResponse(body_of(refusal), status=refusal.status, headers=headers_of(refusal))


# Django's own handlers, named in config/urls.py. Pages keep Django's templates.


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _speaks_json(request):
        return json_response(
            refusal_of(exception, request.method or "") or Malformed("The request could not be read.")
        )
    return defaults.bad_request(request, exception)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _speaks_json(request):
        return json_response(Denied("You may not do this."))
    return defaults.permission_denied(request, exception)


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    if _speaks_json(request):
        return json_response(NotFound(NOTHING_HERE))
    return defaults.page_not_found(request, exception)


def server_error(request: HttpRequest) -> HttpResponse:
    if not _speaks_json(request):
        return defaults.server_error(request)
    error = {"code": "server_error", "message": "The server failed; its log says why under this request id."}
    return JsonResponse({"error": {**error, "request_id": current_request_id()}}, status=500)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    if _speaks_json(request):
        return permission_denied(request, PermissionDenied())
    return render(request, "403_csrf.html", status=403)


def _speaks_json(request: HttpRequest) -> bool:
    return family_of(request.path_info).form is Form.JSON


def _code(error: drf.APIException) -> str:
    codes = error.get_codes()
    return codes if isinstance(codes, str) else "denied"


# REST framework's words for these repeat the value.
_OWN_WORDS = {
    "invalid_choice": "This is not one of the accepted values.",
    "does_not_exist": "There is no such thing.",
    "incorrect_type": "This is of the wrong type.",
}


def _fields(detail: Any, path: str = "") -> list[dict[str, str]]:
    """Flatten a serializer's errors: `[{"field": "scopes.0", "code": "invalid_choice", "message": …}]`."""
    if isinstance(detail, dict):
        return [
            fault
            for name, inner in detail.items()
            for fault in _fields(inner, f"{path}.{name}".strip(".") if name != "non_field_errors" else path)
        ]
    if isinstance(detail, list):
        faults = []
        for number, inner in enumerate(detail):
            faults += _fields(inner, path if isinstance(inner, str) else f"{path}.{number}".strip("."))
        return faults
    code = getattr(detail, "code", "invalid")
    return [{"field": path, "code": code, "message": _OWN_WORDS.get(code, str(detail))}]
