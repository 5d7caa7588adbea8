"""Projects as lists show them: each with what goes on in it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from apps.tracking.activity import Activity, activity_of
from apps.tracking.models import Project
from apps.tracking.previews import Preview, previews_of


@dataclass(frozen=True)
class ProjectRow:
    """preview: only where it was asked for."""

    project: Project
    activity: Activity
    preview: Preview | None = None

    @property
    def last_at(self) -> datetime:
        return self.activity.last_at or self.project.created_at


def rows_of(projects: Iterable[Project], *, with_previews: bool = False) -> list[ProjectRow]:
    """Two queries, with previews five."""
    listed = list(projects)
    ids = [project.pk for project in listed]
    activity = activity_of(ids)
    previews = previews_of(ids) if with_previews else {}
    return [ProjectRow(project, activity[project.pk], previews.get(project.pk)) for project in listed]


def called(projects: QuerySet[Project], q: str) -> QuerySet[Project]:
    """Those whose name, address or description holds the text."""
    if "\0" in q:
        return projects.none()
    return projects.filter(Q(name__icontains=q) | Q(slug__icontains=q) | Q(description__icontains=q))
