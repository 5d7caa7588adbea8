"""Batches of points and records: docs/design/wire-format.md, the hot path of the server."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.views import APIView

from apps.accounts import limits as rates
from apps.accounts.principal import Principal
from apps.base.errors import Malformed, TooLarge
from apps.metrics import inbox, limits, wire
from apps.tracking import record_types

from .. import ingest_targets
from ..json_values import answer
from ..request import Request

MAX_SEQ = 2**63 - 2
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_LOST = re.compile(r"(\d{1,19})-(\d{1,19})")


class RejectedOut(serializers.Serializer[Any]):
    code = serializers.CharField()
    key = serializers.CharField(help_text="A metric's name or a record's type; empty where there is none.")
    count = serializers.IntegerField()
    message = serializers.CharField()


class BatchOut(serializers.Serializer[Any]):
    status = serializers.ChoiceField(choices=["acked", "duplicate"])
    next = serializers.IntegerField(help_text="The seq the server expects next.")
    rejected = RejectedOut(many=True)
    lost = serializers.ListField(
        child=serializers.ListField(child=serializers.IntegerField()), required=False
    )
    stop = serializers.BooleanField(help_text="A person has asked the run to stop.")


class BatchView(APIView):
    """PUT /runs/{run}/streams/{stream}/batches/{seq}"""

    @extend_schema(
        summary="Send a batch of points and records",
        tags=["ingest"],
        request={wire.MSGPACK: OpenApiTypes.BINARY, wire.JSON: OpenApiTypes.OBJECT},
        responses={200: BatchOut, 409: OpenApiResponse(description="`gap` or `diverged`")},
        parameters=[OpenApiParameter("Isoline-Lost", str, OpenApiParameter.HEADER, pattern=_LOST.pattern)],
    )
    def put(self, request: Request, run: str, stream: str, seq: int) -> HttpResponse:
        plain: HttpRequest = request._request
        # Counted by the limiter in front; Django's own limit is for forms.
        body = plain.read(limits.MAX_SENT_BYTES + 1)
        return answer(store(request.principal, run, stream, seq, headers=plain.headers, body=body))


def store(
    principal: Principal, run: str, stream: str, seq: int, *, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    """Take a batch in for a run and return the answer. One statement in the usual case.

    headers: by their names in lower case.

    Raises what docs/design/wire-format.md lists under answers.
    """
    target = ingest_targets.find(principal, run)
    rates.admit(principal, team_id=target.team, run_id=target.run, size_bytes=len(body))
    if len(body) > limits.MAX_SENT_BYTES:
        raise TooLarge(f"A batch has at most {limits.MAX_SENT_BYTES} bytes as sent.")
    if not _UUID.fullmatch(stream):
        raise Malformed("A stream is a UUID.", code="bad_stream")
    if seq > MAX_SEQ:
        raise Malformed("A seq lies below 2^63.", code="bad_seq")
    key = UUID(stream)
    lost = _lost(headers.get("isoline-lost", ""), seq)
    content_type = headers.get("content-type", "")
    batch = wire.decode(
        body,
        content_type=content_type,
        content_encoding=headers.get("content-encoding", ""),
        arrival_us=time.time_ns() // 1000,
        next_row=inbox.next_row(target.run, key) if content_type.startswith(wire.JSON) else 0,
    )
    rates.spend_points(team_id=target.team, points=batch.points)
    # What these rules refuse is stored with the rest; whoever applies the records leaves it out.
    refused = tuple(fault for record in batch.records if (fault := record_types.check(record)))
    appended = inbox.append(target.run, key, seq, batch, lost=lost)
    told: dict[str, Any] = {
        "status": appended.status,
        "next": appended.next_seq,
        "rejected": [
            {"code": each.code, "key": each.key, "count": each.count, "message": each.message}
            for each in appended.rejected + refused
        ],
        "stop": target.is_asked_to_stop,
    }
    if appended.status == "acked":
        told["lost"] = [list(appended.lost)] if appended.lost else []
    return told


def _lost(header: str, seq: int) -> tuple[int, int] | None:
    """Return the range of an Isoline-Lost header. Raises Malformed."""
    if not header:
        return None
    found = _LOST.fullmatch(header.strip())
    first, last = (int(found[1]), int(found[2])) if found else (1, 0)
    if not found or first > last or last != seq - 1:
        raise Malformed("Isoline-Lost is FROM-TO, where TO is the seq before this one.", code="bad_lost")
    return first, last
