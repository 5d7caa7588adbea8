"""What goes on in projects: how many runs, how many of them live, when it was last heard of any.

Answered from the indexes of the runs' table, whatever its size: no project costs more than COUNTED entries.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections, router
from django.db.models import OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce, Greatest

from .models import Project, Run

COUNTED = 10_000
# The newest runs are asked when they were last heard; older ones are quiet, or running and asked below.
_HEARD = 20

_COUNTS = f"""
SELECT asked.id,
    (SELECT count(*) FROM (
        SELECT 1 FROM tracking_run WHERE project_id = asked.id AND deleted_at IS NULL LIMIT {COUNTED + 1}
    ) AS counted),
    (SELECT max(last_seen_at) FROM (
        SELECT last_seen_at, deleted_at FROM tracking_run WHERE project_id = asked.id
        ORDER BY created_at DESC, id DESC LIMIT {_HEARD}
    ) AS newest WHERE deleted_at IS NULL)
FROM unnest(%s::bigint[]) AS asked (id)
"""
_RUNNING = """
SELECT project_id, count(*), max(last_seen_at) FROM tracking_run
WHERE state = 'running' AND deleted_at IS NULL AND project_id = ANY(%s) GROUP BY project_id
"""
_NEWEST = """
SELECT newest.id FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT id, created_at FROM tracking_run WHERE project_id = asked.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT %s
) AS newest ORDER BY newest.created_at DESC, newest.id DESC LIMIT %s
"""


@dataclass(frozen=True)
class Activity:
    """runs: not counted beyond COUNTED; has_more says that there are. live: running. last_at: None without runs."""

    runs: int = 0
    has_more: bool = False
    live: int = 0
    last_at: datetime | None = None


def latest_first(projects: QuerySet[Project]) -> QuerySet[Project]:
    """Order by the newest run, or by when a project was made: what somebody works on stands first."""
    newest = (
        Run.objects.filter(project=OuterRef("pk")).order_by("-created_at", "-id").values("created_at")[:1]
    )
    latest_at = Greatest("created_at", Coalesce(Subquery(newest), "created_at"))
    return projects.annotate(latest_at=latest_at).order_by("-latest_at", "-pk")


def activity_of(projects: Iterable[int]) -> dict[int, Activity]:
    """Return what goes on in each of the projects, by id. Two queries."""
    asked = list(projects)
    with connections[router.db_for_read(Run)].cursor() as cursor:
        cursor.execute(_RUNNING, [asked])
        running = {project: (live, last_at) for project, live, last_at in cursor.fetchall()}
        cursor.execute(_COUNTS, [asked])
        counts = cursor.fetchall()
    return {
        project: Activity(
            runs=min(runs, COUNTED),
            has_more=runs > COUNTED,
            live=running.get(project, (0, None))[0],
            last_at=max(filter(None, (heard_at, running.get(project, (0, None))[1])), default=None),
        )
        for project, runs, heard_at in counts
    }


def newest_runs(projects: QuerySet[Project], *, most: int) -> list[Run]:
    """Return the newest runs of the projects, newest first, with what a list shows of them. Three queries."""
    # The newest ten runs lie in the ten projects whose newest runs are newest.
    begun = projects.annotate(newest_at=Subquery(_newest_of_each())).filter(newest_at__isnull=False)
    among = list(begun.order_by("-newest_at", "-pk").values_list("pk", flat=True)[:most])
    with connections[router.db_for_read(Run)].cursor() as cursor:
        cursor.execute(_NEWEST, [among, most, most])
        ids = [pk for (pk,) in cursor.fetchall()]
    listed = Run.objects.select_related("project__team", "created_by", "created_by_service").only(
        *(
            "public_id",
            "name",
            "state",
            "created_at",
            "started_at",
            "ended_at",
            "last_seen_at",
            "project__slug",
        ),
        *(
            "project__name",
            "project__team__slug",
            "project__team__name",
            "created_by__name",
            "created_by__email",
        ),
        *("created_by__public_id", "created_by_service__name"),
    )
    return sorted(listed.filter(pk__in=ids), key=lambda run: (run.created_at, run.pk), reverse=True)


def _newest_of_each() -> QuerySet[Run, Any]:
    """When the newest run of the outer project was made: the end of an index."""
    runs = Run.objects.filter(project=OuterRef("pk"), deleted_at=None)
    return runs.order_by("-created_at", "-id").values("created_at")[:1]
