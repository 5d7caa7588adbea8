"""Which metrics the runs of a project have: what its panels are made from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db.models import Count, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce

from .. import fields as projection
from ..definitions import Dictionary
from ..models import Project, ProjectField, RunField
from .run_list import costs_bounded, matching

_SCOPE = "metrics."


@dataclass(frozen=True)
class MetricNames:
    """names: in alphabetical order. after: the name the next page begins behind; None on the last."""

    names: list[str]
    after: str | None


@dataclass(frozen=True)
class CountedMetric:
    name: str
    runs: int


def metric_names(
    project: Project, *, part: str = "", after: str = "", limit: int = 1000, query: str = ""
) -> MetricNames:
    """Return names of metrics that some run of the query has; without one, that some run has had.

    part: of the name, in any case. Left out are those whose definition hides them; so a page may be shorter
    than `limit`. Goes along the dictionary's index, so that the first of a hundred thousand names cost what
    those of a hundred do. Raises QueryError.
    """
    projection.refresh(project.pk)
    with costs_bounded():
        held = _dictionary(project).filter(path__gt=_SCOPE + after)
        if part:
            held = held.filter(path__icontains=part)
        if query.strip():
            runs = matching(project, query).order_by().values("pk")
            held = held.filter(pk__in=RunField.objects.filter(run__in=runs).values("field"))
        rows = list(held.order_by("path").values_list("path", flat=True)[: limit + 1])
    names = [path.removeprefix(_SCOPE) for path in rows[:limit]]
    definitions = Dictionary.of(project.pk)
    shown = [name for name in names if not ((known := definitions.of_metric(name)) and known.hidden)]
    return MetricNames(shown, names[-1] if len(rows) > limit else None)


def counted(project: Project, names: Sequence[str], *, query: str = "") -> list[CountedMetric]:
    """Return how many runs of the query have each of these metrics. One query. Raises QueryError."""
    with costs_bounded():
        runs = matching(project, query).order_by().values("pk")
        of_field = (
            RunField.objects.filter(field=OuterRef("pk"), run__in=runs)
            .order_by()
            .values("field")
            .annotate(count=Count("run"))
            .values("count")
        )
        held = _dictionary(project).filter(path__in=[_SCOPE + name for name in names])
        rows = dict(held.annotate(runs=Coalesce(Subquery(of_field), 0)).values_list("path", "runs"))
    return [CountedMetric(name, rows.get(_SCOPE + name, 0)) for name in names]


def key_metric(project: Project, names: Sequence[str]) -> str | None:
    """Return the metric of these that most likely decides: one with a direction, then of a validation, then a loss."""
    definitions = Dictionary.of(project.pk)

    def worth(name: str) -> tuple[bool, ...]:
        known = definitions.of_metric(name)
        return (
            known is None or not known.direction,
            not name.startswith(("val", "test", "eval")),
            "loss" not in name and "acc" not in name,
            name.startswith("system/"),
        )

    return min(names, key=worth, default=None)


def _dictionary(project: Project) -> QuerySet[ProjectField]:
    # Between these two lie exactly the paths that begin so, in the order of the index.
    return ProjectField.objects.filter(project=project, path__gt=_SCOPE, path__lt="metrics/")
