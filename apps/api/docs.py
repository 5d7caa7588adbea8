"""The OpenAPI description as a page to read: no script, nothing from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from .schema import description


@dataclass(frozen=True)
class Field:
    name: str
    kind: str
    is_required: bool
    help: str


@dataclass(frozen=True)
class Operation:
    """fields, answers: of the JSON bodies; answers are by status."""

    anchor: str
    method: str
    path: str
    summary: str
    description: str
    parameters: list[Field]
    fields: list[Field]
    answers: list[tuple[str, list[Field]]]


def docs(request: HttpRequest) -> HttpResponse:
    """GET /api/v1/docs"""
    return render(request, "pages/api/docs.html", {"groups": _groups(description())})


def _groups(schema: dict[str, Any]) -> dict[str, list[Operation]]:
    """Operations by tag, in the order of the addresses."""
    groups: dict[str, list[Operation]] = {}
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            tag = (operation.get("tags") or ["other"])[0]
            groups.setdefault(tag, []).append(_operation(schema, path, method, operation))
    return groups


def _operation(schema: dict[str, Any], path: str, method: str, operation: dict[str, Any]) -> Operation:
    asked = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
    return Operation(
        anchor=operation.get("operationId", ""),
        method=method.upper(),
        path=path,
        summary=operation.get("summary", ""),
        description=operation.get("description", ""),
        parameters=[
            Field(
                each["name"],
                _kind(schema, each["schema"]),
                each.get("required", False),
                each.get("description", ""),
            )
            for each in operation.get("parameters", [])
        ],
        fields=_fields(schema, asked),
        answers=[
            (status, _fields(schema, answer.get("content", {}).get("application/json", {}).get("schema")))
            for status, answer in operation["responses"].items()
            if status != "default"
        ],
    )


def _fields(schema: dict[str, Any], shape: dict[str, Any] | None) -> list[Field]:
    """The fields of an object one level deep; what lies deeper is named by its kind."""
    shape = _resolved(schema, shape or {})
    required = shape.get("required", [])
    return [
        Field(name, _kind(schema, inner), name in required, inner.get("description", ""))
        for name, inner in shape.get("properties", {}).items()
    ]


def _kind(schema: dict[str, Any], shape: dict[str, Any]) -> str:
    if "enum" in shape:
        return " | ".join(str(value) for value in shape["enum"])
    if shape.get("type") == "array":
        return f"list of {_kind(schema, shape['items'])}"
    inner = shape.get("$ref") or next((each.get("$ref") for each in shape.get("allOf", [])), None)
    if inner:
        resolved = _resolved(schema, {"$ref": inner})
        return _kind(schema, resolved) if "enum" in resolved else inner.rpartition("/")[2]
    if "oneOf" in shape or "anyOf" in shape:
        return " | ".join(_kind(schema, each) for each in shape.get("oneOf") or shape["anyOf"])
    kind = shape.get("format") or shape.get("type") or "any"
    return f"{kind} | null" if shape.get("nullable") else kind


def _resolved(schema: dict[str, Any], shape: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in shape:
        shape = schema["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
    return shape
