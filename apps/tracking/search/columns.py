"""Which columns a table of a project's runs can have, what they hold, and which of them differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from django.db import connection
from django.db.models import Count, Max, Min, Q, QuerySet

from ..definitions import Dictionary
from ..models import Project, ProjectField, Run, RunField
from .ast import SCOPES, STATISTICS, Field
from .attributes import ATTRIBUTES
from .parse import parse_field
from .unparse import unparse_field

MOST_COLUMNS = 500
Type = Literal["text", "number", "time", "duration", "tags"]


@dataclass(frozen=True, slots=True)
class Column:
    """path: as a query writes it. scope: run, config, metrics, labels, metadata. name: the path within it.

    statistic: which value of a metric; "" is what stands for it. direction, unit: of a metric, "" if not known.
    """

    path: str
    scope: str
    name: str
    type: Type
    statistic: str = ""
    direction: str = ""
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Columns:
    """total: how many there are, of which `columns` has the first."""

    columns: list[Column]
    total: int


def columns(project: Project, *, part: str = "", limit: int = MOST_COLUMNS) -> Columns:
    """Return the columns whose path holds this text, in any case: attributes, config, metrics, the rest.

    Three queries.
    """
    folded = part.casefold()
    own = [_of_attribute(name) for name in ATTRIBUTES if folded in name and name != "project"]
    held = ProjectField.objects.filter(project=project)
    if part:
        held = held.filter(path__icontains=part)
    rows = list(held.order_by("path")[: limit + 1])
    total = len(own) + (len(rows) if len(rows) <= limit else held.count())
    known = _of_fields(project, rows[:limit])
    known.sort(key=lambda column: (SCOPES.index(column.scope), column.name.startswith("system/")))
    return Columns([*own, *known], total)


def named(project: Project, paths: Iterable[str]) -> list[Column]:
    """Return the columns of these paths, in that order, whether or not a run has a value there yet.

    Raises QueryError.
    """
    fields = [parse_field(path) for path in dict.fromkeys(paths)]
    rows = ProjectField.objects.filter(
        project=project, path__in=[field.path for field in fields if field.scope != "run"]
    )
    known = {column.path: column for column in _of_fields(project, list(rows))}
    return [
        _of_attribute(field.name)
        if field.scope == "run"
        else known.get(
            unparse_field(field),
            Column(unparse_field(field), field.scope, field.name, "text", field.statistic),
        )
        for field in fields
    ]


_FIRST = ("state", "step", "duration")
_LAST = ("tags", "user", "created")


def suggested(project: Project, *, config: int = 6, metrics: int = 6) -> list[Column]:
    """Return the columns a person sees who has picked none: what differs of the config, and the first metrics."""
    held = ProjectField.objects.filter(project=project)
    of_config = list(held.filter(path__startswith="config.").order_by("pk")[:60])
    of_metrics = list(
        held.filter(path__startswith="metrics.")
        .exclude(path__startswith="metrics.system/")
        .order_by("pk")[: 10 * metrics]
    )
    there = extents(project, of_config)
    differing = [row for row in of_config if there[row.pk].several]
    known = {column.path: column for column in _of_fields(project, differing + of_metrics)}
    chosen = [column for column in known.values() if column.scope == "config"][:config]
    # What is validated says more than what is trained on.
    by_worth = sorted(
        (column for column in known.values() if column.scope == "metrics"),
        key=lambda column: (not column.direction, not column.name.startswith(("val", "test", "eval"))),
    )
    return [
        *map(_of_attribute, _FIRST),
        *chosen,
        *by_worth[:metrics],
        *map(_of_attribute, _LAST),
    ]


@dataclass(frozen=True, slots=True)
class Extent:
    """What a field holds over all runs of its project. values: how many different ones, counted no further
    than MOST_VALUES."""

    low: float | None
    high: float | None
    values: int

    @property
    def several(self) -> bool:
        return self.values > 1 or self.low != self.high


MOST_VALUES = 12


def extents(project: Project, fields: Sequence[ProjectField]) -> dict[int, Extent]:
    """Return the extents of fields, each found by a few steps through the index, however many runs. One query."""
    if not fields:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_EXTENTS, {"fields": [field.pk for field in fields], "most": MOST_VALUES + 1})
        return {pk: Extent(low, high, values) for pk, low, high, values in cursor.fetchall()}


_EXTENTS = """
SELECT field.id, low.number, high.number, texts.count
FROM unnest(%(fields)s::bigint[]) AS field (id)
LEFT JOIN LATERAL (
    SELECT number FROM tracking_runfield WHERE field_id = field.id AND number < 'NaN' ORDER BY number LIMIT 1
) AS low ON true
LEFT JOIN LATERAL (
    SELECT number FROM tracking_runfield WHERE field_id = field.id AND number < 'NaN' ORDER BY number DESC LIMIT 1
) AS high ON true
LEFT JOIN LATERAL (
    WITH RECURSIVE step AS (
        (SELECT text FROM tracking_runfield WHERE field_id = field.id AND text IS NOT NULL ORDER BY text LIMIT 1)
        UNION ALL
        SELECT (
            SELECT text FROM tracking_runfield WHERE field_id = field.id AND text > step.text ORDER BY text LIMIT 1
        ) FROM step WHERE step.text IS NOT NULL
    )
    SELECT count(text) FROM (SELECT text FROM step LIMIT %(most)s) AS first
) AS texts ON true
"""


@dataclass(frozen=True, slots=True)
class Spread:
    """What a column holds among some runs. differs: not all of them have the same, or one has none.

    low, high: of its finite numbers.
    """

    path: str
    differs: bool
    low: float | None = None
    high: float | None = None


def spreads(runs: QuerySet[Run], project: Project, paths: Sequence[str] | None = None) -> list[Spread]:
    """Return how columns spread over runs of the project. Three queries.

    paths: the columns asked about; else everything in the config and every metric. Raises QueryError.
    """
    asked = [parse_field(path) for path in paths or ()]
    held = ProjectField.objects.filter(project=project)
    if paths is None:
        held = held.filter(Q(path__startswith="config.") | Q(path__startswith="metrics."))
    else:
        held = held.filter(path__in=[field.path for field in asked if field.scope != "run"])
    rows = {field.pk: field.path for field in held[:MOST_COLUMNS]}
    attributes = [field.name for field in asked if field.scope == "run" and field.name != "tags"]
    total, found = _of_own(runs, attributes)
    return found + _of_values(runs, rows, total)


def _of_own(runs: QuerySet[Run], names: Sequence[str]) -> tuple[int, list[Spread]]:
    """Return how many runs there are, and how their own attributes spread. One query."""
    measured: dict[str, Any] = {}
    for number, name in enumerate(names):
        column = ATTRIBUTES[name].column
        measured |= {
            f"least_{number}": Min(column),
            f"most_{number}": Max(column),
            f"count_{number}": Count(column),
        }
    told = runs.order_by().aggregate(total=Count("pk"), **measured)
    total = told["total"]
    return total, [
        Spread(
            name,
            told[f"least_{number}"] != told[f"most_{number}"] or told[f"count_{number}"] not in (0, total),
        )
        for number, name in enumerate(names)
    ]


def _of_values(runs: QuerySet[Run], rows: dict[int, str], total: int) -> list[Spread]:
    finite = Q(number__gt=float("-inf"), number__lt=float("inf"))
    values = (
        RunField.objects.filter(field__in=list(rows), run__in=runs.order_by().values("pk"))
        .order_by()
        .values("field")
        .annotate(
            count=Count("run"),
            least=Min("number"),
            most=Max("number"),
            low=Min("number", filter=finite),
            high=Max("number", filter=finite),
            first=Min("text"),
            last=Max("text"),
            texts=Count("text"),
        )
    )
    found = {}
    for row in values:
        # NaN is not equal to itself here, and is to a reader.
        same = row["least"] == row["most"] or (row["least"] != row["least"] and row["most"] != row["most"])
        differs = not same or row["first"] != row["last"] or row["count"] < total
        found[row["field"]] = Spread(spelled(rows[row["field"]]), differs, row["low"], row["high"])
    return [found.get(pk, Spread(spelled(path), False)) for pk, path in rows.items()]


def spelled(path: str) -> str:
    """Return a path of the dictionary as a query writes it."""
    return unparse_field(_field(path))


def _field(path: str) -> Field:
    statistic, _, rest = path.partition("(")
    if not rest or statistic not in STATISTICS:
        statistic, rest = "", path + ")"
    scope, _, name = rest[:-1].partition(".")
    return Field(scope, name, statistic)  # type: ignore[arg-type]


def _of_attribute(name: str) -> Column:
    return Column(name, "run", name, ATTRIBUTES[name].kind)


def _of_fields(project: Project, rows: Sequence[ProjectField]) -> list[Column]:
    dictionary = Dictionary.of(project.pk) if rows else Dictionary([])
    return [_of_row(row, dictionary) for row in rows]


def _of_row(row: ProjectField, dictionary: Dictionary) -> Column:
    field = _field(row.path)
    definition = dictionary.of_metric(field.name) if field.scope == "metrics" else None
    return Column(
        path=unparse_field(field),
        scope=field.scope,
        name=field.name,
        type="number" if row.has_number else "text",
        statistic=field.statistic or (definition.summary[0] if definition and definition.summary else ""),
        direction=definition.direction if definition else "",
        unit=definition.unit if definition else "",
    )
