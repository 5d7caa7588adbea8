"""A glance at a project: its newest runs and the one metric that says most of them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connections, router

from .models import ProjectField, Run

RUNS = 5
# What people call the thing they make better, the most telling first. Any other metric stands in for these.
_TELLING = (
    *("val/loss", "val_loss", "eval/loss", "eval_loss", "validation/loss", "test/loss"),
    *("loss", "train/loss", "train_loss", "training/loss"),
    *("val/accuracy", "val/acc", "accuracy", "acc", "train/accuracy", "train/acc"),
)
_PATHS = [f"metrics.{name}" for name in _TELLING]

_RUNS = f"""
SELECT asked.id, newest.public_id FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT public_id, created_at, id FROM tracking_run WHERE project_id = asked.id AND deleted_at IS NULL
    ORDER BY created_at DESC, id DESC LIMIT {RUNS}
) AS newest ORDER BY asked.id, newest.created_at DESC, newest.id DESC
"""
# Paths sort by code point: from "metrics." to "metrics/", which is the next one after the dot.
_OTHERS = """
SELECT asked.id, other.path FROM unnest(%s::bigint[]) AS asked (id) CROSS JOIN LATERAL (
    SELECT path FROM tracking_projectfield
    WHERE project_id = asked.id AND path >= 'metrics.' AND path < 'metrics/' AND path NOT LIKE 'metrics.system/%%'
    ORDER BY path LIMIT 1
) AS other
"""


@dataclass(frozen=True)
class Preview:
    """runs: public ids, newest first. metric: None where there is nothing to draw."""

    runs: tuple[str, ...]
    metric: str | None


def previews_of(projects: Iterable[int]) -> dict[int, Preview]:
    """Return a preview of each of the projects that has runs, by id. Three queries, none of which reads a point."""
    asked = list(projects)
    found = ProjectField.objects.filter(project__in=asked, path__in=_PATHS, has_number=True)
    paths: dict[int, str] = {}
    for project, path in found.values_list("project_id", "path"):
        paths[project] = min(path, paths.get(project, path), key=_PATHS.index)
    runs: dict[int, list[str]] = {}
    with connections[router.db_for_read(Run)].cursor() as cursor:
        cursor.execute(_RUNS, [asked])
        for project, run in cursor.fetchall():
            runs.setdefault(project, []).append(run)
        cursor.execute(_OTHERS, [[project for project in runs if project not in paths]])
        paths |= dict(cursor.fetchall())
    return {
        project: Preview(tuple(ids), paths[project].removeprefix("metrics.") if project in paths else None)
        for project, ids in runs.items()
    }
