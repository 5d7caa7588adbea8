"""Tiles: what a chart of so many pixels shows of a stretch of a series, exactly and no more.

A tile is a run of marks, each the union of neighbouring points or stored buckets that lie within half a
pixel. Its marks together hold exactly the points of its range, and one more mark on either side, so that
lines leave the frame.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from apps.base.errors import Invalid
from apps.metrics.envelope import Buckets, Stretches, stretches_of
from apps.metrics.groups import Ints, Values

MAX_PIXELS = 16_384
Xs = NDArray[Any]  # int64 steps or microseconds; float64 where another metric is the x


@dataclass(frozen=True, slots=True)
class Window:
    """The range of x a chart shows, both ends included, and its width. Raises Invalid if it has none."""

    x_min: float
    x_max: float
    pixels: int

    def __post_init__(self) -> None:
        if not 1 <= self.pixels <= MAX_PIXELS:
            raise Invalid(f"A tile is 1 to {MAX_PIXELS} pixels wide.")
        if not (math.isfinite(self.x_min) and math.isfinite(self.x_max) and self.x_min <= self.x_max):
            raise Invalid("A tile's range needs two finite ends, the lower first.")

    @property
    def half_pixel(self) -> float:
        """What half a pixel is in units of x: the width that no mark made of several may pass."""
        return (self.x_max - self.x_min) / (2 * self.pixels)

    def shifted(self, by: int) -> Window:
        """Return the window moved right: a window relative to `by` as one of wall time."""
        return Window(self.x_min + by, self.x_max + by, self.pixels)


@dataclass(frozen=True, slots=True, eq=False)
class Marks:
    """Stretches of one series, sorted by (x_first, x_last); all arrays [b].

    x_first, x_last: int64 or float64. y_*: float64, or int64 for i64 and bool; over finite values, NaN
    if there are none.
    """

    x_first: Xs
    x_last: Xs
    y_first: Values
    y_last: Values
    y_min: Values
    y_max: Values
    sum: NDArray[np.float64]
    count: Ints
    nan: Ints
    pinf: Ints
    ninf: Ints

    def __len__(self) -> int:
        return len(self.count)

    def take(self, chosen: slice | NDArray[Any]) -> Marks:
        return Marks(*(getattr(self, name)[chosen] for name in self.__slots__))

    def shifted(self, by: int) -> Marks:
        """Return the marks moved left by `by`: wall times made relative."""
        rest = {name: getattr(self, name) for name in self.__slots__[2:]}
        return Marks(self.x_first - by, self.x_last - by, **rest)


def from_buckets(buckets: Buckets, x: Literal["step", "time"]) -> Marks:
    """Return the stored buckets of one metric (k = 1) as marks, in their own order."""
    spans = buckets.spans
    first, last = (spans.step_first, spans.step_last) if x == "step" else (spans.time_min, spans.time_max)
    return _marks(first, last, spans.rows, buckets.values)


def from_points(x: Xs, values: Values, window: Window) -> Marks:
    """Return the points of one series in the window, and one on either side, as marks of a tile.

    x: [n] in any order (a NaN has no place and is left out). values: [n] of any kind.
    """
    if x.dtype.kind == "f" and np.isnan(x).any():
        x, values = x[~np.isnan(x)], values[~np.isnan(x)]
    if (x[1:] < x[:-1]).any():
        order = np.argsort(x, kind="stable")
        x, values = x[order], values[order]
    left, right = _ends(x, window)
    start = max(int(np.searchsorted(x, left, side="left")) - 1, 0)
    stop = int(np.searchsorted(x, right, side="right")) + 1
    x, values = x[start:stop], values[start:stop]
    if len(x) <= 2 * window.pixels + 2:
        starts = np.arange(len(x))
    else:
        starts = _runs(*_places(x, x, window))
    bounds = np.append(starts, len(x))
    return _marks(x[starts], x[bounds[1:] - 1], np.diff(bounds), stretches_of(values[None], starts))


def inside(x_first: Xs, x_last: Xs, window: Window) -> NDArray[np.bool_]:
    """Tell which stretches a tile holds: those that touch its window, and the nearest on either side."""
    left, right = _ends(x_first, window)
    before, after = x_last < left, x_first > right
    held: NDArray[np.bool_] = ~(before | after)
    if before.any():
        places = np.flatnonzero(before)
        # Of equals the last in order is the nearest.
        held[places[len(places) - 1 - np.argmax(x_last[places][::-1])]] = True
    if after.any():
        places = np.flatnonzero(after)
        held[places[np.argmin(x_first[places])]] = True
    return held


def too_wide(x_first: Xs, x_last: Xs, window: Window) -> NDArray[np.bool_]:
    """Tell which stretches touch the window and are wider than half a pixel: they must be read finer."""
    left, right = _ends(x_first, window)
    touching: NDArray[np.bool_] = (x_last >= left) & (x_first <= right)
    return touching & (_distance(x_first, x_last) > window.half_pixel)


def tile(parts: Sequence[Marks], window: Window) -> Marks:
    """Return the tile of marks that were read from several places of one series.

    Marks outside the window are left out but for the nearest on either side. If more are left than
    two a pixel, neighbours that together are at most half a pixel wide are united: at most one mark
    for each half pixel is made of several, and marks that reach over the edge of one stay as they are.
    """
    parts = [part for part in parts if len(part)] or list(parts[:1])
    whole = Marks(*(np.concatenate([getattr(part, name) for part in parts]) for name in Marks.__slots__))
    whole = whole.take(np.lexsort((whole.x_last, whole.x_first)))
    whole = whole.take(inside(whole.x_first, whole.x_last, window))
    if len(whole) <= 2 * window.pixels + 2:
        return whole
    place, alone = _places(whole.x_first, whole.x_last, window)
    # Marks of one half pixel are made neighbours; one that reaches over its edge goes after them.
    order = np.lexsort((alone, place))
    whole, place, alone = whole.take(order), place[order], alone[order]
    starts = _runs(place, alone)
    united = _stretches(whole).united(whole.count, starts)
    made = _marks(
        np.minimum.reduceat(whole.x_first, starts),
        np.maximum.reduceat(whole.x_last, starts),
        np.add.reduceat(whole.count, starts),
        united,
    )
    return made.take(np.lexsort((made.x_last, made.x_first)))


def _places(x_first: Xs, x_last: Xs, window: Window) -> tuple[Ints, NDArray[np.bool_]]:
    """Return the half pixel each stretch begins in, counted from 0, and whether it must stay alone.

    Alone is what reaches into another half pixel or out of the window; left of the window is place -1.
    """
    left, right = _ends(x_first, window)
    first, last = _half_pixels(x_first, left, window), _half_pixels(x_last, left, window)
    outside = (x_first < left) | (x_last > right)
    first[x_first < left] = -1
    return first, outside | (first != last)


def _half_pixels(x: Xs, left: Any, window: Window) -> Ints:
    if window.half_pixel == 0:
        return np.zeros(len(x), np.int64)
    # Places beyond the right end are of no use, and their numbers would not fit.
    places = np.minimum(_distance(left, np.maximum(x, left)) / window.half_pixel, 2.0 * window.pixels)
    return places.astype(np.int64)


def _ends(x: Xs, window: Window) -> tuple[Any, Any]:
    """Return the ends of the window as numbers of x's type, so that no integer is compared as a float."""
    if x.dtype.kind == "f":
        return np.float64(window.x_min), np.float64(window.x_max)
    limits = np.iinfo(np.int64)
    left, right = math.ceil(window.x_min), math.floor(window.x_max)
    return (
        np.int64(min(max(left, limits.min), limits.max)),
        np.int64(min(max(right, limits.min), limits.max)),
    )


def _distance(first: Any, last: Any) -> NDArray[np.float64]:
    """Return last - first ≥ 0 as float64, exact up to its rounding also where int64 would overflow."""
    distance: NDArray[np.float64]
    if last.dtype.kind == "i":
        distance = (last.view(np.uint64) - np.asarray(first).view(np.uint64)).astype(np.float64)
    else:
        with np.errstate(invalid="ignore", over="ignore"):
            distance = np.asarray(last - first)
    return distance


def _runs(place: Ints, alone: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Return where the runs begin of neighbours that share a place and of which none stays alone."""
    begins = np.append(True, (place[1:] != place[:-1]) | alone[1:] | alone[:-1])[: len(place)]
    return np.flatnonzero(begins)


def _stretches(marks: Marks) -> Stretches:
    return Stretches(
        marks.y_first[None],
        marks.y_last[None],
        marks.y_min[None],
        marks.y_max[None],
        marks.sum[None],
        marks.nan[None],
        marks.pinf[None],
        marks.ninf[None],
    )


def _marks(x_first: Xs, x_last: Xs, rows: Ints, values: Stretches) -> Marks:
    return Marks(
        x_first,
        x_last,
        values.first[0],
        values.last[0],
        values.min[0],
        values.max[0],
        values.sum[0],
        rows,
        values.nan[0],
        values.pinf[0],
        values.ninf[0],
    )
