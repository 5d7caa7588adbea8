"""Runs side by side: what they were given, what they came to, what they ran in, and where they differ."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from django.db.models import Q

from . import environment
from .definitions import Dictionary
from .entries import leaves
from .environment import Git
from .key_metrics import SYSTEM, key_metrics
from .models import Run, RunField
from .structures import same

FEWEST_RUNS = 2
MOST_RUNS = 20
_CHARTS = 4


class Absent:
    """What a run has at a key it does not have; null is a value."""

    def __repr__(self) -> str:
        return "ABSENT"


ABSENT: Final = Absent()


@dataclass(frozen=True, slots=True)
class Row:
    """A key and its values, in the order of the runs."""

    key: str
    values: tuple[Any, ...]

    @property
    def differs(self) -> bool:
        return any(not equal(value, self.values[0]) for value in self.values[1:])

    def changed(self, at: int) -> bool:
        """Whether a run has another value than the first one has; having none is told otherwise."""
        return self.values[at] is not ABSENT and not equal(self.values[at], self.values[0])


@dataclass(frozen=True, slots=True)
class MetricRow(Row):
    """name: of the metric; how: which of its values. direction: "min", "max" or ""."""

    name: str = ""
    how: str = "last"
    direction: str = ""
    unit: str = ""

    @property
    def best(self) -> frozenset[int]:
        """The runs with the best value; none where no direction is known or all are equal."""
        numbers = {at: value for at, value in enumerate(self.values) if _is_finite(value)}
        if not self.direction or len(set(numbers.values())) < 2:
            return frozenset()
        best = (min if self.direction == "min" else max)(numbers.values())
        return frozenset(at for at, value in numbers.items() if value == best)

    def delta(self, at: int) -> float | None:
        """How far a run's value is from the first one's; None where that is no number, or nothing."""
        if not (_is_finite(self.values[0]) and _is_finite(self.values[at])):
            return None
        return (self.values[at] - self.values[0]) or None

    def is_better(self, at: int) -> bool | None:
        """Whether a run is better than the first; None where there is no better."""
        delta = self.delta(at)
        if delta is None or not self.direction:
            return None
        return (delta < 0) == (self.direction == "min")


@dataclass(frozen=True, slots=True)
class Comparison:
    """runs: the baseline first. keys: the metrics to look at first."""

    runs: Sequence[Run]
    config: Sequence[Row]
    metrics: Sequence[MetricRow]
    system: Sequence[MetricRow]
    environment: Sequence[Row]
    packages: Sequence[Row]
    code: Sequence[Git | None]
    keys: Sequence[str] = field(default=())

    @property
    def is_same_code(self) -> bool:
        return len({(git.commit, git.diff) if git else None for git in self.code}) == 1


def comparison_of(runs: Sequence[Run]) -> Comparison:
    """Compare runs of one project, the first being the baseline. Two queries, however many runs."""
    dictionary = Dictionary.of(runs[0].project_id)
    metrics = metric_rows(_metric_values(runs), dictionary)
    own = [row for row in metrics if not row.name.startswith(SYSTEM)]
    names = list(dict.fromkeys(row.name for row in own if any(map(_is_finite, row.values))))
    ran_in = [environment.of_metadata(run.metadata) for run in runs]
    processes = [each.main if each else environment.Process() for each in ran_in]
    return Comparison(
        runs=runs,
        config=rows([{path[1:]: value for path, value in leaves("", run.config)} for run in runs]),
        metrics=own,
        system=[row for row in metrics if row.name.startswith(SYSTEM)],
        environment=rows([_surroundings(process) for process in processes]),
        packages=sorted(rows([process.packages for process in processes]), key=lambda row: row.key.lower()),
        code=[process.git for process in processes],
        keys=key_metrics(names, dictionary, limit=_CHARTS),
    )


def rows(columns: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Return a row for each key that any of the columns has, in order of first appearance."""
    keys = dict.fromkeys(key for column in columns for key in column)
    return [Row(key, tuple(column.get(key, ABSENT) for column in columns)) for key in keys]


def equal(one: Any, other: Any) -> bool:
    """Whether two values read the same: NaN is NaN and 1 is 1.0, but true is not 1."""
    if _is_number(one) and _is_number(other):
        return bool(one == other) or (one != one and other != other)
    return one is other or same(one, other)


def metric_rows(columns: Sequence[Mapping[str, Any]], dictionary: Dictionary) -> list[MetricRow]:
    """Return the rows of values that stand for metrics, the telling ones first, hidden ones left out.

    columns: path → value of each run, as RunField has them: `metrics.loss`, `min(metrics.loss)`.

    The plain name of a metric repeats its first kind of value, unless a run has set it itself.
    """
    found = {row.key: row for row in rows(columns)}
    made: dict[str, list[MetricRow]] = {}
    for key, row in found.items():
        kind, _, rest = key.rpartition("(metrics.")
        name = rest[:-1] if kind else key.removeprefix("metrics.")
        definition = dictionary.of_metric(name)
        if definition and definition.hidden:
            continue
        kinds = [each for each in definition.summary if each != "none"] if definition else []
        if not kind and kinds:
            twin = found.get(f"{kinds[0]}({key})")
            if twin and all(map(equal, twin.values, row.values)):
                continue
        how = kind or (kinds[0] if kinds else "last")
        if how == "mean" and definition and definition.last_k:
            how = f"mean of last {definition.last_k}"
        made.setdefault(name, []).append(
            MetricRow(
                key,
                row.values,
                name=name,
                how=how,
                direction=definition.direction if definition else "",
                unit=definition.unit if definition else "",
            )
        )
    names = sorted(made)
    telling = key_metrics(names, dictionary, limit=len(names))
    ordered = dict.fromkeys([*telling, *names])
    return [row for name in ordered for row in made[name]]


def _metric_values(runs: Sequence[Run]) -> list[dict[str, Any]]:
    # Paths sort by code point, and "/" is the next one after the dot.
    plain = Q(field__path__gte="metrics.", field__path__lt="metrics/")
    stored = RunField.objects.filter(
        plain | Q(field__path__contains="(metrics."), run__in=[run.pk for run in runs]
    )
    found: dict[int, dict[str, Any]] = {run.pk: {} for run in runs}
    for pk, path, number, text in stored.order_by("field__path").values_list(
        "run_id", "field__path", "number", "text"
    ):
        found[pk][path] = text if number is None else number
    return [found[run.pk] for run in runs]


def _surroundings(process: environment.Process) -> dict[str, Any]:
    """What a run ran in, without what is another for every process."""
    git = process.git or Git()
    told = {
        "git commit": git.commit,
        "git branch": git.branch,
        "host": process.host,
        "os": process.os,
        "python": process.python,
        "command": process.command,
        "directory": process.directory,
        "cpu count": process.cpu_count,
        "isoline": process.sdk,
    }
    more = {path[1:]: value for path, value in leaves("", process.more)}
    return {key: value for key, value in told.items() if value} | more


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    return _is_number(value) and math.isfinite(value)
