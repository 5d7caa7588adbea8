"""Which metrics the runs of a project have."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking.models import Project
from apps.tracking.search.metric_names import counted, metric_names

from ..conditional import etag_of, unchanged
from ..json_values import answer
from ..request import Request
from ..shapes import Asked


class ProjectMetricsAsked(Asked):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=10_000,
        trim_whitespace=False,
        help_text="A query: only metrics that some run of it has.",
    )
    part = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=1024, help_text="Part of the name."
    )
    count = serializers.BooleanField(default=False, help_text="Tell of each how many runs have it.")
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=1000)
    cursor = serializers.CharField(
        required=False, default="", max_length=1024, help_text="The `next` of the page before."
    )


class ProjectMetricOut(serializers.Serializer[Any]):
    name = serializers.CharField()
    runs = serializers.IntegerField(required=False, help_text="How many runs have it; with `count`.")


class ProjectMetricPageOut(serializers.Serializer[Any]):
    items = ProjectMetricOut(many=True, help_text="In alphabetical order.")
    next = serializers.CharField(allow_null=True)


class ProjectMetricsView(APIView):
    """GET /projects/{project}/metrics"""

    @extend_schema(
        summary="The metrics that runs of a project have",
        tags=["metrics"],
        parameters=[ProjectMetricsAsked],
        responses=ProjectMetricPageOut,
    )
    def get(self, request: Request, project: str) -> HttpResponse:
        asked = ProjectMetricsAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Project, request.principal, public_id=project)
        page = metric_names(
            found, part=wanted["part"], after=wanted["cursor"], limit=wanted["limit"], query=wanted["q"]
        )
        items: list[dict[str, Any]] = [{"name": name} for name in page.names]
        if wanted["count"]:
            items = [
                {"name": each.name, "runs": each.runs}
                for each in counted(found, page.names, query=wanted["q"])
            ]
        etag = etag_of("project-metrics", found.public_id, items, page.after)
        return unchanged(request, etag) or answer({"items": items, "next": page.after}, etag=etag)
