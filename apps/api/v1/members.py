"""Who is in a team: roles changed, people removed, ownership handed on, people invited."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import invitations, members
from apps.accounts.access import fetch
from apps.accounts.models import Invitation, Membership, Team
from apps.accounts.principal import Principal
from apps.accounts.roles import Role
from apps.accounts.scopes import Verb
from apps.api.pagination import PageAsked, page_of, page_shape
from apps.api.request import Request
from apps.api.shapes import Asked

from .teams import ROLE_WORDS, MemberOut


class RoleAsked(Asked):
    role = serializers.ChoiceField(ROLE_WORDS)


class InvitationAsked(Asked):
    email = serializers.CharField(max_length=254)
    role = serializers.ChoiceField(ROLE_WORDS, default=Role.MEMBER.word)


class InvitationOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    email = serializers.EmailField()
    role = serializers.SerializerMethodField()
    invited_by = serializers.CharField(source="invited_by.email", default=None, allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()

    @extend_schema_field(serializers.ChoiceField(ROLE_WORDS))
    def get_role(self, invitation: Invitation) -> str:
        return Role(invitation.role).word


class MemberView(APIView):
    """/api/v1/teams/<slug>/members/<id of the person>"""

    @extend_schema(summary="Change a member's role", tags=["people"], request=RoleAsked, responses=MemberOut)
    def patch(self, request: Request, team: str, member: str) -> Response:
        asked = RoleAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = fetch(_members(team), request.principal, needs=Role.ADMIN, user__public_id=member)
        members.change_role(request.principal, row, role=Role.of(asked.validated_data["role"]))
        return Response(MemberOut(row).data)

    @extend_schema(summary="Remove a member, or leave", tags=["people"], responses={204: None})
    def delete(self, request: Request, team: str, member: str) -> Response:
        row = fetch(
            _members(team), request.principal, needs=Role.VIEWER, verb=Verb.MANAGE, user__public_id=member
        )
        members.remove(request.principal, row)
        return Response(status=204)


class MemberOwnerView(APIView):
    """/api/v1/teams/<slug>/members/<id of the person>/own"""

    @extend_schema(
        summary="Hand the team on: they become owner, you become admin",
        tags=["people"],
        request=None,
        responses=MemberOut,
    )
    def post(self, request: Request, team: str, member: str) -> Response:
        row = fetch(_members(team), request.principal, needs=Role.OWNER, user__public_id=member)
        members.transfer_ownership(request.principal, row)
        return Response(MemberOut(row).data)


class InvitationsView(APIView):
    """/api/v1/teams/<slug>/invitations"""

    @extend_schema(
        summary="Open invitations",
        tags=["people"],
        parameters=[PageAsked],
        responses=page_shape(InvitationOut),
    )
    def get(self, request: Request, team: str) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, needs=Role.ADMIN, slug=team)
        pending = Invitation.objects.visible_to(request.principal).pending().filter(team=row)
        page = page_of(
            pending.select_related("invited_by"),
            asked.validated_data,
            order=("-created_at", "public_id"),
            name=f"invitations.{row.public_id}",
        )
        return Response({"items": InvitationOut(page.rows, many=True).data, "next": page.next})

    @extend_schema(
        summary="Invite somebody by e-mail",
        tags=["people"],
        request=InvitationAsked,
        responses={201: InvitationOut},
    )
    def post(self, request: Request, team: str) -> Response:
        asked = InvitationAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        row = fetch(Team, request.principal, needs=Role.ADMIN, slug=team)
        invitation = invitations.invite(
            request.principal,
            row,
            email=asked.validated_data["email"],
            role=Role.of(asked.validated_data["role"]),
        )
        return Response(InvitationOut(invitation).data, status=201)


class InvitationView(APIView):
    """/api/v1/teams/<slug>/invitations/<id>"""

    @extend_schema(summary="Take an invitation back", tags=["people"], responses={204: None})
    def delete(self, request: Request, team: str, invitation: str) -> Response:
        invitations.revoke(_invitation(request.principal, team, invitation))
        return Response(status=204)


class InvitationMailView(APIView):
    """/api/v1/teams/<slug>/invitations/<id>/mail"""

    @extend_schema(
        summary="Send an invitation again, with a new link",
        tags=["people"],
        request=None,
        responses=InvitationOut,
    )
    def post(self, request: Request, team: str, invitation: str) -> Response:
        row = _invitation(request.principal, team, invitation)
        invitations.send_again(request.principal, row)
        return Response(InvitationOut(row).data)


def _members(team: str) -> QuerySet[Membership]:
    return Membership.objects.filter(team__slug=team).select_related("team", "user")


def _invitation(principal: Principal, team: str, public_id: str) -> Invitation:
    return fetch(
        Invitation.objects.filter(team__slug=team).select_related("team", "invited_by"),
        principal,
        needs=Role.ADMIN,
        public_id=public_id,
    )
