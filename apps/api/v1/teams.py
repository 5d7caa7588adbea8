"""Teams and who is in them."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.models import Membership, Team
from apps.accounts.roles import Role
from apps.accounts.scopes import Verb
from apps.accounts.teams import found_team, rename_team
from apps.api.pagination import PageAsked, page_of, page_shape
from apps.api.request import Request
from apps.api.shapes import Asked

ROLE_WORDS = [role.word for role in Role]


class TeamOut(serializers.Serializer[Any]):
    """Takes the principal from the context, to say what they are in the team."""

    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()
    is_personal = serializers.SerializerMethodField()
    role = serializers.SerializerMethodField()
    created_at = serializers.DateTimeField()

    def get_is_personal(self, team: Team) -> bool:
        return team.personal_of_id is not None

    @extend_schema_field(serializers.ChoiceField(ROLE_WORDS, allow_null=True))
    def get_role(self, team: Team) -> str | None:
        role = self.context["principal"].role_in(team.pk)
        return role.word if role else None


class TeamAsked(Asked):
    slug = serializers.CharField(max_length=63, help_text="1-63 of a-z, 0-9, - and _")
    name = serializers.CharField(max_length=200, required=False)


class TeamEdit(Asked):
    name = serializers.CharField(max_length=200)


class MemberOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="user.public_id")
    name = serializers.CharField(source="user.name")
    email = serializers.EmailField(source="user.email")
    role = serializers.SerializerMethodField()
    joined_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(ROLE_WORDS))
    def get_role(self, membership: Membership) -> str:
        return Role(membership.role).word


class TeamsView(APIView):
    """/api/v1/teams"""

    @extend_schema(
        summary="The teams of who is asking",
        tags=["people"],
        parameters=[PageAsked],
        responses=page_shape(TeamOut),
    )
    def get(self, request: Request) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        teams = Team.objects.visible_to(request.principal)
        page = page_of(teams, asked.validated_data, order=("slug",), name="teams")
        return Response({"items": _out(page.rows, request, many=True), "next": page.next})

    @extend_schema(
        summary="Found a team and own it", tags=["people"], request=TeamAsked, responses={201: TeamOut}
    )
    def post(self, request: Request) -> Response:
        asked = TeamAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        team = found_team(request.principal, **asked.validated_data)
        return Response({**_out(team, request), "role": Role.OWNER.word}, status=201)


class TeamView(APIView):
    """/api/v1/teams/<slug>"""

    @extend_schema(summary="A team", tags=["people"], responses=TeamOut)
    def get(self, request: Request, team: str) -> Response:
        return Response(_out(fetch(Team, request.principal, slug=team), request))

    @extend_schema(summary="Rename a team", tags=["people"], request=TeamEdit, responses=TeamOut)
    def patch(self, request: Request, team: str) -> Response:
        asked = TeamEdit(data=request.data)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, needs=Role.ADMIN, slug=team)
        rename_team(row, name=asked.validated_data["name"])
        return Response(_out(row, request))


class MembersView(APIView):
    """/api/v1/teams/<slug>/members"""

    @extend_schema(
        summary="Who is in a team", tags=["people"], parameters=[PageAsked], responses=page_shape(MemberOut)
    )
    def get(self, request: Request, team: str) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, verb=Verb.PEOPLE, slug=team)
        members = row.memberships.select_related("user")
        page = page_of(
            members,
            asked.validated_data,
            order=("joined_at", "user__public_id"),
            name=f"members.{row.public_id}",
        )
        return Response({"items": MemberOut(page.rows, many=True).data, "next": page.next})


def _out(teams: Any, request: Request, *, many: bool = False) -> Any:
    return TeamOut(teams, many=many, context={"principal": request.principal}).data
