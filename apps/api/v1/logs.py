"""Console lines: paged both ways, filtered, searched, and as a text to keep."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.http import StreamingHttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking import console
from apps.tracking.models import Run
from apps.tracking.record_types import LEVELS

from ..request import Request
from ..shapes import Asked

OUTPUTS = ["stdout", "stderr"]


class LineOut(serializers.Serializer[Any]):
    n = serializers.IntegerField(source="number", help_text="Its number in its stream and output.")
    time = serializers.IntegerField(help_text="µs since the epoch")
    fd = serializers.ChoiceField(source="kind", choices=OUTPUTS)
    level = serializers.ChoiceField(choices=["", *LEVELS])
    text = serializers.CharField()
    stream = serializers.UUIDField()


class LinePageOut(serializers.Serializer[Any]):
    lines = LineOut(many=True, help_text="Oldest first.")
    before = serializers.CharField(
        allow_null=True, help_text="Ask with it for what comes before; null: nothing."
    )
    after = serializers.CharField(allow_null=True, help_text="Ask with it for what comes after, also later.")


class LinesWanted(Asked):
    level = serializers.ChoiceField(choices=LEVELS, required=False, help_text="This level and above.")
    q = serializers.CharField(
        required=False, max_length=1000, help_text="Lines that contain this, whatever the case."
    )
    fd = serializers.ChoiceField(choices=OUTPUTS, required=False)


class LogsAsked(LinesWanted):
    before = serializers.CharField(required=False, max_length=500)
    after = serializers.CharField(required=False, max_length=500)
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if "before" in asked and "after" in asked:
            raise serializers.ValidationError("Ask for what is before, or after, not both.")
        return asked


class LogsView(APIView):
    """GET /runs/{run}/logs"""

    @extend_schema(
        summary="Console lines, the newest by default",
        tags=["logs"],
        parameters=[LogsAsked],
        responses=LinePageOut,
    )
    def get(self, request: Request, run: str) -> Response:
        asked = LogsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Run, request.principal, public_id=run)
        wanted = asked.validated_data
        after, before = wanted.get("after"), wanted.get("before")
        page = console.lines(
            found.pk,
            after=after,
            before=before,
            tail=after is None and before is None,
            limit=wanted["limit"],
            **_filter(wanted),
        )
        newest = page.records[-1].place if page.records else after
        return Response(
            {
                "lines": LineOut(list(page.records), many=True).data,
                "before": page.before,
                "after": page.after or newest,
            }
        )


class LogsDownloadView(APIView):
    """GET /runs/{run}/logs/download"""

    @extend_schema(
        summary="The console as text",
        tags=["logs"],
        parameters=[LinesWanted],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request, run: str) -> StreamingHttpResponse:
        asked = LinesWanted(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Run, request.principal, public_id=run)
        text = _text(found.pk, _filter(asked.validated_data))
        answer = StreamingHttpResponse(text, content_type="text/plain; charset=utf-8")
        answer["Content-Disposition"] = f'attachment; filename="{found.public_id}.log"'
        return answer


def _filter(wanted: dict[str, Any]) -> dict[str, Any]:
    return {"level": wanted.get("level"), "text": wanted.get("q", ""), "output": wanted.get("fd")}


def _text(run: int, wanted: dict[str, Any]) -> Iterator[bytes]:
    """The lines from the first to the last, a page in memory at a time."""
    after: str | None = None
    while True:
        page = console.lines(run, after=after, limit=console.MOST_ROWS, **wanted)
        yield "".join(map(_line, page.records)).encode()
        if page.after is None:
            return
        after = page.after


def _line(record: console.Record) -> str:
    try:
        moment = datetime.fromtimestamp(record.time / 1e6, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):
        moment = str(record.time)
    return f"{moment} {record.level or record.kind:8} {record.text}\n"
