"""API keys of persons: in one team, or in all of theirs."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.keys import issue_own_key, revoke_key
from apps.accounts.models import ApiKey, Team
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import Scope, Verb
from apps.api.pagination import PageAsked, page_of, page_shape
from apps.api.request import Request
from apps.api.shapes import Asked
from apps.tracking.models import Project


class KeyOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    hint = serializers.CharField(help_text="tells keys apart; no part of it is of use")
    scopes = serializers.ListField(child=serializers.ChoiceField([str(scope) for scope in Scope]))
    team = serializers.CharField(
        source="team.slug", default=None, allow_null=True, help_text="null: every team of its owner"
    )
    project = serializers.CharField(
        source="project.public_id", default=None, allow_null=True, help_text="null: every project"
    )
    owner = serializers.EmailField(source="owner.email", default=None, allow_null=True)
    service_account = serializers.CharField(source="service_account.name", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(allow_null=True)
    last_used_at = serializers.DateTimeField(allow_null=True, help_text="to the minute")


class NewKeyOut(KeyOut):
    secret = serializers.CharField(help_text="shown this once")


class MyKeyAsked(Asked):
    name = serializers.CharField(max_length=100, help_text="say where it lives")
    scopes = serializers.ListField(
        child=serializers.ChoiceField([str(scope) for scope in Scope]), min_length=1, max_length=4
    )
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class KeyAsked(MyKeyAsked):
    project = serializers.CharField(
        max_length=26, required=False, allow_null=True, help_text="public id of the only project it acts on"
    )


class MyKeysView(APIView):
    """/api/v1/me/keys"""

    @extend_schema(
        summary="Your keys, wherever they act",
        tags=["keys"],
        parameters=[PageAsked],
        responses=page_shape(KeyOut),
    )
    def get(self, request: Request) -> Response:
        keys = ApiKey.objects.visible_to(request.principal).filter(
            owner__isnull=False, owner=request.principal.user_id
        )
        return listed(request, keys, name="my-keys")

    @extend_schema(
        summary="A new key for every team of yours; its secret is shown this once",
        tags=["keys"],
        request=MyKeyAsked,
        responses={201: NewKeyOut},
    )
    def post(self, request: Request) -> Response:
        asked = MyKeyAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        return created(*issue_own_key(request.principal, **asked.validated_data))


class MyKeyView(APIView):
    """/api/v1/me/keys/<id>"""

    @extend_schema(summary="Revoke a key of yours", tags=["keys"], responses={204: None})
    def delete(self, request: Request, key: str) -> Response:
        own = ApiKey.objects.filter(owner__isnull=False, owner=request.principal.user_id)
        return revoked(own, request.principal, key)


class KeysView(APIView):
    """/api/v1/teams/<slug>/keys"""

    @extend_schema(
        summary="Your keys in a team; an admin's list has everyone's",
        tags=["keys"],
        parameters=[PageAsked],
        responses=page_shape(KeyOut),
    )
    def get(self, request: Request, team: str) -> Response:
        row = fetch(Team, request.principal, needs=Role.VIEWER, verb=Verb.MANAGE, slug=team)
        keys = ApiKey.objects.visible_to(request.principal).filter(team=row)
        return listed(request, keys, name=f"keys.{row.public_id}")

    @extend_schema(
        summary="A new key of yours for one team; its secret is shown this once",
        tags=["keys"],
        request=KeyAsked,
        responses={201: NewKeyOut},
    )
    def post(self, request: Request, team: str) -> Response:
        asked = KeyAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, needs=Role.VIEWER, verb=Verb.MANAGE, slug=team)
        fields = with_project(asked.validated_data, row, request.principal)
        return created(*issue_own_key(request.principal, team=row, **fields))


class KeyView(APIView):
    """/api/v1/teams/<slug>/keys/<id>"""

    @extend_schema(summary="Revoke a key", tags=["keys"], responses={204: None})
    def delete(self, request: Request, team: str, key: str) -> Response:
        row = fetch(Team, request.principal, needs=Role.VIEWER, verb=Verb.MANAGE, slug=team)
        return revoked(ApiKey.objects.filter(team=row), request.principal, key)


def listed(request: Request, keys: QuerySet[ApiKey], *, name: str) -> Response:
    """A page of keys; revoked ones have left the list."""
    asked = PageAsked(data=request.query_params)
    asked.is_valid(raise_exception=True)
    keys = keys.filter(revoked_at=None).select_related("owner", "service_account", "team", "project")
    page = page_of(keys, asked.validated_data, order=("-created_at", "public_id"), name=name)
    return Response({"items": KeyOut(page.rows, many=True).data, "next": page.next})


def created(key: ApiKey, secret: str) -> Response:
    return Response({**KeyOut(key).data, "secret": secret}, status=201)


def revoked(keys: QuerySet[ApiKey], principal: Principal, public_id: str) -> Response:
    revoke_key(fetch(keys, principal, needs=Role.VIEWER, verb=Verb.MANAGE, public_id=public_id))
    return Response(status=204)


def with_project(fields: dict[str, Any], team: Team, principal: Principal) -> dict[str, Any]:
    """Put the project in the place of its public id."""
    public_id = fields.get("project")
    if public_id is None:
        return {**fields, "project": None}
    return {**fields, "project": fetch(Project.objects.filter(team=team), principal, public_id=public_id)}
