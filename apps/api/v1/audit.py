"""A team's audit log: read in pages, or taken away whole."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import orjson
from django.db.models import QuerySet
from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.audit import ACTIONS
from apps.accounts.models import AuditEvent, Team
from apps.accounts.roles import Role
from apps.api.pagination import PageAsked, page_of, page_shape
from apps.api.request import Request
from apps.api.shapes import Asked
from apps.api.streaming import stream

_AT_ONCE = 2000
# What a spreadsheet would take for a formula (CSV-1).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_CSV_COLUMNS = (
    "id",
    "at",
    "action",
    "actor",
    "actor_id",
    "credential",
    "object_kind",
    "object",
    "object_id",
    "detail",
    "address",
    "request_id",
)


class AuditFilter(Asked):
    action = serializers.CharField(
        required=False, max_length=50, help_text="`key.created`, or `key.` for all that happens to keys."
    )
    actor = serializers.CharField(required=False, max_length=26, help_text="The id of who did it.")
    since = serializers.DateTimeField(required=False)
    until = serializers.DateTimeField(required=False)

    def validate_action(self, action: str) -> str:
        if action not in ACTIONS and not any(
            known.startswith(action) for known in ACTIONS if action.endswith(".")
        ):
            raise serializers.ValidationError(f"Actions are {', '.join(sorted(ACTIONS))}.")
        return action


class AuditAsked(PageAsked, AuditFilter):
    pass


class AuditExportAsked(AuditFilter):
    format = serializers.ChoiceField(["csv", "jsonl"], default="csv")


class AuditEventOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    at = serializers.DateTimeField()
    action = serializers.CharField()
    actor = serializers.CharField(source="actor_name", help_text="Empty for the installation itself.")
    actor_id = serializers.CharField()
    actor_kind = serializers.CharField()
    credential = serializers.CharField()
    object_kind = serializers.CharField()
    object = serializers.CharField(source="object_name")
    object_id = serializers.CharField()
    detail = serializers.DictField()
    address = serializers.CharField(allow_null=True)
    request_id = serializers.CharField()


class AuditView(APIView):
    """GET /api/v1/teams/<slug>/audit"""

    @extend_schema(
        summary="Who did what to what, when, from where, with which credential",
        tags=["people"],
        parameters=[AuditAsked],
        responses=page_shape(AuditEventOut),
    )
    def get(self, request: Request, team: str) -> Response:
        asked = AuditAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = _events(request, team, asked.validated_data)
        page = page_of(found, asked.validated_data, order=("-at", "-public_id"), name=f"audit.{team}")
        return Response({"items": AuditEventOut(page.rows, many=True).data, "next": page.next})


class AuditExportView(APIView):
    """GET /api/v1/teams/<slug>/audit/export"""

    @extend_schema(
        summary="The audit log as a file",
        tags=["people"],
        parameters=[AuditExportAsked],
        responses={(200, "text/csv"): OpenApiTypes.BINARY, (200, "application/jsonl"): OpenApiTypes.BINARY},
    )
    def get(self, request: Request, team: str) -> StreamingHttpResponse:
        asked = AuditExportAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = _events(request, team, asked.validated_data)
        is_csv = asked.validated_data["format"] == "csv"
        return stream(
            request,
            _as_csv(found) if is_csv else _as_lines(found),
            content_type="text/csv" if is_csv else "application/jsonl",
            filename=f"{team}-audit.{'csv' if is_csv else 'jsonl'}",
        )


def _events(request: Request, team: str, wanted: dict[str, Any]) -> QuerySet[AuditEvent]:
    row = fetch(Team, request.principal, needs=Role.ADMIN, slug=team)
    return AuditEvent.objects.visible_to(request.principal).filter(team=row).about(**wanted)


def _in_pieces(found: QuerySet[AuditEvent]) -> Iterator[list[dict[str, Any]]]:
    """Oldest first, by key: a log that grows meanwhile neither repeats nor skips a line."""
    last = 0
    while rows := list(found.filter(pk__gt=last).order_by("pk")[:_AT_ONCE]):
        last = rows[-1].pk
        yield [dict(AuditEventOut(row).data) for row in rows]


def _as_lines(found: QuerySet[AuditEvent]) -> Iterator[bytes]:
    for piece in _in_pieces(found):
        yield b"".join(orjson.dumps(row) + b"\n" for row in piece)


def _as_csv(found: QuerySet[AuditEvent]) -> Iterator[bytes]:
    yield (",".join(_CSV_COLUMNS) + "\r\n").encode()
    for piece in _in_pieces(found):
        written = io.StringIO()
        lines = csv.writer(written)
        for row in piece:
            lines.writerow([_cell(row[column]) for column in _CSV_COLUMNS])
        yield written.getvalue().encode()


def _cell(value: Any) -> str:
    text = orjson.dumps(value).decode() if isinstance(value, dict) else "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
