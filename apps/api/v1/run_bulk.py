"""Acts on many runs: all of them, or none. One id that is not to be seen, and nothing happens."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch, fetch_all
from apps.accounts.scopes import Verb
from apps.tracking import bulk
from apps.tracking.models import Project, Run
from apps.tracking.move import move

from .. import wide_columns
from ..request import Request
from ..shapes import Asked


class RunsAsked(Asked):
    ids = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=bulk.MOST_RUNS
    )


class TagsAsked(RunsAsked):
    add = serializers.ListField(child=serializers.CharField(max_length=256), default=list, max_length=1000)
    remove = serializers.ListField(child=serializers.CharField(max_length=256), default=list, max_length=1000)


class MoveAsked(RunsAsked):
    project = serializers.CharField(max_length=64, help_text="The id of the project they are to be in.")


class RunsTagsView(APIView):
    """POST /runs/tags"""

    @extend_schema(
        summary="Add and remove tags of many runs", tags=["runs"], request=TagsAsked, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        wanted = _asked(TagsAsked, request)
        bulk.tag(_runs(request, wanted), add=wanted["add"], remove=wanted["remove"])
        return Response(status=204)


class RunsDeleteView(APIView):
    """POST /runs/delete"""

    @extend_schema(
        summary="Delete many runs; undone by restore for 30 days",
        tags=["runs"],
        request=RunsAsked,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        bulk.remove(_runs(request, _asked(RunsAsked, request)), request.principal)
        return Response(status=204)


class RunsRestoreView(APIView):
    """POST /runs/restore"""

    @extend_schema(
        summary="Undo the deletion of many runs", tags=["runs"], request=RunsAsked, responses={204: None}
    )
    def post(self, request: Request) -> Response:
        bulk.restore(_runs(request, _asked(RunsAsked, request), deleted=True))
        return Response(status=204)


class RunsMoveView(APIView):
    """POST /runs/move"""

    @extend_schema(
        summary="Bring many runs into another project",
        tags=["runs"],
        request=MoveAsked,
        responses={204: None},
    )
    def post(self, request: Request) -> Response:
        wanted = _asked(MoveAsked, request)
        runs = _runs(request, wanted)
        move(runs, fetch(Project, request.principal, verb=Verb.EDIT, public_id=wanted["project"]))
        return Response(status=204)


def _asked(shape: type[RunsAsked], request: Request) -> dict[str, Any]:
    asked = shape(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


def _runs(request: Request, wanted: dict[str, Any], *, deleted: bool = False) -> list[Run]:
    rows = Run.with_removed.all() if deleted else Run.objects.all()
    return fetch_all(rows.defer(*wide_columns.WIDE), request.principal, Verb.EDIT, wanted["ids"])
