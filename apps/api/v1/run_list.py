"""The runs of a project: searched, sorted, in pages, with the columns that are wanted."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import prefetch_related_objects
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking.models import Project, Run
from apps.tracking.search.cells import cells
from apps.tracking.search.parse import parse_field
from apps.tracking.search.run_list import RunPage, costs_bounded, matching, run_list

from .. import wide_columns
from ..request import Request
from ..shapes import Asked
from .runs import RunItemOut

MOST_FIELDS = 200
MOST_COUNTED = 10_000


class RunListAsked(Asked):
    q = serializers.CharField(
        required=False,
        allow_blank=True,
        default="",
        max_length=10_000,
        trim_whitespace=False,
        help_text="A query.",
    )
    sort = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=2000, help_text="`-metrics.loss,created`"
    )
    field = serializers.ListField(
        child=serializers.CharField(max_length=1100),
        required=False,
        max_length=MOST_FIELDS,
        help_text="Paths of the query language: each run is then answered with just these.",
    )
    include = serializers.ListField(
        child=serializers.ChoiceField(choices=wide_columns.ON_REQUEST),
        required=False,
        max_length=3,
        help_text="What whole runs are answered with besides.",
    )
    deleted = serializers.BooleanField(default=False, help_text="The trash instead.")
    limit = serializers.IntegerField(min_value=1, max_value=1000, default=100)
    cursor = serializers.CharField(required=False, max_length=4000)


class RunRowOut(serializers.Serializer[Any]):
    """A run with picked columns."""

    id = serializers.CharField()
    name = serializers.CharField()
    state = serializers.ChoiceField(choices=Run.State.choices)
    fields = serializers.DictField(help_text="Path → value, where the run has one.")  # type: ignore[assignment]


class UnknownOut(serializers.Serializer[Any]):
    field = serializers.CharField()
    suggestions = serializers.ListField(child=serializers.CharField())


class RunPageOut(serializers.Serializer[Any]):
    items = RunItemOut(many=True, help_text="With `field`: {id, name, state, fields}.")
    next = serializers.CharField(
        allow_null=True, help_text="Null on the last page; a page may be shorter than `limit`."
    )
    total = serializers.IntegerField(allow_null=True, help_text="How many match; on the first page only.")
    total_is_exact = serializers.BooleanField(help_text=f"False beyond {MOST_COUNTED}.")
    behind = serializers.IntegerField(
        help_text="Runs whose newest values are not searched and sorted by yet."
    )
    unknown = UnknownOut(many=True, help_text="Fields of the question that no run of the project has.")


class RunListView(APIView):
    """GET /projects/{project}/runs"""

    @extend_schema(
        summary="Search, sort and page the runs of a project",
        tags=["runs"],
        parameters=[RunListAsked],
        responses=RunPageOut,
    )
    def get(self, request: Request, project: str) -> Response:
        asked = RunListAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        wanted = asked.validated_data
        found = fetch(Project, request.principal, public_id=project)
        fields, include = wanted.get("field"), list(dict.fromkeys(wanted.get("include", ())))
        page = _page(found, wanted, wanted["limit"])
        room = _fitting(page.runs, fields, include)
        if room < len(page.runs):
            page = _page(found, wanted, room)
        total, is_exact = (None, True) if "cursor" in wanted else _counted(found, wanted)
        return Response(
            {
                "items": _rows(page.runs, fields) if fields else _whole(page.runs, found, include),
                "next": page.cursor,
                "total": total,
                "total_is_exact": is_exact,
                "behind": page.behind,
                "unknown": [
                    {"field": each.field.path, "suggestions": each.suggestions} for each in page.unknown
                ],
            }
        )


def _page(project: Project, wanted: dict[str, Any], limit: int) -> RunPage:
    return run_list(
        project,
        wanted["q"],
        wanted["sort"],
        cursor=wanted.get("cursor"),
        limit=limit,
        among=Run.with_removed.filter(deleted_at__isnull=not wanted["deleted"]),
        defer=wide_columns.WIDE,
    )


def _fitting(runs: Sequence[Run], paths: list[str] | None, include: list[str]) -> int:
    """Return how many of the runs have room in an answer. Raises QueryError."""
    ids = [run.pk for run in runs]
    if not paths:
        return wide_columns.fitting(ids, [*wide_columns.ALWAYS, *include])
    fields = [parse_field(path) for path in paths]
    attributes = {field.name for field in fields if field.scope == "run"}
    columns = [name for name in wide_columns.ALWAYS if name in attributes]
    return wide_columns.fitting(ids, columns, [field.path for field in fields if field.scope != "run"])


def _counted(project: Project, wanted: dict[str, Any]) -> tuple[int, bool]:
    """Return how many runs match, counted no further than a list needs to know."""
    among = Run.with_removed.filter(deleted_at__isnull=not wanted["deleted"])
    with costs_bounded():
        counted = matching(project, wanted["q"], among=among)[: MOST_COUNTED + 1].count()
    return min(counted, MOST_COUNTED), counted <= MOST_COUNTED


def _whole(runs: Sequence[Run], project: Project, include: list[str]) -> list[dict[str, Any]]:
    prefetch_related_objects(runs, "created_by", "created_by_service")
    wide_columns.read(runs, [*wide_columns.ALWAYS, *include])
    shape = RunItemOut(context={"include": include})
    for run in runs:
        run.project = project
    return [shape.to_representation(run) for run in runs]


def _rows(runs: Sequence[Run], paths: list[str]) -> list[dict[str, Any]]:
    """Return the runs with their values at the paths; two queries at most. Raises QueryError."""
    return [
        {"id": run.public_id, "name": run.name, "state": run.state, "fields": fields}
        for run, fields in zip(runs, cells(runs, paths), strict=True)
    ]
