"""What a run's metrics are, and what they are at now."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.metrics import latest
from apps.metrics.latest import MetricFacts
from apps.tracking.models import Run

from ..conditional import etag_of, unchanged
from ..json_values import answer, plain
from ..request import Request
from ..shapes import Asked
from .runs import MOST_FETCHED, found_runs

MOST_NAMES = 1000


class MetricOut(serializers.Serializer[MetricFacts]):
    """first, last, min, max … are over all points, those that came a moment ago included."""

    name = serializers.CharField()
    kind = serializers.ChoiceField(choices=["f64", "i64", "bool"], help_text="Of the last value.")
    count = serializers.IntegerField()
    nan = serializers.IntegerField()
    pinf = serializers.IntegerField()
    ninf = serializers.IntegerField()
    first = serializers.JSONField(help_text="A number, or `NaN`, `Infinity`, `-Infinity` as text.")
    first_step = serializers.IntegerField()
    first_time_us = serializers.IntegerField()
    last = serializers.JSONField()
    last_step = serializers.IntegerField()
    last_time_us = serializers.IntegerField()
    min = serializers.JSONField(allow_null=True, help_text="Over finite values; null if there is none.")
    min_step = serializers.IntegerField()
    max = serializers.JSONField(allow_null=True)
    max_step = serializers.IntegerField()
    sum = serializers.JSONField()
    mean = serializers.JSONField()
    m2 = serializers.JSONField(help_text="Sum of squared distances from the mean.")


class MetricPageOut(serializers.Serializer[Any]):
    version = serializers.CharField()
    items = MetricOut(many=True, help_text="In order of first appearance.")
    next = serializers.CharField(allow_null=True)
    total = serializers.IntegerField(help_text="How many names the run has of those asked for.")


class MetricsAsked(Asked):
    q = serializers.CharField(required=False, max_length=1024, help_text="Part of the name.")
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=1000)
    cursor = serializers.IntegerField(
        min_value=0, max_value=10_000_000, default=0, help_text="The `next` of the page before."
    )


class LatestAsked(Asked):
    runs = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_FETCHED
    )
    metrics = serializers.ListField(
        child=serializers.CharField(max_length=1024), required=False, max_length=MOST_NAMES
    )


class LatestRunOut(serializers.Serializer[Any]):
    run = serializers.CharField()
    metrics = MetricOut(many=True)


class MetricsView(APIView):
    """GET /runs/{run}/metrics"""

    @extend_schema(
        summary="The metrics of a run", tags=["metrics"], parameters=[MetricsAsked], responses=MetricPageOut
    )
    def get(self, request: Request, run: str) -> HttpResponse:
        asked = MetricsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Run, request.principal, public_id=run)

        def etag_at(version: str) -> str:
            return etag_of("metrics", found.public_id, sorted(wanted.items()), version)

        if (same := unchanged(request, etag_at(latest.version(found.pk)))) is not None:
            return same
        start, limit = wanted["cursor"], wanted["limit"]
        page = latest.metric_page(found.pk, part=wanted.get("q", ""), start=start, limit=limit)
        content = {
            "version": page.version,
            "items": list(map(metric_out, page.metrics)),
            # A metric keeps its place, so a place is as good a cursor as a key.
            "next": str(start + limit) if start + limit < page.total else None,
            "total": page.total,
        }
        return answer(content, etag=etag_at(page.version))


class LatestView(APIView):
    """POST /metrics/latest"""

    @extend_schema(
        summary="Newest values of many runs",
        tags=["metrics"],
        request=LatestAsked,
        responses=LatestRunOut(many=True),
    )
    def post(self, request: Request) -> HttpResponse:
        asked = LatestAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        runs = found_runs(request.principal, asked.validated_data["runs"])
        found = latest.latest([run.pk for run in runs], asked.validated_data.get("metrics"))
        return answer(
            [{"run": run.public_id, "metrics": list(map(metric_out, found[run.pk].values()))} for run in runs]
        )


def metric_out(facts: MetricFacts) -> dict[str, Any]:
    told: dict[str, Any] = plain(asdict(facts))
    return told
