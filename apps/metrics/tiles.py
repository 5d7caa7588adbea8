"""Reads for charts: exact points, and tiles that hold no more than the pixels can show.

A tile costs what its pixels do: wide charts read the buckets of the pyramid, narrow ones the columns, and the
number of statements is the same for one series as for ten thousand.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.base.errors import TooLarge
from apps.metrics import blocks, downsample, stored_points
from apps.metrics.downsample import Marks, Window
from apps.metrics.groups import Group, Ints, Kind, Values
from apps.metrics.reading import Reading, reading
from apps.metrics.stored_points import Where

# What `points` and a chart over another metric read at most, in points of one metric.
MAX_EXACT_POINTS = 5_000_000


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """Points of one metric and kind, sorted by (step, time, stream, row), bit by bit as logged."""

    name: str
    kind: Kind
    step: Ints
    time_us: Ints
    values: Values


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """series: None if the version asked about is still the newest."""

    version: str
    series: tuple[Series, ...] | None


def points(
    run: int,
    names: Collection[str],
    *,
    x_min: int | None = None,
    x_max: int | None = None,
    since: str | None = None,
) -> Points:
    """Return all points of metrics with x_min ≤ step ≤ x_max. A name that has had two kinds has two series.

    since: a version; if nothing has changed after it, the series are left out.

    Raises TooLarge above five million points.
    """
    where = _range(run, x_min, x_max)
    with reading([run], names) as opened:
        version = opened.versions[run]
        if since == version:
            return Points(version, None)
        groups = _exact(opened, where).get(run, [])
        columns = opened.columns[run]
    low, high = where.of(run)
    groups = blocks.take_rows(groups, [(g.axis.step >= low) & (g.axis.step <= high) for g in groups])
    made = []
    for place, (name, kind) in enumerate(columns.keys):
        column = blocks.column(groups, place)
        if column is not None:
            made.append(Series(name, kind, column.axis.step, column.axis.time, column.values))
    return Points(version, tuple(made))


def _range(run: int, x_min: int | None, x_max: int | None) -> Where:
    low = stored_points.LEAST if x_min is None else x_min
    high = stored_points.GREATEST if x_max is None else x_max
    return Where("step", {run: (low, high)})


def _exact(opened: Reading, where: Where) -> dict[int, list[Group]]:
    """Return run → groups with all points of the range, and some beside it."""
    found = stored_points.find(opened.session, opened.stored, where)
    if sum(each.rows for each in found) > MAX_EXACT_POINTS:
        raise TooLarge(
            f"More than {MAX_EXACT_POINTS:,} points: ask for a tile, an export or a shorter range."
        )
    loaded = stored_points.load(opened.session, found, stored_points.wanted_members(opened.stored))
    return {run: loaded.get(run, []) + opened.waiting[run] for run in opened.columns}
