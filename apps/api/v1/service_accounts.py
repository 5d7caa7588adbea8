"""A team's own actors, and their keys."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.keys import issue_service_key
from apps.accounts.models import ApiKey, ServiceAccount, Team
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import Verb
from apps.accounts.service_accounts import begin_account, disable_account
from apps.api.pagination import PageAsked, page_of, page_shape
from apps.api.request import Request
from apps.api.shapes import Asked

from .keys import KeyAsked, KeyOut, NewKeyOut, created, listed, with_project

ROLE_WORDS = [role.word for role in Role if role is not Role.OWNER]


class ServiceAccountOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    role = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()
    disabled_at = serializers.DateTimeField(allow_null=True)

    @extend_schema_field(serializers.ChoiceField(ROLE_WORDS))
    def get_role(self, account: ServiceAccount) -> str:
        return Role(account.role).word


class ServiceAccountAsked(Asked):
    name = serializers.CharField(max_length=100)
    role = serializers.ChoiceField(ROLE_WORDS, default=Role.MEMBER.word)


class ServiceAccountsView(APIView):
    """/api/v1/teams/<slug>/service-accounts"""

    @extend_schema(
        summary="A team's service accounts",
        tags=["service accounts"],
        parameters=[PageAsked],
        responses=page_shape(ServiceAccountOut),
    )
    def get(self, request: Request, team: str) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, verb=Verb.PEOPLE, slug=team)
        accounts = ServiceAccount.objects.visible_to(request.principal).filter(team=row)
        page = page_of(
            accounts,
            asked.validated_data,
            order=("-created_at", "public_id"),
            name=f"accounts.{row.public_id}",
        )
        return Response({"items": ServiceAccountOut(page.rows, many=True).data, "next": page.next})

    @extend_schema(
        summary="A new service account",
        tags=["service accounts"],
        request=ServiceAccountAsked,
        responses={201: ServiceAccountOut},
    )
    def post(self, request: Request, team: str) -> Response:
        asked = ServiceAccountAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, needs=Role.ADMIN, slug=team)
        role = Role.of(asked.validated_data["role"])
        account = begin_account(request.principal, row, name=asked.validated_data["name"], role=role)
        return Response(ServiceAccountOut(account).data, status=201)


class ServiceAccountView(APIView):
    """/api/v1/teams/<slug>/service-accounts/<id>"""

    @extend_schema(
        summary="Disable a service account and with it its keys",
        tags=["service accounts"],
        responses={204: None},
    )
    def delete(self, request: Request, team: str, account: str) -> Response:
        disable_account(_account(request.principal, team, account))
        return Response(status=204)


class ServiceAccountKeysView(APIView):
    """/api/v1/teams/<slug>/service-accounts/<id>/keys; one is revoked among the team's keys"""

    @extend_schema(
        summary="A service account's keys",
        tags=["service accounts"],
        parameters=[PageAsked],
        responses=page_shape(KeyOut),
    )
    def get(self, request: Request, team: str, account: str) -> Response:
        row = _account(request.principal, team, account)
        keys = ApiKey.objects.visible_to(request.principal).filter(service_account=row)
        return listed(request, keys, name=f"account-keys.{row.public_id}")

    @extend_schema(
        summary="A new key of a service account; its secret is shown this once",
        tags=["service accounts"],
        request=KeyAsked,
        responses={201: NewKeyOut},
    )
    def post(self, request: Request, team: str, account: str) -> Response:
        asked = KeyAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = _account(request.principal, team, account)
        fields = with_project(asked.validated_data, row.team, request.principal)
        return created(*issue_service_key(request.principal, row, **fields))


def _account(principal: Principal, team: str, account: str) -> ServiceAccount:
    accounts = ServiceAccount.objects.filter(team__slug=team).select_related("team")
    return fetch(accounts, principal, needs=Role.ADMIN, public_id=account)
