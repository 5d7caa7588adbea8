"""Values that are no numbers: texts, structures, references to media; and alerts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking import console
from apps.tracking.models import Run

from ..json_values import plain
from ..request import Request
from ..shapes import Asked


class RecordOut(serializers.Serializer[Any]):
    key = serializers.CharField()
    step = serializers.IntegerField()
    time = serializers.IntegerField(help_text="µs since the epoch")
    row = serializers.IntegerField()
    stream = serializers.UUIDField()
    value = serializers.JSONField()

    def to_representation(self, record: console.Record) -> dict[str, Any]:
        return {
            "key": record.content["key"],
            "step": record.content["step"],
            "time": record.time,
            "row": record.number,
            "stream": str(record.stream),
            "value": plain(record.content["value"]),
        }


class RecordPageOut(serializers.Serializer[Any]):
    items = RecordOut(many=True)
    next = serializers.CharField(allow_null=True)


class RecordKeysOut(serializers.Serializer[Any]):
    keys = serializers.ListField(child=serializers.CharField())


class AlertOut(serializers.Serializer[Any]):
    title = serializers.CharField(source="content.title")
    text = serializers.CharField(source="content.text")
    level = serializers.CharField()
    time = serializers.IntegerField(help_text="µs since the epoch")
    stream = serializers.UUIDField()


class AlertPageOut(serializers.Serializer[Any]):
    items = AlertOut(many=True)
    next = serializers.CharField(allow_null=True)


class AlertsAsked(Asked):
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(required=False, max_length=500)


class RecordsAsked(AlertsAsked):
    key = serializers.CharField(required=False, max_length=1024)


class RecordsView(APIView):
    """GET /runs/{run}/records"""

    @extend_schema(
        summary="Logged values that are no numbers",
        tags=["records"],
        parameters=[RecordsAsked],
        responses=RecordPageOut,
    )
    def get(self, request: Request, run: str) -> Response:
        asked = RecordsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Run, request.principal, public_id=run)
        page = console.values(found.pk, wanted.get("key"), after=wanted.get("cursor"), limit=wanted["limit"])
        return Response({"items": RecordOut(list(page.records), many=True).data, "next": page.after})


class RecordKeysView(APIView):
    """GET /runs/{run}/records/keys"""

    @extend_schema(summary="Which keys have such values", tags=["records"], responses=RecordKeysOut)
    def get(self, request: Request, run: str) -> Response:
        found = fetch(Run, request.principal, public_id=run)
        return Response({"keys": console.value_keys(found.pk)})


class AlertsView(APIView):
    """GET /runs/{run}/alerts"""

    @extend_schema(
        summary="Alerts the run has raised",
        tags=["records"],
        parameters=[AlertsAsked],
        responses=AlertPageOut,
    )
    def get(self, request: Request, run: str) -> Response:
        asked = AlertsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Run, request.principal, public_id=run)
        page = console.alerts(found.pk, after=wanted.get("cursor"), limit=wanted["limit"])
        return Response({"items": AlertOut(list(page.records), many=True).data, "next": page.after})
