"""What runs are known by without reading their points: metrics, their latest values and extremes, versions."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

import numpy as np

from apps.metrics import fact_rows, facts, stored_points
from apps.metrics.blocks import METRICS_PER_BLOCK
from apps.metrics.facts import FACT, Facts
from apps.metrics.groups import KINDS, Ids, Kind
from apps.metrics.reading import Choice, Reading, Stored, reading

Value = float | int | bool


@dataclass(frozen=True, slots=True)
class MetricFacts:
    """A metric as its run knows it, in all kinds it has had; kind is that of `last`.

    first and last are the values with the least and the greatest (step, time, value), NaN lowest. min, max, sum,
    mean and m2 (the sum of squared distances from the mean) are over finite values; where there are
    none, min and max are None.
    """

    name: str
    kind: Kind
    count: int
    nan: int
    pinf: int
    ninf: int
    first_step: int
    first_time_us: int
    first: Value
    last_step: int
    last_time_us: int
    last: Value
    min: Value | None
    min_step: int
    max: Value | None
    max_step: int
    sum: float
    mean: float
    m2: float


def version(run: int) -> str:
    """Return what changes whenever a read of the run could: its ETag."""
    return versions([run])[run]


def versions(runs: Sequence[int]) -> dict[int, str]:
    """Return the version of each run; an unknown run has one too."""
    with reading(runs, (), inbox=False) as opened:
        return opened.versions


def metric_list(run: int) -> list[MetricFacts]:
    """Return all metrics of a run with their facts, in order of their first appearance."""
    return list(latest([run])[run].values())


@dataclass(frozen=True, slots=True)
class MetricPage:
    """version: of the run, as the page shows it. total: how many names there are, those without a point included."""

    version: str
    metrics: list[MetricFacts]
    total: int


def metric_page(run: int, *, part: str = "", start: int = 0, limit: int) -> MetricPage:
    """Return some of a run's metrics with their facts, in order of first appearance.

    part: of the names, in any case. A metric keeps its place, so pages do not overlap; one that has no point,
    as all have been truncated, leaves its place empty. Reads the facts of the page and the names of all.
    """
    total = 0
    chosen: list[str] = []

    def choose(names: list[str]) -> list[str]:
        nonlocal total, chosen
        folded = part.casefold()
        there = [name for name in names if folded in name.casefold()] if folded else names
        total, chosen = len(there), there[start : start + limit]
        return chosen

    with reading([run], choose) as opened:
        found = _facts(opened).get(run, [])
    made = _by_name(opened.columns[run].keys, found)
    return MetricPage(opened.versions[run], [made[name] for name in chosen if name in made], total)


def chosen(run: int, choice: Choice) -> dict[str, MetricFacts]:
    """Return name → facts of those metrics that `choice` picks among all names, in order of first appearance."""
    with reading([run], choice) as opened:
        found = _facts(opened).get(run, [])
    return _by_name(opened.columns[run].keys, found)


def latest(runs: Sequence[int], names: Collection[str] | None = None) -> dict[int, dict[str, MetricFacts]]:
    """Return run → name → facts of each metric that has a point, the inbox included. names: None for all."""
    with reading(runs, names) as opened:
        found = _facts(opened)
    return {run: _by_name(opened.columns[run].keys, found.get(run, [])) for run in dict.fromkeys(runs)}


def _by_name(keys: Sequence[tuple[str, Kind]], parts: Sequence[Part]) -> dict[str, MetricFacts]:
    """Return the facts of a run's columns by name, in order of the columns."""
    ids, merged = facts.collapse(
        np.concatenate([np.empty(0, np.int32), *(ids for ids, _ in parts)]),
        facts.concat([each for _, each in parts]),
    )
    there = merged["count"] > 0
    made: dict[str, MetricFacts] = {}
    for name, of_kind in _metric_facts(keys, ids[there], merged[there]):
        made[name] = _together(made[name], of_kind) if name in made else of_kind
    return made


Part = tuple[Ids, Facts]


def _facts(opened: Reading) -> dict[int, list[Part]]:
    """Return run → facts of its places, from what is stored and what waits."""
    found: dict[int, list[Part]] = {}
    by_block = {
        key: list(several)
        for key, several in groupby(
            sorted(opened.stored, key=_block_of),
            key=lambda each: (each.source.source, each.number // METRICS_PER_BLOCK),
        )
    }
    rows = fact_rows.load(opened.session, list(by_block))
    capped: list[Stored] = []
    for key, several in by_block.items():
        row = rows.get(key)
        if row is None:
            continue
        for run, of_run in groupby(several, key=lambda each: each.source.run):
            held = [each for each in of_run if each.number % METRICS_PER_BLOCK < len(row)]
            chosen = row[[each.number % METRICS_PER_BLOCK for each in held]]
            places = np.array([each.place for each in held], np.int32)
            # A parent's facts are the child's only as far as the link goes; beyond, points must be read.
            whole = chosen["last_step"] <= (held[0].source.upto_step if held else 0)
            found.setdefault(run, []).append((places[whole], chosen[whole]))
            capped += [
                each
                for each, fact, fits in zip(held, chosen, whole.tolist(), strict=True)
                if not fits and fact["first_step"] <= each.source.upto_step
            ]
    for run, part in _of_capped(opened, capped):
        found.setdefault(run, []).append(part)
    for run, groups in opened.waiting.items():
        if groups:
            found.setdefault(run, []).append(facts.from_groups(groups))
    return found


def _block_of(stored: Stored) -> tuple[int, int, int, int]:
    return stored.source.source, stored.number // METRICS_PER_BLOCK, stored.source.run, stored.number


def _of_capped(opened: Reading, capped: Sequence[Stored]) -> Iterator[tuple[int, Part]]:
    wanted = stored_points.wanted_members(capped)
    segments = stored_points.find(opened.session, capped, stored_points.Where())
    for start in range(0, len(segments), 64):
        loaded = stored_points.load(opened.session, segments[start : start + 64], wanted)
        for run, groups in loaded.items():
            yield run, facts.from_groups(groups)


def _metric_facts(
    keys: Sequence[tuple[str, Kind]], ids: Ids, merged: Facts
) -> Iterator[tuple[str, MetricFacts]]:
    """Yield (name, facts) of columns, field by field for all of a kind at once."""
    kinds = np.array([KINDS.index(keys[place][1]) for place in ids.tolist()], np.int8)
    made: dict[int, tuple[str, MetricFacts]] = {}
    for number, kind in enumerate(KINDS):
        of_kind = merged[kinds == number]
        has_finite = facts.finite_count(of_kind) > 0
        fields = []
        for name in FACT.names or ():
            column: list[Any] = of_kind[name].tolist()
            if name in {"first", "last", "min", "max"}:
                column = facts.value(np.ascontiguousarray(of_kind[name]), kind).tolist()
            if name in {"min", "max"}:
                column = [value if some else None for value, some in zip(column, has_finite, strict=True)]
            fields.append(column)
        for place, row in zip(ids[kinds == number].tolist(), zip(*fields, strict=True), strict=True):
            made[place] = keys[place][0], MetricFacts(keys[place][0], kind, *row)
    for place in ids.tolist():
        yield made[place]


def _together(one: MetricFacts, other: MetricFacts) -> MetricFacts:
    """Return the facts of a name that has had two kinds."""
    first = min(one, other, key=lambda each: (each.first_step, each.first_time_us, _order(each.first)))
    last = max(one, other, key=lambda each: (each.last_step, each.last_time_us, _order(each.last)))
    lows = [each for each in (one, other) if each.min is not None]
    low = min(lows, key=lambda each: (each.min, each.min_step), default=one)
    high = max(lows, key=lambda each: (each.max, -each.max_step), default=one)
    left, right = (each.count - each.nan - each.pinf - each.ninf for each in (one, other))
    both = max(left + right, 1)
    apart = other.mean - one.mean
    return replace(
        last,
        count=one.count + other.count,
        nan=one.nan + other.nan,
        pinf=one.pinf + other.pinf,
        ninf=one.ninf + other.ninf,
        first_step=first.first_step,
        first_time_us=first.first_time_us,
        first=first.first,
        min=low.min,
        min_step=low.min_step,
        max=high.max,
        max_step=high.max_step,
        sum=one.sum + other.sum,
        mean=(one.mean * left + other.mean * right) / both,
        m2=one.m2 + other.m2 + apart * apart * left * right / both,
    )


def _order(value: Value) -> tuple[bool, Value]:
    return (value == value, value if value == value else 0)
