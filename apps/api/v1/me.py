"""Who is asking."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.models import Team
from apps.accounts.principal import Kind, Principal
from apps.api.request import Request

from .keys import KeyOut
from .teams import TeamOut

ACTOR_KINDS = [str(Kind.USER), str(Kind.SERVICE_ACCOUNT)]


class UserOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    email = serializers.EmailField()
    name = serializers.CharField()


class ActorOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()


class MeOut(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(ACTOR_KINDS)
    user = UserOut(allow_null=True)
    service_account = ActorOut(allow_null=True)
    key = KeyOut(allow_null=True, help_text="the credential, where it is not a session")
    scopes = serializers.ListField(child=serializers.CharField())
    teams = TeamOut(many=True)


class MeView(APIView):
    """GET /api/v1/me"""

    @extend_schema(summary="Who is asking, and in which teams", tags=["people"], responses=MeOut)
    def get(self, request: Request) -> Response:
        principal: Principal = request.principal
        teams = Team.objects.visible_to(principal).order_by("slug")
        me = {
            "kind": principal.kind,
            "user": principal.user,
            "service_account": principal.service_account,
            "key": principal.key,
            "scopes": sorted(principal.scopes),
            "teams": teams,
        }
        return Response(MeOut(me, context={"principal": principal}).data)
