"""Console lines: paged both ways or by line number, filtered, searched, and as a text to keep."""

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
from apps.tracking import console, console_lines
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
    first = serializers.IntegerField(
        allow_null=True, help_text="The number of the first line here, where that is known: see `line`."
    )
    total = serializers.IntegerField(help_text="How many lines there are, of that `fd` if one is asked for.")


class FoundOut(serializers.Serializer[Any]):
    lines = serializers.ListField(child=serializers.IntegerField(), help_text="Their numbers, ascending.")
    after = serializers.CharField(
        allow_null=True, help_text="Ask with it for the rest; null: all was searched."
    )


class LinesWanted(Asked):
    level = serializers.ChoiceField(choices=LEVELS, required=False, help_text="This level and above.")
    q = serializers.CharField(
        required=False, max_length=1000, help_text="Lines that contain this, whatever the case."
    )
    fd = serializers.ChoiceField(choices=OUTPUTS, required=False)


class LogsAsked(LinesWanted):
    before = serializers.CharField(required=False, max_length=500)
    after = serializers.CharField(required=False, max_length=500)
    line = serializers.IntegerField(
        required=False,
        min_value=1,
        max_value=2**53,
        help_text="Begin with this line, counted from 1 over all that is printed, or over one `fd`.",
    )
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=200)

    def validate(self, asked: dict[str, Any]) -> dict[str, Any]:
        if len({"before", "after", "line"} & asked.keys()) > 1:
            raise serializers.ValidationError("Ask for what is before, after, or at a line: one of them.")
        if "line" in asked and {"level", "q"} & asked.keys():
            raise serializers.ValidationError("Lines are counted without `level` and `q`.")
        return asked


class FindAsked(Asked):
    q = serializers.CharField(max_length=1000, help_text="Lines that contain this, whatever the case.")
    fd = serializers.ChoiceField(choices=OUTPUTS, required=False)
    after = serializers.CharField(required=False, max_length=500)
    limit = serializers.IntegerField(min_value=1, max_value=5000, default=1000)


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
        output, total = wanted.get("fd"), console_lines.count(found.pk, output=wanted.get("fd"))
        if "line" in wanted:
            page = console_lines.page_at(found.pk, wanted["line"], limit=wanted["limit"], output=output)
            return Response(_told(page, total=total, first=wanted["line"] if page.records else None))
        after, before = wanted.get("after"), wanted.get("before")
        is_tail = after is None and before is None
        page = console.lines(
            found.pk, after=after, before=before, tail=is_tail, limit=wanted["limit"], **_filter(wanted)
        )
        is_numbered = is_tail and page.records and not {"level", "q"} & wanted.keys()
        first = max(1, total - len(page.records) + 1) if is_numbered else None
        return Response(_told(page, total=total, first=first, held=after))


class LogsFindView(APIView):
    """GET /runs/{run}/logs/find"""

    @extend_schema(
        summary="The numbers of lines that contain a text",
        tags=["logs"],
        parameters=[FindAsked],
        responses=FoundOut,
    )
    def get(self, request: Request, run: str) -> Response:
        # Whose run it is comes first: a stranger learns nothing of what would be asked.
        found = fetch(Run, request.principal, public_id=run)
        asked = FindAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        lines = console_lines.find(
            found.pk, wanted["q"], after=wanted.get("after"), limit=wanted["limit"], output=wanted.get("fd")
        )
        return Response(FoundOut(lines).data)


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


def _told(page: console.Page, *, total: int, first: int | None, held: str | None = None) -> dict[str, Any]:
    """held: the cursor that was asked with: what to ask with again while nothing newer has come."""
    newest = page.records[-1].place if page.records else held
    return {
        "lines": LineOut(list(page.records), many=True).data,
        "before": page.before,
        "after": page.after or newest,
        "first": first,
        "total": total,
    }


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
