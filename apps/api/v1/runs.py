"""Runs: begin, read, change, end."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any
from urllib.parse import urljoin

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts.access import fetch
from apps.accounts.models import Team
from apps.accounts.principal import Principal
from apps.accounts.scopes import Verb
from apps.base.errors import Conflict, Invalid, NotFound, TooLarge
from apps.base.ids import public_id
from apps.metrics import latest
from apps.tracking import heartbeat, runs
from apps.tracking.fields import last_step
from apps.tracking.models import Project, Run
from apps.tracking.names import clean_name

from .. import wide_columns
from ..json_values import plain
from ..request import Request
from ..shapes import Asked

MOST_FETCHED = 1000
_ENDED = [Run.State.FINISHED, Run.State.FAILED, Run.State.KILLED]


class ProjectRefOut(serializers.Serializer[Project]):
    id = serializers.CharField(source="public_id")
    slug = serializers.CharField()
    name = serializers.CharField()


class RunRefOut(serializers.Serializer[Run]):
    """What a writer needs to know, and all that a key without `read` is told."""

    id = serializers.CharField(source="public_id")
    client_id = serializers.CharField()
    name = serializers.CharField()
    project = ProjectRefOut()
    team = serializers.CharField(source="project.team.slug")
    state = serializers.ChoiceField(choices=Run.State.choices)
    stop = serializers.BooleanField(source="is_asked_to_stop", help_text="A person has asked it to stop.")
    url = serializers.SerializerMethodField(help_text="Its page. The address lasts when the run moves.")

    def get_url(self, run: Run) -> str:
        return self._pages + run.public_id

    @cached_property
    def _pages(self) -> str:
        return urljoin(settings.PUBLIC_URL, reverse("web:run-by-id", args=["-"]))[:-1]


class RunStartedOut(RunRefOut):
    next_step = serializers.IntegerField(
        help_text="One past the greatest step of its metrics, those under `system/` apart: where to go on."
    )


class RunItemOut(RunRefOut):
    """A run in a list. The serializer describes; `to_representation` is what a thousand rows can afford.

    context["include"]: which of wide_columns.ON_REQUEST to answer.
    """

    group = serializers.CharField()
    job_type = serializers.CharField()
    sweep = serializers.CharField()
    host = serializers.CharField()
    git_commit = serializers.CharField()
    tags = serializers.ListField(child=serializers.CharField())
    notes = serializers.CharField()
    labels = serializers.DictField()
    config = serializers.DictField(required=False, help_text="In lists where `include` asks for it.")
    summary = serializers.DictField(
        required=False, help_text="What the run has set itself; metrics' own are at /metrics."
    )
    metadata = serializers.DictField(required=False, help_text="Environment, by writer.")
    created_by = serializers.CharField(allow_null=True, help_text="The person's or service account's name.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    last_seen_at = serializers.DateTimeField()
    duration_s = serializers.FloatField()
    exit_code = serializers.IntegerField(allow_null=True)
    version = serializers.IntegerField(help_text="Grows with every change of what is answered here.")
    deleted_at = serializers.DateTimeField(allow_null=True)

    def to_representation(self, run: Run) -> dict[str, Any]:
        project = run.project
        return {
            "id": run.public_id,
            "client_id": run.client_id,
            "name": run.name,
            "project": {"id": project.public_id, "slug": project.slug, "name": project.name},
            "team": project.team.slug,
            "state": run.state,
            "stop": run.is_asked_to_stop,
            "url": self.get_url(run),
            "group": run.group,
            "job_type": run.job_type,
            "sweep": run.sweep,
            "host": run.host,
            "git_commit": run.git_commit,
            "tags": run.tags,
            "notes": run.notes,
            "labels": run.labels,
            **{name: plain(getattr(run, name)) for name in self.included()},
            "created_by": str(run.created_by or run.created_by_service or "") or None,
            "created_at": run.created_at,
            "updated_at": run.updated_at,
            "started_at": run.started_at,
            "ended_at": run.ended_at,
            "last_seen_at": run.last_seen_at,
            "duration_s": run.duration.total_seconds(),
            "exit_code": run.exit_code,
            "version": run.version,
            "deleted_at": run.deleted_at,
        }

    def included(self) -> Sequence[str]:
        return self.context.get("include", ())


class RunOut(RunItemOut):
    """A run."""

    config = serializers.DictField()
    summary = serializers.DictField(help_text="What the run has set itself; metrics' own are at /metrics.")
    metadata = serializers.DictField(help_text="Environment, by writer.")

    def included(self) -> Sequence[str]:
        return wide_columns.ON_REQUEST


class StructureField(serializers.DictField):
    """An object of any depth."""


class RunStartAsked(Asked):
    project = serializers.CharField(
        max_length=500, required=False, help_text="Its id, slug or name; made if there is none."
    )
    team = serializers.CharField(max_length=63, required=False, help_text="A slug; else the key's own team.")
    id = serializers.CharField(
        max_length=256, required=False, help_text="The client id, unique in the project."
    )
    resume = serializers.ChoiceField(choices=["allow", "never", "must", "auto"], default="allow")
    name = serializers.CharField(max_length=500, required=False)
    config = StructureField(required=False)
    tags = serializers.ListField(child=serializers.CharField(max_length=256), required=False, max_length=1000)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    group = serializers.CharField(required=False, allow_blank=True, max_length=256)
    job_type = serializers.CharField(required=False, allow_blank=True, max_length=256)
    sweep = serializers.CharField(required=False, allow_blank=True, max_length=256)
    host = serializers.CharField(required=False, allow_blank=True, max_length=256)


class RunFetchAsked(Asked):
    ids = serializers.ListField(
        child=serializers.CharField(max_length=64), min_length=1, max_length=MOST_FETCHED
    )
    include = serializers.ListField(
        child=serializers.ChoiceField(choices=wide_columns.ON_REQUEST), default=list, max_length=3
    )


class RunEditAsked(Asked):
    name = serializers.CharField(required=False, max_length=500)
    notes = serializers.CharField(required=False, allow_blank=True, max_length=100_000)
    group = serializers.CharField(required=False, allow_blank=True, max_length=256)
    job_type = serializers.CharField(required=False, allow_blank=True, max_length=256)
    tags = serializers.ListField(child=serializers.CharField(max_length=256), required=False, max_length=1000)


class MergeAsked(Asked):
    set = StructureField(required=False, default=dict)
    unset = serializers.ListField(
        required=False,
        default=list,
        max_length=10_000,
        child=serializers.JSONField(),
        help_text="Paths to take out, each a list of keys, or one key.",
    )

    def validate_unset(self, paths: list[Any]) -> list[Any]:
        for path in paths:
            keys = path if isinstance(path, list) else [path]
            if not keys or not all(isinstance(key, str) for key in keys):
                raise serializers.ValidationError("A path is a key, or a list of keys.")
        return paths


class EndAsked(Asked):
    state = serializers.ChoiceField(choices=_ENDED, default=Run.State.FINISHED)
    exit_code = serializers.IntegerField(
        required=False, allow_null=True, min_value=-(2**31), max_value=2**31 - 1
    )


class CloneAsked(Asked):
    id = serializers.CharField(max_length=256, required=False)
    name = serializers.CharField(max_length=500, required=False)


class HeartbeatOut(serializers.Serializer[Run]):
    stop = serializers.BooleanField()


class RunsView(APIView):
    """POST /runs"""

    @extend_schema(
        summary="Begin a run, or go on with one",
        tags=["runs"],
        request=RunStartAsked,
        responses={200: RunStartedOut, 201: RunStartedOut},
    )
    def post(self, request: Request) -> Response:
        asked = RunStartAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        given = dict(asked.validated_data)
        project = project_to_begin_in(
            request.principal, team=given.pop("team", None), wanted=given.pop("project", None)
        )
        run, is_new = runs.start(
            project, request.principal, client_id=given.pop("id", None) or public_id(), **given
        )
        run.project = project
        next_step = 0 if is_new else _next_step(run)
        return Response({**RunRefOut(run).data, "next_step": next_step}, status=201 if is_new else 200)


def _next_step(run: Run) -> int:
    last = last_step(latest.metric_list(run.pk))
    return 0 if last is None else last + 1


class RunFetchView(APIView):
    """POST /runs/fetch"""

    @extend_schema(
        summary="Many runs by id, all or none",
        tags=["runs"],
        request=RunFetchAsked,
        responses=RunItemOut(many=True),
    )
    def post(self, request: Request) -> Response:
        asked = RunFetchAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        include = list(dict.fromkeys(asked.validated_data["include"]))
        found = found_runs(request.principal, asked.validated_data["ids"])
        columns = [*wide_columns.ALWAYS, *include]
        if wide_columns.fitting([run.pk for run in found], columns) < len(found):
            raise TooLarge(
                f"These runs are more than {wide_columns.MOST_BYTES >> 20} MB: ask for fewer, or without `include`.",
                code="runs_too_large",
            )
        wide_columns.read(found, columns)
        shape = RunItemOut(context={"include": include})
        return Response([shape.to_representation(run) for run in found])


class RunView(APIView):
    """GET, PATCH, DELETE /runs/{run}"""

    @extend_schema(summary="A run", tags=["runs"], responses=RunOut)
    def get(self, request: Request, run: str) -> Response:
        return Response(RunOut(fetch(whole(), request.principal, public_id=run)).data)

    @extend_schema(summary="Rename, annotate, tag", tags=["runs"], request=RunEditAsked, responses=RunOut)
    def patch(self, request: Request, run: str) -> Response:
        asked = RunEditAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(whole(), request.principal, verb=Verb.EDIT, public_id=run)
        found.edit(**asked.validated_data)
        return Response(RunOut(found).data)

    @extend_schema(summary="Delete; undone by restore for 30 days", tags=["runs"], responses={204: None})
    def delete(self, request: Request, run: str) -> Response:
        fetch(Run, request.principal, verb=Verb.EDIT, public_id=run).remove(request.principal)
        return Response(status=204)


class RunRestoreView(APIView):
    """POST /runs/{run}/restore"""

    @extend_schema(summary="Undo a deletion", tags=["runs"], request=None, responses=RunOut)
    def post(self, request: Request, run: str) -> Response:
        removed = whole(Run.with_removed.all())
        found = fetch(removed, request.principal, verb=Verb.EDIT, public_id=run)
        found.restore()
        return Response(RunOut(found).data)


class RunConfigView(APIView):
    """POST /runs/{run}/config"""

    @extend_schema(summary="Merge into the config", tags=["runs"], request=MergeAsked, responses=RunRefOut)
    def post(self, request: Request, run: str) -> Response:
        asked = MergeAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = writable(request.principal, run)
        found.merge_config(asked.validated_data["set"], unset=asked.validated_data["unset"])
        return Response(RunRefOut(found).data)


class RunSummaryView(APIView):
    """POST /runs/{run}/summary"""

    @extend_schema(summary="Merge into the summary", tags=["runs"], request=MergeAsked, responses=RunRefOut)
    def post(self, request: Request, run: str) -> Response:
        asked = MergeAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = writable(request.principal, run)
        found.merge_summary(asked.validated_data["set"], unset=asked.validated_data["unset"])
        return Response(RunRefOut(found).data)


class RunEndView(APIView):
    """POST /runs/{run}/end"""

    @extend_schema(summary="End the run", tags=["runs"], request=EndAsked, responses=RunRefOut)
    def post(self, request: Request, run: str) -> Response:
        asked = EndAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = writable(request.principal, run)
        found.end(**asked.validated_data)
        return Response(RunRefOut(found).data)


class RunStopView(APIView):
    """POST /runs/{run}/stop"""

    @extend_schema(summary="Ask the training to stop", tags=["runs"], request=None, responses=RunOut)
    def post(self, request: Request, run: str) -> Response:
        found = fetch(whole(), request.principal, verb=Verb.EDIT, public_id=run)
        found.stop()
        return Response(RunOut(found).data)


class RunHeartbeatView(APIView):
    """POST /runs/{run}/heartbeat"""

    @extend_schema(summary="Say that it is alive", tags=["runs"], request=None, responses=HeartbeatOut)
    def post(self, request: Request, run: str) -> Response:
        found = writable(request.principal, run)
        heartbeat.hear(found.pk)
        return Response({"stop": found.is_asked_to_stop})


class RunCloneView(APIView):
    """POST /runs/{run}/clone"""

    @extend_schema(
        summary="A new run with the same config, tags, notes, group and job type",
        tags=["runs"],
        request=CloneAsked,
        responses={201: RunOut},
    )
    def post(self, request: Request, run: str) -> Response:
        asked = CloneAsked(data=request.data)
        asked.is_valid(raise_exception=True)
        found = fetch(whole(), request.principal, verb=Verb.EDIT, public_id=run)
        client_id = asked.validated_data.get("id") or public_id()
        copy = runs.clone(
            found, request.principal, client_id=client_id, name=asked.validated_data.get("name")
        )
        copy.project = found.project
        return Response(RunOut(copy).data, status=201)


def whole(runs: QuerySet[Run] | None = None) -> QuerySet[Run]:
    """Runs with all that RunOut says of them, in one query."""
    source = Run.objects.all() if runs is None else runs
    return source.select_related("project__team", "created_by", "created_by_service")


def writable(principal: Principal, run: str) -> Run:
    """Return the run for a writer. Raises NotFound, Denied, and Gone for a deleted one."""
    rows = Run.with_removed.select_related("project__team")
    found = fetch(rows, principal, verb=Verb.INGEST, public_id=run)
    found.check_accepts()
    return found


def found_runs(principal: Principal, ids: list[str]) -> list[Run]:
    """Return the runs, without their wide columns, in the order asked for.

    Raises NotFound if one of them is not to be seen.
    """
    seen = whole(Run.objects.visible_to(principal)).defer(*wide_columns.WIDE).filter(public_id__in=ids)
    rows = {run.public_id: run for run in seen}
    if len(rows) < len(set(ids)):
        raise NotFound("At least one of these runs is not there, or not yours to see.")
    return [rows[id] for id in ids]


def project_to_begin_in(principal: Principal, *, team: str | None, wanted: str | None) -> Project:
    """Return the project a run is to be begun in; it is made if there is none of that id, slug or name.

    team: a slug; by default the team of the key, else the person's own.

    Raises NotFound, Denied, and Invalid if it cannot be told which is meant.
    """
    rows = Project.objects.select_related("team")
    if wanted is None:
        if principal.project_id is None:
            raise Invalid("Say in which project.", code="project_missing")
        return fetch(rows, principal, verb=Verb.INGEST, pk=principal.project_id)
    of_team: dict[str, Any] = {"slug": team} if team else {"pk": _own_team(principal)}
    within: dict[str, Any] = {f"team__{field}": value for field, value in of_team.items()}
    name = clean_name(wanted)
    # A public id says which one it is, whatever the team.
    for lookup in ({"public_id": wanted}, {**within, "slug": wanted}, {**within, "name": name}):
        try:
            return fetch(rows, principal, verb=Verb.INGEST, **lookup)
        except NotFound:
            continue
    found = fetch(Team, principal, verb=Verb.INGEST, **of_team)
    try:
        return Project.objects.begin(found, name=name, by=principal.actor)
    except Conflict:
        # Somebody else has just begun it.
        return fetch(rows, principal, verb=Verb.INGEST, team=found, name=name)


def _own_team(principal: Principal) -> int | None:
    if principal.key is not None and principal.key.team_id is not None:
        return principal.key.team_id
    if principal.service_account is not None:
        return principal.service_account.team_id
    personal = getattr(principal.user, "personal_team", None)
    return personal.pk if personal else None
