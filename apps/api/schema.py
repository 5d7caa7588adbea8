"""The OpenAPI description, made from the views at the first request and kept."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views import View
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.openapi import AutoSchema

_METHODS = {"get", "put", "post", "patch", "delete"}

_ERROR = {
    "type": "object",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message", "request_id"],
            "properties": {
                "code": {"type": "string", "description": "stable; see the list of codes"},
                "message": {"type": "string"},
                "request_id": {"type": "string"},
                "details": {"type": "object", "additionalProperties": True},
            },
        }
    },
}


class Schema(AutoSchema):
    """Names an operation by its method and address: `get_teams_by_team_keys`."""

    def get_operation_id(self) -> str:
        words = self.path.removeprefix("/api/v1").replace("{", "by_").replace("}", "")
        return f"{self.method.lower()}{words.replace('/', '_').replace('-', '_')}"


class SchemaView(View):
    """GET /api/v1/schema: public, for it holds nothing of this installation."""

    def get(self, request: HttpRequest) -> HttpResponse:
        return JsonResponse(description())


@lru_cache(maxsize=1)
def description() -> dict[str, Any]:
    """Return the OpenAPI 3 document of /api/v1."""
    schema: dict[str, Any] = SchemaGenerator().get_schema(request=None, public=True)
    return schema


def describe_errors(result: dict[str, Any], generator: Any, request: Any, public: bool) -> dict[str, Any]:
    """A drf-spectacular hook: every operation may refuse, and always in one form."""
    result.setdefault("components", {}).setdefault("schemas", {})["Error"] = _ERROR
    refusal = {
        "description": "A refusal",
        "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
    }
    for methods in result["paths"].values():
        for method, operation in methods.items():
            if method in _METHODS:
                operation["responses"]["default"] = refusal
    return result
