"""Reads for charts: exact points, and tiles that hold no more than the pixels can show.

A tile costs what its pixels do: wide charts read the buckets of the pyramid, narrow ones the columns, and the
number of statements is the same for one series as for ten thousand.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from apps.base.errors import TooLarge
from apps.metrics import blocks, downsample, stored_buckets, stored_points
from apps.metrics.blocks import Column
from apps.metrics.downsample import Marks, Window
from apps.metrics.groups import Group, Ints, Kind, Values, concat_axes
from apps.metrics.reading import Columns, Reading, reading
from apps.metrics.stored_points import Found, Where

# What `points` and a chart over another metric read at most, over all metrics and runs asked for.
MAX_EXACT_POINTS = 5_000_000
AXES = ("step", "time", "relative")


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
    names: Collection[str] | None,
    *,
    x_min: int | None = None,
    x_max: int | None = None,
    since: str | None = None,
) -> Points:
    """Return all points of metrics with x_min ≤ step ≤ x_max. A name that has had two kinds has two series.

    names: None for all. since: a version; if nothing has changed after it, the series are left out.

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


@dataclass(frozen=True, slots=True, eq=False)
class TileSeries:
    """One metric of one run as a tile shows it. marks.x_*: steps, or µs, or values of the metric that is x.

    kind: f64 for a metric that has had several.
    """

    run: int
    name: str
    kind: Kind
    marks: Marks


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """window: the range shown, as asked or as wide as the data; None if there is not a single point."""

    versions: dict[int, str]
    window: Window | None
    series: tuple[TileSeries, ...]


def tiles(
    runs: Sequence[int],
    names: Collection[str],
    *,
    x: str = "step",
    x_min: float | None = None,
    x_max: float | None = None,
    pixels: int,
    origins: Mapping[int, int] | None = None,
) -> Tiles:
    """Return a tile of each metric of each run that has a point in the range.

    x: `step`, `time` (µs), `relative` (µs after the run's origin), or else the name of a metric: values meet where
    one call of `log()` logged both.
    x_min, x_max: the range; by default that of all the data asked for.
    origins: run → µs, for `relative`; 0 where there is none.

    Raises Invalid for a range without extent or without pixels, TooLarge if a chart over another metric
    would have to read more than five million points.
    """
    if x not in AXES:
        return _over_metric(runs, names, x, x_min, x_max, pixels)
    axis = "step" if x == "step" else "time"
    shifts = {run: int((origins or {}).get(run, 0)) if x == "relative" else 0 for run in runs}
    with reading(runs, names) as opened:
        window = _window(opened, axis, shifts, x_min, x_max, pixels)
        if window is None:
            return Tiles(opened.versions, None, ())
        where = Where(axis, {run: _bounds(window, shift) for run, shift in shifts.items()})
        is_zoomed = x_min is not None or x_max is not None
        marks = _Marks(opened, axis, window, shifts)
        marks.add_stored(where, is_zoomed=is_zoomed)
    series = []
    for run in dict.fromkeys(runs):
        columns = opened.columns[run]
        for name, places in columns.by_name().items():
            made = marks.tile(run, places)
            if made is not None and len(made):
                series.append(TileSeries(run, name, _kind(columns, places), made))
    return Tiles(opened.versions, window, tuple(series))


def _kind(columns: Columns, places: Sequence[int]) -> Kind:
    """Return the kind that holds the values of all these columns."""
    kinds = {columns.keys[place][1] for place in places}
    return kinds.pop() if len(kinds) == 1 else "f64"


def _bounds(window: Window, shift: int) -> tuple[int, int]:
    """Return the whole numbers of the axis inside a window that begins at `shift`."""
    low = math.ceil(window.x_min) + shift
    high = math.floor(window.x_max) + shift
    return max(low, stored_points.LEAST), min(high, stored_points.GREATEST)


def _window(
    opened: Reading,
    axis: str,
    shifts: Mapping[int, int],
    x_min: float | None,
    x_max: float | None,
    pixels: int,
) -> Window | None:
    if x_min is None or x_max is None:
        ends = [
            (low - shifts[run], high - shifts[run])
            for run, low, high in stored_points.extents(opened.session, opened.stored, axis)
        ]
        for run, groups in opened.waiting.items():
            for group in groups:
                xs = getattr(group.axis, axis)
                ends.append((int(xs.min()) - shifts[run], int(xs.max()) - shifts[run]))
        if not ends:
            return None
        # What is not asked for is as wide as the data, and at least as wide as the other end.
        low = min(end[0] for end in ends) if x_min is None else x_min
        high = max(end[1] for end in ends) if x_max is None else x_max
        x_min, x_max = (min(low, high), high) if x_min is None else (low, max(low, high))
    return Window(x_min, x_max, pixels)


class _Marks:
    """The marks of all series of a reading, gathered from buckets, columns and the inbox."""

    def __init__(self, opened: Reading, axis: str, window: Window, shifts: Mapping[int, int]) -> None:
        self._opened = opened
        self._axis = axis
        self._shifts = shifts
        self._windows = {run: window.shifted(shift) for run, shift in shifts.items()}
        self._window = window
        self._marks: dict[tuple[int, int], list[Marks]] = {}
        self._points: dict[tuple[int, int], list[tuple[Ints, Values]]] = {}
        for run, groups in opened.waiting.items():
            self._add_points(run, groups)

    def add_stored(self, where: Where, *, is_zoomed: bool) -> None:
        session, stored = self._opened.session, self._opened.stored
        half_pixel = self._window.half_pixel
        wanted = stored_points.wanted_members(stored)
        found = stored_points.find(session, stored, where, half_pixel=half_pixel)
        if is_zoomed:
            found += stored_points.find_beside(session, stored, where, found)
        as_buckets: list[Found] = []
        as_points: list[Found] = []
        for each in found:
            fits = each.is_columnar and each.widest <= half_pixel and each.step_max <= each.source.upto_step
            (as_buckets if fits else as_points).append(each)
        above = stored_buckets.find(session, stored, where, half_pixel)
        for (run, place), buckets in stored_buckets.load(session, as_buckets, above, wanted).items():
            self._marks[run, place] = [
                downsample.from_buckets(buckets, "step" if self._axis == "step" else "time")
            ]
        for run, groups in stored_points.load(session, as_points, wanted).items():
            self._add_points(run, groups)

    def _add_points(self, run: int, groups: Iterable[Group]) -> None:
        for group in groups:
            xs = getattr(group.axis, self._axis)
            for part in group.columns:
                for place, values in zip(part.ids.tolist(), part.values, strict=True):
                    self._points.setdefault((run, place), []).append((xs, values))

    def tile(self, run: int, places: Sequence[int]) -> Marks | None:
        """Return the tile of the columns that make up one name."""
        parts: list[Marks] = []
        for place in places:
            parts += self._marks.get((run, place), [])
            points = self._points.get((run, place))
            if points:
                xs = np.concatenate([each for each, _ in points])
                values = np.concatenate([each for _, each in points])
                parts.append(downsample.from_points(xs, values, self._windows[run]))
        if not parts:
            return None
        return downsample.tile(parts, self._windows[run]).shifted(self._shifts[run])


# Over another metric


def _over_metric(
    runs: Sequence[int],
    names: Collection[str],
    x: str,
    x_min: float | None,
    x_max: float | None,
    pixels: int,
) -> Tiles:
    with reading(runs, [*names, x]) as opened:
        groups = _exact(opened, Where())
    joined: list[tuple[int, str, Kind, list[tuple[Values, Values]]]] = []
    for run in dict.fromkeys(runs):
        places = opened.columns[run].by_name()
        x_column = _as_numbers(groups[run], places.get(x, []))
        if x_column is None:
            continue
        for name in names:
            met = []
            for place in places.get(name, []):
                column = blocks.column(groups[run], place)
                if column is not None:
                    of_x, of_y = blocks.join(x_column, column)
                    held = np.isfinite(of_x.values)
                    met.append((of_x.values[held], of_y.values[held]))
            if any(len(each) for each, _ in met):
                joined.append((run, name, _kind(opened.columns[run], places[name]), met))
    xs = [each for *_, met in joined for each, _ in met if len(each)]
    if not xs:
        return Tiles(opened.versions, None, ())
    low = min(float(each.min()) for each in xs) if x_min is None else x_min
    high = max(float(each.max()) for each in xs) if x_max is None else x_max
    window = Window(low, max(low, high), pixels)
    series = [
        TileSeries(
            run,
            name,
            kind,
            downsample.tile([downsample.from_points(*each, window) for each in met], window),
        )
        for run, name, kind, met in joined
    ]
    return Tiles(opened.versions, window, tuple(each for each in series if len(each.marks)))


def _as_numbers(groups: Sequence[Group], places: Sequence[int]) -> Column | None:
    """Return the points of a name, whatever kinds it has had, as float64 in order."""
    found = [column for place in places if (column := blocks.column(groups, place)) is not None]
    if not found:
        return None
    axis = concat_axes([column.axis for column in found])
    values = np.concatenate([column.values.astype(np.float64) for column in found])
    order = blocks.ordering(axis)
    if order is not None:
        axis, values = axis.take(order), values[order]
    return Column("f64", axis, values)
