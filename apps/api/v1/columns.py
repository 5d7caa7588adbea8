"""The columns a table of runs can have, and how they spread over the runs of a query."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking.models import Project
from apps.tracking.search.columns import MOST_COLUMNS, Column, Spread, columns, spreads
from apps.tracking.search.run_list import costs_bounded, matching

from ..request import Request
from ..shapes import Asked


class ColumnsAsked(Asked):
    part = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1024, help_text="A part of the path."
    )
    limit = serializers.IntegerField(min_value=1, max_value=MOST_COLUMNS, default=MOST_COLUMNS)


class ColumnOut(serializers.Serializer[Column]):
    path = serializers.CharField(help_text="As a query writes it.")
    scope = serializers.ChoiceField(choices=["run", "config", "metrics", "labels", "metadata"])
    name = serializers.CharField()
    type = serializers.ChoiceField(choices=["text", "number", "time", "duration", "tags"])
    statistic = serializers.CharField(help_text="Of a metric; empty is its last value.")
    direction = serializers.CharField(help_text="Of a metric: `min`, `max`, or empty.")
    unit = serializers.CharField()


class ColumnsOut(serializers.Serializer[Any]):
    items = ColumnOut(many=True)
    total = serializers.IntegerField(help_text="How many there are, of which these are the first.")


class SpreadAsked(Asked):
    q = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000, trim_whitespace=False
    )
    field = serializers.ListField(
        child=serializers.CharField(max_length=1100), required=False, max_length=200
    )


class SpreadOut(serializers.Serializer[Spread]):
    path = serializers.CharField()
    differs = serializers.BooleanField(help_text="Not all have the same value, or one has none.")
    low = serializers.FloatField(allow_null=True, help_text="Of its finite numbers.")
    high = serializers.FloatField(allow_null=True)


class ColumnsView(APIView):
    """GET /projects/{project}/columns"""

    @extend_schema(
        summary="What a table of runs can show",
        tags=["runs"],
        parameters=[ColumnsAsked],
        responses=ColumnsOut,
    )
    def get(self, request: Request, project: str) -> Response:
        asked = ColumnsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = columns(fetch(Project, request.principal, public_id=project), **asked.validated_data)
        return Response({"items": [asdict(each) for each in found.columns], "total": found.total})


class SpreadView(APIView):
    """GET /projects/{project}/columns/spread"""

    @extend_schema(
        summary="Which columns differ among the runs of a query, and between which numbers",
        tags=["runs"],
        parameters=[SpreadAsked],
        responses=SpreadOut(many=True),
    )
    def get(self, request: Request, project: str) -> Response:
        asked = SpreadAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, public_id=project)
        with costs_bounded():
            told = spreads(
                matching(found, asked.validated_data["q"]), found, asked.validated_data.get("field")
            )
        return Response([asdict(each) for each in told])
