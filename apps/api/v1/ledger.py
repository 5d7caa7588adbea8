"""What became of everything a run was sent."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.metrics import inbox
from apps.tracking import ledger
from apps.tracking.models import Run

from ..request import Request


class RefusalOut(serializers.Serializer[Any]):
    stream = serializers.UUIDField()
    seq = serializers.IntegerField()
    code = serializers.CharField()
    key = serializers.CharField()
    count = serializers.IntegerField()
    message = serializers.CharField()


class LostOut(serializers.Serializer[inbox.LostRange]):
    stream = serializers.UUIDField()
    first = serializers.IntegerField()
    last = serializers.IntegerField()
    noticed_at = serializers.DateTimeField()


class LedgerOut(serializers.Serializer[Any]):
    streams = serializers.IntegerField(help_text="Writers.")
    batches = serializers.IntegerField(help_text="Batches accepted.")
    points = serializers.IntegerField(help_text="Points stored, those that are not folded yet included.")
    pending_batches = serializers.IntegerField(help_text="Batches that are stored and not folded yet.")
    pending_points = serializers.IntegerField()
    pending_records = serializers.IntegerField(
        help_text="Batches whose records are stored and not applied yet."
    )
    rejected = serializers.IntegerField(help_text="Points and records that were refused.")
    rejections = RefusalOut(many=True, help_text=f"The newest {ledger.MOST_ENTRIES}.")
    lost = LostOut(many=True, help_text="Batches a writer no longer had.")


class LedgerView(APIView):
    """GET /runs/{run}/ledger"""

    @extend_schema(summary="What was sent, stored, refused, lost", tags=["ingest"], responses=LedgerOut)
    def get(self, request: Request, run: str) -> Response:
        found = fetch(Run, request.principal, public_id=run)
        return Response(LedgerOut(ledger.of_run(found)).data)
