"""The metrics of one run as its page shows them: how many there are, and the one value each is known by."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from apps.metrics import latest
from apps.metrics.latest import MetricFacts

from .definitions import Dictionary
from .entries import leaves
from .fields import last_means, statistic
from .key_metrics import SYSTEM, key_metrics
from .models import Run

# A run may have a hundred thousand metrics; so many are read and listed, those of the machine last.
MOST_LISTED = 500


@dataclass(frozen=True, slots=True)
class SummaryValue:
    """What a metric is known by. how: the kind of value ("min", "last 100" …), "set" if the run said it itself.

    source: a sentence about where the value comes from. direction: "min", "max" or "".
    """

    name: str
    how: str
    value: Any
    source: str
    unit: str = ""
    direction: str = ""


@dataclass(frozen=True, slots=True)
class RunMetrics:
    """charts, system: the names of all, in order of first appearance. facts: of those that are listed."""

    charts: Sequence[str]
    system: Sequence[str]
    facts: Mapping[str, MetricFacts]
    keys: Sequence[str]
    summary: Sequence[SummaryValue]

    @property
    def unlisted(self) -> int:
        return max(0, len(self.charts) - sum(not name.startswith(SYSTEM) for name in self.facts))

    @property
    def last_time_us(self) -> int | None:
        return max((facts.last_time_us for facts in self.facts.values()), default=None)

    @property
    def last_step(self) -> int | None:
        """Of the training: the machine's own metrics go by the clock."""
        steps = (facts.last_step for name, facts in self.facts.items() if not name.startswith(SYSTEM))
        return max(steps, default=None)


def of_run(run: Run) -> RunMetrics:
    """Two readings of the engine at most, and one query for the definitions."""
    names: list[str] = []

    def choose(all_names: list[str]) -> list[str]:
        names.extend(all_names)
        return sorted(all_names, key=lambda name: name.startswith(SYSTEM))[:MOST_LISTED]

    facts = latest.chosen(run.pk, choose)
    dictionary = Dictionary.of(run.project_id)
    own = {name: each for name, each in facts.items() if not name.startswith(SYSTEM)}
    return RunMetrics(
        charts=[name for name in names if not name.startswith(SYSTEM)],
        system=[name for name in names if name.startswith(SYSTEM)],
        facts=facts,
        keys=key_metrics(list(own), dictionary),
        summary=_summary(run, own, dictionary),
    )


def _summary(run: Run, facts: Mapping[str, MetricFacts], dictionary: Dictionary) -> list[SummaryValue]:
    """What the run has set itself beats what its points say."""
    means = last_means({run.pk: facts}, {run.pk: dictionary}).get(run.pk, {})
    set_by_run = {path[1:]: value for path, value in leaves("", run.summary)}
    values = [
        SummaryValue(name, "set", value, "Set by the run itself, as its summary.")
        for name, value in set_by_run.items()
    ]
    for name in sorted(facts):
        if name not in set_by_run:
            values += _of_metric(name, facts[name], dictionary, means.get(name, math.nan))
    order = {name: place for place, name in enumerate(key_metrics(list(facts), dictionary, limit=len(facts)))}
    return sorted(values, key=lambda each: order.get(each.name, -1))


def _of_metric(
    name: str, facts: MetricFacts, dictionary: Dictionary, mean_of_last: float
) -> list[SummaryValue]:
    definition = dictionary.of_metric(name)
    kinds = list(definition.summary) if definition and definition.summary else ["last"]
    direction = definition.direction if definition else ""
    return [
        SummaryValue(
            name,
            f"mean of last {definition.last_k}"
            if kind == "mean" and definition and definition.last_k
            else kind,
            statistic(kind, facts, definition, mean_of_last),
            _source(direction if kind == "best" and direction else kind, facts),
            unit=definition.unit if definition else "",
            direction=direction,
        )
        for kind in kinds
        if kind != "none"
    ]


def _source(kind: str, facts: MetricFacts) -> str:
    steps = {
        "last": facts.last_step,
        "best": facts.last_step,
        "first": facts.first_step,
        "min": facts.min_step,
        "max": facts.max_step,
    }
    at = f" at step {steps[kind]:,}" if kind in steps else ""
    return f"The {kind} of {facts.count:,} points{at}."
