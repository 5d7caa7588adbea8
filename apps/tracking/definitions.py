"""What a project knows of its metrics: defining one, and finding the definition that holds for a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any

from django.db import transaction
from django.utils.timezone import now

from .models import MetricDefinition, Run

# How many runs are marked in one statement when a definition changes.
_CHUNK = 2000


def define(project: int, definitions: Mapping[str, Mapping[str, Any]], *, by_person: bool = False) -> None:
    """Merge what is given into the project's definitions, by name.

    What a person has set, runs leave alone. Runs projected before are marked due by spread().
    """
    with transaction.atomic():
        known = {
            definition.name: definition
            for definition in MetricDefinition.objects.select_for_update(no_key=True)
            .filter(project=project, name__in=list(definitions))
            .order_by("name")
        }
        new = [name for name in sorted(definitions) if name not in known]
        MetricDefinition.objects.bulk_create(
            [
                MetricDefinition(
                    project_id=project, name=name, is_set_by_person=by_person, **definitions[name]
                )
                for name in new
            ],
            ignore_conflicts=True,
        )
        for name, definition in known.items():
            if definition.is_set_by_person and not by_person:
                continue
            given = definitions[name]
            if all(getattr(definition, field) == value for field, value in given.items()):
                continue
            MetricDefinition.objects.filter(pk=definition.pk).update(
                **given, is_set_by_person=by_person, is_spread=False, updated_at=now()
            )


def forget(definition: MetricDefinition) -> None:
    """Remove a definition. Its metrics are known by their last values again, or as a pattern says."""
    with transaction.atomic():
        _mark_due(definition)
        definition.delete()


def spread(limit: int = 10) -> int:
    """Mark the runs due that have a field a changed definition speaks of. Returns how many runs."""
    marked = 0
    for definition in MetricDefinition.objects.filter(is_spread=False).order_by("id")[:limit]:
        marked += _mark_due(definition)
        MetricDefinition.objects.filter(pk=definition.pk, updated_at=definition.updated_at).update(
            is_spread=True
        )
    return marked


def _mark_due(definition: MetricDefinition) -> int:
    """Mark the runs due that have a field this definition decides about. Returns how many."""
    holding = Run.objects.filter(
        project=definition.project_id, fields__field__path__regex=_pattern(definition)
    )
    ids = sorted(set(holding.values_list("pk", flat=True)))
    return sum(
        Run.objects.filter(pk__in=ids[start : start + _CHUNK]).update(fields_due=True, fields_version=-1)
        for start in range(0, len(ids), _CHUNK)
    )


def _pattern(definition: MetricDefinition) -> str:
    """The paths of the fields that this definition decides about, as a regular expression of PostgreSQL."""
    name = ".*".join(map(re.escape, definition.name.split("*")))
    return rf"^([a-z]+\()?metrics\.{name}\)?$"


class Dictionary:
    """A project's definitions, to look names up in."""

    def __init__(self, definitions: Iterable[MetricDefinition]) -> None:
        self._exact = {d.name: d for d in definitions if "*" not in d.name}
        # A longer pattern says more, so it is asked first.
        self._patterns = [
            (re.compile(translate(d.name)), d)
            for d in sorted((d for d in definitions if "*" in d.name), key=lambda d: (-len(d.name), d.name))
        ]

    @classmethod
    def of(cls, project: int) -> Dictionary:
        return cls(list(MetricDefinition.objects.filter(project=project)))

    def of_metric(self, name: str) -> MetricDefinition | None:
        found = self._exact.get(name)
        if found is None:
            found = next((d for pattern, d in self._patterns if pattern.match(name)), None)
        return found
