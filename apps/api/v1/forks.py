"""Cutting a run's history short, and beginning it with another's."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.scopes import Verb
from apps.base.errors import Invalid
from apps.metrics import verbs
from apps.tracking.models import Run

from ..request import Request
from ..shapes import Asked
from .history import StepField
from .runs import RunRefOut, whole


class TruncateAsked(Asked):
    after_step = StepField()


class LinkAsked(Asked):
    parent = serializers.CharField(max_length=64)  # type: ignore[assignment]
    upto_step = StepField()


class TruncateView(APIView):
    """POST /runs/{run}/truncate"""

    @extend_schema(
        summary="Take the points after a step out of the history",
        description="They are archived, not destroyed.",
        tags=["metrics"],
        request=TruncateAsked,
        responses=RunRefOut,
    )
    def post(self, request: Request, run: str) -> Response:
        asked = TruncateAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(whole(), request.principal, verb=Verb.EDIT, public_id=run)
        verbs.truncate(found.pk, asked.validated_data["after_step"])
        return Response(RunRefOut(found).data)


class LinkView(APIView):
    """POST /runs/{run}/link"""

    @extend_schema(
        summary="Begin with another run's points, up to a step",
        tags=["metrics"],
        request=LinkAsked,
        responses=RunRefOut,
    )
    def post(self, request: Request, run: str) -> Response:
        asked = LinkAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(whole(), request.principal, verb=Verb.EDIT, public_id=run)
        parent = fetch(Run, request.principal, public_id=asked.validated_data["parent"])
        if parent.project_id != found.project_id:
            raise Invalid("A run goes on from a run of its own project.", code="other_project")
        verbs.link(found.pk, parent.pk, asked.validated_data["upto_step"])
        return Response(RunRefOut(found).data)
