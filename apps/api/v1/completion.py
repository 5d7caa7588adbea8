"""What may come next in the query bar."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.tracking.models import Project
from apps.tracking.search.complete import Completion, complete
from apps.tracking.search.run_list import costs_bounded

from ..request import Request
from ..shapes import Asked


class OptionOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(choices=["field", "comparator", "value", "word"])
    text = serializers.CharField()
    hint = serializers.CharField(help_text="What it is, in a word or two.")


class CompletionOut(serializers.Serializer[Completion]):
    start = serializers.IntegerField(help_text="Each option is to replace the query from here …")
    end = serializers.IntegerField(help_text="… to here, in characters.")
    options = OptionOut(many=True)


class CompletionAsked(Asked):
    q = serializers.CharField(
        required=False, allow_blank=True, default="", max_length=10_000, trim_whitespace=False
    )
    at = serializers.IntegerField(
        required=False, min_value=0, help_text="Where the cursor stands, in characters; else at the end."
    )


class CompletionView(APIView):
    """GET /projects/{project}/completion"""

    @extend_schema(
        summary="What may come next in a query",
        tags=["runs"],
        parameters=[CompletionAsked],
        responses=CompletionOut,
    )
    def get(self, request: Request, project: str) -> Response:
        asked = CompletionAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, public_id=project)
        with costs_bounded():
            told = complete(found, asked.validated_data["q"], asked.validated_data.get("at"))
        return Response(CompletionOut(told).data)
