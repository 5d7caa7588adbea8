"""The exact points of a run: as columns, as the rows that were logged, as a file."""

from __future__ import annotations

import re
from typing import Any

from django.http import HttpResponse
from django.http.response import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.base.errors import Malformed, TooLarge
from apps.metrics import blocks, export, history, latest, tiles
from apps.tracking.models import Run

from ..conditional import etag_of, unchanged
from ..json_values import answer, column, plain
from ..request import Request
from ..shapes import Asked
from ..streaming import stream
from .metrics import MOST_NAMES

MOST_JSON_POINTS = 100_000
_KEY = re.compile(r"(-?\d{1,19})\.(-?\d{1,19})\.(\d{1,10})\.(\d{1,19})")


class StepField(serializers.IntegerField):
    """Any int64."""

    def __init__(self, **more: Any) -> None:
        super().__init__(min_value=-(2**63), max_value=2**63 - 1, **more)


class SeriesOut(serializers.Serializer[Any]):
    metric = serializers.CharField()
    kind = serializers.ChoiceField(choices=["f64", "i64", "bool"])
    step = serializers.ListField(child=serializers.IntegerField())
    time = serializers.ListField(child=serializers.IntegerField(), help_text="µs since the epoch")
    values = serializers.ListField(child=serializers.JSONField())


class HistoryOut(serializers.Serializer[Any]):
    version = serializers.CharField()
    series = SeriesOut(many=True, help_text="A name that has had two kinds has two.")


class RowOut(serializers.Serializer[Any]):
    step = serializers.IntegerField()
    time = serializers.IntegerField(help_text="µs since the epoch")
    stream = serializers.IntegerField(help_text="The writer's number in its run.")
    row = serializers.IntegerField(help_text="The writer's own count.")
    values = serializers.DictField(child=serializers.JSONField())


class RowPageOut(serializers.Serializer[Any]):
    version = serializers.CharField()
    items = RowOut(many=True)
    next = serializers.CharField(allow_null=True)


class NamesAsked(Asked):
    metric = serializers.ListField(
        child=serializers.CharField(max_length=1024),
        required=False,
        max_length=MOST_NAMES,
        help_text="Else all.",
    )


class HistoryAsked(NamesAsked):
    format = serializers.ChoiceField(choices=["json", *export.FORMATS], default="json")
    x_min = StepField(required=False, help_text="Least step; json only.")
    x_max = StepField(required=False, help_text="Greatest step; json only.")

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if asked["format"] != "json" and ("x_min" in asked or "x_max" in asked):
            raise serializers.ValidationError("A range is for format=json; the files hold everything.")
        return asked


class RowsAsked(NamesAsked):
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(required=False, max_length=100)


class HistoryView(APIView):
    """GET /runs/{run}/history"""

    @extend_schema(
        summary="Exact points, as columns or as a file",
        tags=["metrics"],
        parameters=[HistoryAsked],
        responses={
            200: HistoryOut,
            **{(200, type): OpenApiTypes.BINARY for type in export.MEDIA_TYPES.values()},
        },
    )
    def get(self, request: Request, run: str) -> HttpResponseBase:
        asked = HistoryAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Run, request.principal, public_id=run)
        names, format = wanted.get("metric"), wanted["format"]
        if format != "json":
            pieces = export.stream(found.pk, names, format)
            return stream(
                request._request,
                pieces,
                content_type=export.MEDIA_TYPES[format],
                filename=f"{found.public_id}.{format}",
            )

        def etag_at(version: str) -> str:
            return etag_of("history", found.public_id, sorted(wanted.items()), version)

        if (same := unchanged(request, etag_at(latest.version(found.pk)))) is not None:
            return same
        content = _columns(found.pk, names, wanted.get("x_min"), wanted.get("x_max"))
        # Batches may have come since: the ETag is that of what is in the body.
        return answer(content, etag=etag_at(content["version"]))


class RowsView(APIView):
    """GET /runs/{run}/rows"""

    @extend_schema(
        summary="Rows as they were logged", tags=["metrics"], parameters=[RowsAsked], responses=RowPageOut
    )
    def get(self, request: Request, run: str) -> HttpResponse:
        asked = RowsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Run, request.principal, public_id=run)
        after = _key(wanted["cursor"]) if "cursor" in wanted else None
        page = history.page(found.pk, wanted.get("metric"), after=after, limit=wanted["limit"])
        names = dict(enumerate(name for name, _ in page.columns))
        items = [
            {
                "step": row.step,
                "time": row.time_us,
                "stream": row.stream,
                "row": row.row,
                "values": plain(row.values),
            }
            for row in blocks.rows(page.groups, names)
        ]
        is_full = page.last is not None and len(items) >= wanted["limit"]
        following = ".".join(map(str, page.last)) if page.last is not None and is_full else None
        return answer({"version": page.version, "items": items, "next": following})


def _columns(run: int, names: list[str] | None, x_min: int | None, x_max: int | None) -> dict[str, Any]:
    """Raises TooLarge above MOST_JSON_POINTS."""
    if x_min is None and x_max is None:
        facts = latest.latest([run], names)[run]
        if sum(each.count for each in facts.values()) > MOST_JSON_POINTS:
            raise _too_many()
    points = tiles.points(run, names, x_min=x_min, x_max=x_max)
    series = points.series or ()
    if sum(len(each.values) for each in series) > MOST_JSON_POINTS:
        raise _too_many()
    return {
        "version": points.version,
        "series": [
            {
                "metric": each.name,
                "kind": each.kind,
                "step": column(each.step),
                "time": column(each.time_us),
                "values": column(each.values),
            }
            for each in series
        ],
    }


def _too_many() -> TooLarge:
    return TooLarge(
        f"More than {MOST_JSON_POINTS:,} points: ask for a range of steps, a tile, or a file (format=).",
        code="too_many_points",
    )


def _key(cursor: str) -> history.Key:
    found = _KEY.fullmatch(cursor)
    numbers = tuple(map(int, found.groups())) if found else ()
    if not found or not all(-(2**63) <= number < 2**63 for number in numbers):
        raise Malformed("That is not a cursor of this list.", code="bad_cursor")
    step, time, stream, row = numbers
    return step, time, stream, row
