"""Saved views of a project's workspace, what it opens with, and addresses too long to write out."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.models import User
from apps.accounts.scopes import Verb
from apps.base.errors import Invalid
from apps.reports.models import SavedView, ViewLink
from apps.tracking.models import Project

from ..pagination import PageAsked, page_of, page_shape
from ..request import Request
from ..shapes import Asked

MINE, TEAM = "mine", "team"


class ViewItemOut(serializers.Serializer[Any]):
    """A view in a list, without what it says."""

    id = serializers.CharField(source="public_id")
    name = serializers.CharField()
    owner = serializers.SerializerMethodField(help_text="`mine`, which nobody else sees, or `team`.")
    is_my_default = serializers.BooleanField(help_text="The workspace opens with it, for you.")
    is_team_default = serializers.BooleanField(help_text="It opens with it for whoever has chosen no other.")
    updated_at = serializers.DateTimeField()

    def get_owner(self, view: SavedView) -> str:
        return TEAM if view.owner_id is None else MINE


class ViewOut(ViewItemOut):
    """A view."""

    state = serializers.DictField(help_text="What it says; see docs/design/browser.md.")


class ViewBeginAsked(Asked):
    name = serializers.CharField(max_length=500)
    owner = serializers.ChoiceField(choices=[MINE, TEAM], default=MINE)
    state = serializers.DictField()


class ViewEditAsked(Asked):
    name = serializers.CharField(required=False, max_length=500)
    state = serializers.DictField(required=False)


class DefaultAsked(Asked):
    of = serializers.ChoiceField(choices=[MINE, TEAM], default=MINE)


class ViewLinkAsked(Asked):
    state = serializers.DictField()


class LinkOut(serializers.Serializer[ViewLink]):
    id = serializers.CharField(source="key")
    state = serializers.DictField()


class ProjectViewsView(APIView):
    """GET, POST /projects/{project}/views"""

    @extend_schema(
        summary="Saved views: the team's and your own",
        tags=["views"],
        parameters=[PageAsked],
        responses=page_shape(ViewItemOut),
    )
    def get(self, request: Request, project: str) -> Response:
        asked = PageAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, public_id=project)
        views = SavedView.objects.visible_to(request.principal).filter(project=found)
        page = page_of(
            views.with_defaults(request.principal).defer("state"),
            asked.validated_data,
            order=("name", "public_id"),
            name=f"views.{found.public_id}",
        )
        return Response({"items": ViewItemOut(page.rows, many=True).data, "next": page.next})

    @extend_schema(summary="Save a view", tags=["views"], request=ViewBeginAsked, responses={201: ViewOut})
    def post(self, request: Request, project: str) -> Response:
        asked = ViewBeginAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, verb=Verb.EDIT, public_id=project)
        owner = None if asked.validated_data["owner"] == TEAM else _person(request)
        view = SavedView.objects.begin(
            found, name=asked.validated_data["name"], state=asked.validated_data["state"], owner=owner
        )
        return Response(_whole(request, view), status=201)


class ViewView(APIView):
    """GET, PATCH, DELETE /views/{view}"""

    @extend_schema(summary="A saved view", tags=["views"], responses=ViewOut)
    def get(self, request: Request, view: str) -> Response:
        return Response(_whole(request, fetch(SavedView, request.principal, public_id=view)))

    @extend_schema(summary="Rename, save again", tags=["views"], request=ViewEditAsked, responses=ViewOut)
    def patch(self, request: Request, view: str) -> Response:
        asked = ViewEditAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(SavedView, request.principal, verb=Verb.EDIT, public_id=view)
        found.edit(**asked.validated_data)
        return Response(_whole(request, found))

    @extend_schema(summary="Delete a view", tags=["views"], responses={204: None})
    def delete(self, request: Request, view: str) -> Response:
        fetch(SavedView, request.principal, verb=Verb.EDIT, public_id=view).delete()
        return Response(status=204)


class ViewDefaultView(APIView):
    """POST, DELETE /views/{view}/default"""

    @extend_schema(
        summary="Open the workspace with it: yours, or the team's",
        tags=["views"],
        request=DefaultAsked,
        responses=ViewOut,
    )
    def post(self, request: Request, view: str) -> Response:
        asked = DefaultAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found, user = self._meant(request, view, asked.validated_data["of"])
        found.make_default(user)
        return Response(_whole(request, found))

    @extend_schema(
        summary="Open the workspace with it no longer",
        tags=["views"],
        parameters=[DefaultAsked],
        responses={204: None},
    )
    def delete(self, request: Request, view: str) -> Response:
        asked = DefaultAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found, user = self._meant(request, view, asked.validated_data["of"])
        found.unmake_default(user)
        return Response(status=204)

    def _meant(self, request: Request, view: str, of: str) -> tuple[SavedView, User | None]:
        found = fetch(SavedView, request.principal, verb=Verb.EDIT, public_id=view)
        return found, None if of == TEAM else _person(request)


class ViewLinksView(APIView):
    """POST /projects/{project}/view-links"""

    @extend_schema(
        summary="Keep a state of the workspace under a short id, for an address",
        tags=["views"],
        request=ViewLinkAsked,
        responses=LinkOut,
    )
    def post(self, request: Request, project: str) -> Response:
        asked = ViewLinkAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, public_id=project)
        return Response(LinkOut(ViewLink.objects.keep(found, asked.validated_data["state"])).data)


class ViewLinkView(APIView):
    """GET /projects/{project}/view-links/{link}"""

    @extend_schema(summary="The state under a short id", tags=["views"], responses=LinkOut)
    def get(self, request: Request, project: str, link: str) -> Response:
        found = fetch(ViewLink, request.principal, project__public_id=project, key=link)
        return Response(LinkOut(found).data)


def _person(request: Request) -> User:
    """Whose a view is. Raises Invalid for a service account, which has no workspace of its own."""
    if request.principal.user is None:
        raise Invalid("A service account has no views of its own. Say `team`.", code="no_person")
    return request.principal.user


def _whole(request: Request, view: SavedView) -> dict[str, Any]:
    told = SavedView.objects.with_defaults(request.principal).get(pk=view.pk)
    content: dict[str, Any] = ViewOut(told).data
    return content
