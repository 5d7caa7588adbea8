"""Projects: a team's, and every one that the caller sees."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.models import Team
from apps.accounts.scopes import Verb
from apps.tracking.models import Project, Run

from ..pagination import PageAsked, page_of, page_shape
from ..request import Request
from ..shapes import Asked


class ProjectOut(serializers.Serializer[Any]):
    id = serializers.CharField(source="public_id")
    team = serializers.CharField(source="team.slug")
    slug = serializers.CharField()
    name = serializers.CharField()
    description = serializers.CharField()
    visibility = serializers.ChoiceField(choices=Project.Visibility.choices)
    labels = serializers.DictField(child=serializers.CharField())
    runs = serializers.IntegerField(source="run_count", required=False)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    deleted_at = serializers.DateTimeField(allow_null=True)


class ProjectListAsked(PageAsked):
    team = serializers.CharField(required=False, max_length=63, help_text="A team's slug.")
    q = serializers.CharField(required=False, max_length=500, help_text="Part of the name or slug.")
    deleted = serializers.BooleanField(default=False, help_text="The trash instead.")


class TeamProjectListAsked(PageAsked):
    q = serializers.CharField(required=False, max_length=500, help_text="Part of the name or slug.")
    deleted = serializers.BooleanField(default=False, help_text="The trash instead.")


class ProjectEditAsked(Asked):
    name = serializers.CharField(required=False, max_length=500)
    slug = serializers.CharField(required=False, max_length=128)
    description = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    visibility = serializers.ChoiceField(required=False, choices=Project.Visibility.choices)
    labels = serializers.DictField(
        required=False, child=serializers.CharField(allow_blank=True, max_length=5000)
    )


class ProjectCreateAsked(ProjectEditAsked):
    name = serializers.CharField(max_length=500)


class ProjectsView(APIView):
    """GET /projects"""

    @extend_schema(
        summary="Every project you see",
        tags=["projects"],
        parameters=[ProjectListAsked],
        responses=page_shape(ProjectOut),
    )
    def get(self, request: Request) -> Response:
        asked = ProjectListAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        return _page(request, asked.validated_data, name="projects")


class TeamProjectsView(APIView):
    """GET, POST /teams/{team}/projects"""

    @extend_schema(
        summary="A team's projects",
        tags=["projects"],
        parameters=[TeamProjectListAsked],
        responses=page_shape(ProjectOut),
    )
    def get(self, request: Request, team: str) -> Response:
        asked = TeamProjectListAsked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        found = fetch(Team, request.principal, slug=team)
        return _page(request, asked.validated_data | {"team": found.slug}, name="team-projects")

    @extend_schema(
        summary="Make a project", tags=["projects"], request=ProjectCreateAsked, responses={201: ProjectOut}
    )
    def post(self, request: Request, team: str) -> Response:
        asked = ProjectCreateAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        principal = request.principal
        found = fetch(Team, principal, verb=Verb.EDIT, slug=team)
        project = Project.objects.begin(found, by=principal.actor, **asked.validated_data)
        return Response(ProjectOut(project).data, status=201)


class TeamProjectView(APIView):
    """GET /teams/{team}/projects/{slug}"""

    @extend_schema(summary="A project by its slug", tags=["projects"], responses=ProjectOut)
    def get(self, request: Request, team: str, slug: str) -> Response:
        found = fetch(with_counts(), request.principal, team__slug=team, slug=slug)
        return Response(ProjectOut(found).data)


class ProjectView(APIView):
    """GET, PATCH, DELETE /projects/{project}"""

    @extend_schema(summary="A project", tags=["projects"], responses=ProjectOut)
    def get(self, request: Request, project: str) -> Response:
        found = fetch(with_counts(), request.principal, public_id=project)
        return Response(ProjectOut(found).data)

    @extend_schema(
        summary="Rename, describe, show or hide",
        tags=["projects"],
        request=ProjectEditAsked,
        responses=ProjectOut,
    )
    def patch(self, request: Request, project: str) -> Response:
        asked = ProjectEditAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(Project, request.principal, verb=Verb.EDIT, public_id=project)
        found.edit(**asked.validated_data)
        return Response(ProjectOut(found).data)

    @extend_schema(summary="Delete; undone by restore for 30 days", tags=["projects"], responses={204: None})
    def delete(self, request: Request, project: str) -> Response:
        fetch(Project, request.principal, verb=Verb.EDIT, public_id=project).remove()
        return Response(status=204)


class ProjectRestoreView(APIView):
    """POST /projects/{project}/restore"""

    @extend_schema(summary="Undo a deletion", tags=["projects"], request=None, responses=ProjectOut)
    def post(self, request: Request, project: str) -> Response:
        removed = Project.with_removed.select_related("team")
        found = fetch(removed, request.principal, verb=Verb.EDIT, public_id=project)
        found.restore()
        return Response(ProjectOut(found).data)


def with_counts() -> QuerySet[Project]:
    live = Run.objects.filter(project=OuterRef("pk"), deleted_at=None).order_by().values("project")
    return Project.objects.select_related("team").annotate(
        run_count=Coalesce(Subquery(live.annotate(n=Count("pk")).values("n")), 0)
    )


def _page(request: Request, asked: dict[str, Any], *, name: str) -> Response:
    """Newest first. The cursor of one team's list is none of another's."""
    principal = request.principal
    rows = Project.with_removed.filter(deleted_at__isnull=False) if asked["deleted"] else with_counts()
    rows = rows.filter(pk__in=Project.with_removed.visible_to(principal)).select_related("team")
    if "team" in asked:
        rows = rows.filter(team__slug=asked["team"])
    if "q" in asked:
        rows = rows.filter(Q(name__icontains=asked["q"]) | Q(slug__icontains=asked["q"]))
    page = page_of(rows, asked, order=("-created_at", "-public_id"), name=f"{name}.{asked.get('team', '')}")
    return Response({"items": ProjectOut(page.rows, many=True).data, "next": page.next})
