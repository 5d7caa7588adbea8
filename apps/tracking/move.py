"""Bringing runs into another project, with everything they have."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import IntegrityError, connection, transaction

from apps.base.errors import Conflict, Gone

from . import bulk, signals
from .definitions import Dictionary
from .models import MetricDefinition, Project, ProjectField, Run

_METRIC = "metrics."


def move(runs: Sequence[Run], project: Project) -> None:
    """Make these the runs of another project, all of them or none. Points and records stay where they are.

    What the old project knows of their metrics (direction, unit, summary) comes along where the new one
    knows nothing. A script that resumes a run by its own id has to name the new project from now on.

    Raises Conflict `run_exists` if the new project has a run of one's client id, Gone `deleted`.
    """
    if project.is_deleted:
        raise Gone("The project has been deleted. Restore it first.", code="deleted")
    moved = [run for run in runs if run.project_id != project.pk]
    keys = [run.pk for run in moved]
    if not keys:
        return
    with transaction.atomic():
        for source in sorted({run.project_id for run in moved}):
            _bring_definitions(source, project.pk, [run.pk for run in moved if run.project_id == source])
        _bring_fields(keys, project.pk)
        try:
            with transaction.atomic():
                # Under the new project's definitions a metric may be known by other values.
                bulk.change(keys, project=project, fields_version=-1)
        except IntegrityError:
            raise Conflict(
                f"{project.name} has a run of the same id already. Nothing was moved.", code="run_exists"
            ) from None
        # Who followed the runs where they were may not be one who may follow them now.
        for source, team in {(run.project_id, run.project.team_id) for run in moved}:
            signals.after_commit(signals.project_changed, project=source, team=team)


def _bring_definitions(source: int, target: int, keys: Sequence[int]) -> None:
    paths = ProjectField.objects.filter(project=source, values__run__in=keys, path__startswith=_METRIC)
    names = [path.removeprefix(_METRIC) for path in paths.distinct().values_list("path", flat=True)]
    known, theirs = Dictionary.of(source), Dictionary.of(target)
    wanted = {}
    for name in names:
        definition = known.of_metric(name)
        if definition is not None and theirs.of_metric(name) is None:
            wanted[definition.pk] = definition
    for definition in wanted.values():
        definition.pk, definition.project_id, definition.is_spread = None, target, False
    MetricDefinition.objects.bulk_create(wanted.values(), ignore_conflicts=True)


def _bring_fields(keys: Sequence[int], target: int) -> None:
    """Let the runs' values hang off the new project's dictionary, which takes up the paths it lacks."""
    with connection.cursor() as cursor:
        cursor.execute(_LEARN, {"runs": list(keys), "target": target})
        cursor.execute(_REHANG, {"runs": list(keys), "target": target})


_LEARN = """
INSERT INTO tracking_projectfield AS held (project_id, path, has_number, has_text)
SELECT %(target)s, path, bool_or(has_number), bool_or(has_text) FROM tracking_projectfield
WHERE id IN (SELECT field_id FROM tracking_runfield WHERE run_id = ANY(%(runs)s)) AND project_id <> %(target)s
GROUP BY path ORDER BY path
ON CONFLICT (project_id, path) DO UPDATE
SET has_number = held.has_number OR excluded.has_number, has_text = held.has_text OR excluded.has_text
"""

_REHANG = """
UPDATE tracking_runfield AS value SET field_id = new.id
FROM tracking_projectfield AS old
JOIN tracking_projectfield AS new ON new.path = old.path AND new.project_id = %(target)s
WHERE value.run_id = ANY(%(runs)s) AND old.id = value.field_id AND old.project_id <> %(target)s
"""
