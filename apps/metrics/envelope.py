"""Buckets: what is kept of a stretch of rows so that a chart stays exact at every zoom.

Buckets of one stretch share where it lies (Spans); each column adds what its values did there. Rows are in
the engine's order, so neighbouring buckets can be united for ever without looking at the points.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.metrics.codec import by_kind, decode_frame, decode_part, encode_frame, encode_part
from apps.metrics.groups import Axis, Group, Ids, Ints, Kind, Values

TIER_0_ROWS = 256
FAN_OUT = 16
Floats = NDArray[np.float64]

_EXTREMES = ("first", "last", "min", "max")
_COUNTS = ("nan", "pinf", "ninf")


@dataclass(frozen=True, slots=True, eq=False)
class Spans:
    """Where b buckets lie; all int64[b]. step_first and step_last are the least and greatest step."""

    rows: Ints
    step_first: Ints
    step_last: Ints
    time_min: Ints
    time_max: Ints

    def __len__(self) -> int:
        return len(self.rows)

    def united(self, starts: NDArray[Any]) -> Spans:
        """Return one span per run of neighbours; starts: where each run begins, rising from 0."""
        return Spans(
            np.add.reduceat(self.rows, starts),
            np.minimum.reduceat(self.step_first, starts),
            np.maximum.reduceat(self.step_last, starts),
            np.minimum.reduceat(self.time_min, starts),
            np.maximum.reduceat(self.time_max, starts),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Stretches:
    """What the values of k columns did in each of b buckets; every array is [k, b].

    first, last, min, max are over finite values, bit by bit (NaN where a bucket has none): float64 for f64,
    int64 for i64 and, as 0 and 1, for bool. sum is float64, 0 where there are none; it overflows to ±Inf or
    NaN. nan, pinf, ninf count what is not finite.
    """

    first: Values
    last: Values
    min: Values
    max: Values
    sum: Floats
    nan: Ints
    pinf: Ints
    ninf: Ints

    def united(self, rows: Ints, starts: NDArray[Any]) -> Stretches:
        """Return one bucket per run of neighbours.

        rows: int64[b], of these buckets. starts: where each run begins, rising from 0.
        """
        with np.errstate(over="ignore", invalid="ignore"):
            total = np.add.reduceat(self.sum, starts, axis=1)
        counts = [np.add.reduceat(part, starts, axis=1) for part in (self.nan, self.pinf, self.ninf)]
        if self.min.dtype != np.float64:
            stops = np.append(starts, len(rows))[1:] - 1
            return Stretches(
                self.first[:, starts],
                self.last[:, stops],
                np.minimum.reduceat(self.min, starts, axis=1),
                np.maximum.reduceat(self.max, starts, axis=1),
                total,
                *counts,
            )
        has_values = rows > self.nan + self.pinf + self.ninf
        first, last = _ends(has_values, starts)
        return Stretches(
            np.take_along_axis(self.first, first, axis=1),
            np.take_along_axis(self.last, last, axis=1),
            np.fmin.reduceat(self.min, starts, axis=1),
            np.fmax.reduceat(self.max, starts, axis=1),
            total,
            *counts,
        )

    def columns(self, chosen: slice | NDArray[Any]) -> Stretches:
        return Stretches(*(part[chosen] for part in self.arrays()))

    def buckets(self, chosen: slice | NDArray[Any]) -> Stretches:
        return Stretches(*(part[:, chosen] for part in self.arrays()))

    def arrays(self) -> tuple[NDArray[Any], ...]:
        return (self.first, self.last, self.min, self.max, self.sum, self.nan, self.pinf, self.ninf)


@dataclass(frozen=True, slots=True, eq=False)
class Buckets:
    """b buckets of k metrics of one kind: spans[b], ids int32[k], values [k, b]."""

    kind: Kind
    ids: Ids
    spans: Spans
    values: Stretches

    def united(self, starts: NDArray[Any]) -> Buckets:
        """Return one bucket per run of neighbours; starts: where each run begins, rising from 0."""
        return Buckets(
            self.kind, self.ids, self.spans.united(starts), self.values.united(self.spans.rows, starts)
        )

    def coarser(self) -> Buckets:
        """Return the next tier: each 16 neighbours, counted from the first, united; the last maybe fewer."""
        return self.united(np.arange(0, len(self.spans), FAN_OUT))

    def column(self, metric: int) -> Buckets:
        """Return the buckets of one metric. Raises KeyError if it is not there."""
        place = np.flatnonzero(self.ids == metric)
        if not len(place):
            raise KeyError(metric)
        return Buckets(self.kind, self.ids[place], self.spans, self.values.columns(place))


def from_group(group: Group, *, bucket_rows: int = TIER_0_ROWS) -> list[Buckets]:
    """Return the buckets of a sorted group, one Buckets per kind; the last may have fewer rows."""
    starts = np.arange(0, group.rows, bucket_rows)
    spans = spans_of(group.axis, starts)
    return [
        Buckets(part.kind, part.ids, spans, stretches_of(part.values, starts))
        for part in by_kind(group.columns)
    ]


def spans_of(axis: Axis, starts: NDArray[Any]) -> Spans:
    """Return where the runs of rows lie that begin at starts (rising from 0)."""
    return Spans(
        np.diff(np.append(starts, len(axis))),
        np.minimum.reduceat(axis.step, starts),
        np.maximum.reduceat(axis.step, starts),
        np.minimum.reduceat(axis.time, starts),
        np.maximum.reduceat(axis.time, starts),
    )


def stretches_of(values: Values, starts: NDArray[Any]) -> Stretches:
    """Return what k columns (values of any kind, [k, n]) did in the runs of rows that begin at starts."""
    stops = np.append(starts, values.shape[1])[1:] - 1
    shape = (len(values), len(starts))
    if values.dtype != np.float64:
        whole = values.astype(np.int64, copy=False)
        none = np.zeros(shape, np.int64)
        return Stretches(
            whole[:, starts],
            whole[:, stops],
            np.minimum.reduceat(whole, starts, axis=1),
            np.maximum.reduceat(whole, starts, axis=1),
            np.add.reduceat(whole.astype(np.float64), starts, axis=1),
            none,
            none,
            none,
        )
    finite = np.isfinite(values)
    with np.errstate(over="ignore", invalid="ignore"):
        if finite.all():
            none = np.zeros(shape, np.int64)
            return Stretches(
                values[:, starts],
                values[:, stops],
                np.minimum.reduceat(values, starts, axis=1),
                np.maximum.reduceat(values, starts, axis=1),
                np.add.reduceat(values, starts, axis=1),
                none,
                none,
                none,
            )
        only = np.where(finite, values, np.nan)
        first, last = _ends(finite, starts)
        return Stretches(
            np.take_along_axis(only, first, axis=1),
            np.take_along_axis(only, last, axis=1),
            np.fmin.reduceat(only, starts, axis=1),
            np.fmax.reduceat(only, starts, axis=1),
            np.add.reduceat(np.where(finite, values, 0.0), starts, axis=1),
            np.add.reduceat(np.isnan(values), starts, axis=1, dtype=np.int64),
            np.add.reduceat(np.isposinf(values), starts, axis=1, dtype=np.int64),
            np.add.reduceat(np.isneginf(values), starts, axis=1, dtype=np.int64),
        )


def _ends(held: NDArray[np.bool_], starts: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the first and the last index held (bool[k, n]) in each run; any index of the run if none is."""
    count = held.shape[1]
    index = np.arange(count)
    stops = np.append(starts, count)[1:] - 1
    first = np.minimum.reduceat(np.where(held, index, count), starts, axis=1)
    last = np.maximum.reduceat(np.where(held, index, -1), starts, axis=1)
    return np.minimum(first, stops), np.maximum(last, starts)


def concat(parts: Sequence[Buckets]) -> Buckets:
    """Return the buckets of the same metrics, one part after the other.

    parts: at least one, all of one kind and with equal ids.
    """
    if len(parts) == 1:
        return parts[0]
    spans = Spans(
        np.concatenate([part.spans.rows for part in parts]),
        np.concatenate([part.spans.step_first for part in parts]),
        np.concatenate([part.spans.step_last for part in parts]),
        np.concatenate([part.spans.time_min for part in parts]),
        np.concatenate([part.spans.time_max for part in parts]),
    )
    arrays = zip(*(part.values.arrays() for part in parts), strict=True)
    values = Stretches(*(np.concatenate(arrays_of, axis=1) for arrays_of in arrays))
    return Buckets(parts[0].kind, parts[0].ids, spans, values)


def encode_spans(spans: Spans) -> bytes:
    return encode_frame(
        [
            encode_part(part)
            for part in (spans.rows, spans.step_first, spans.step_last, spans.time_min, spans.time_max)
        ]
    )


def decode_spans(frame: bytes | memoryview, count: int) -> Spans:
    """Return the spans of `count` buckets. Raises CorruptSegment."""
    integers = np.dtype("<i8")
    return Spans(*(decode_part(part, integers, count) for part in decode_frame(frame, 5)))


def encode_column(buckets: Buckets, place: int) -> bytes:
    """Return the values of the place-th metric as a frame: extremes, sums, counts."""
    values = buckets.values
    return encode_frame(
        [
            encode_part(np.concatenate([getattr(values, name)[place] for name in _EXTREMES])),
            encode_part(values.sum[place]),
            encode_part(np.concatenate([getattr(values, name)[place] for name in _COUNTS])),
        ]
    )


def decode_column(frame: bytes | memoryview, kind: Kind, metric: int, spans: Spans) -> Buckets:
    """Return the buckets of one metric. Raises CorruptSegment."""
    extremes, sums, counts = decode_frame(frame, 3)
    count = len(spans)
    of_values = np.dtype("<f8") if kind == "f64" else np.dtype("<i8")
    first, last, least, greatest = decode_part(extremes, of_values, 4 * count).reshape(4, 1, count)
    nan, pinf, ninf = decode_part(counts, np.dtype("<i8"), 3 * count).reshape(3, 1, count)
    total = decode_part(sums, np.dtype("<f8"), count).reshape(1, count)
    return Buckets(
        kind,
        np.array([metric], np.int32),
        spans,
        Stretches(first, last, least, greatest, total, nan, pinf, ninf),
    )


def encode(group: Group) -> tuple[bytes, list[int]]:
    """Return the envelope of a sorted segment and its offsets: the spans, then a frame per metric, ascending.

    The spans lie in offsets[0]:offsets[1], the i-th metric in offsets[i + 1]:offsets[i + 2].
    """
    parts = from_group(group)
    frames = {
        int(metric): encode_column(part, place) for part in parts for place, metric in enumerate(part.ids)
    }
    pieces = [encode_spans(parts[0].spans), *(frames[metric] for metric in sorted(frames))]
    return b"".join(pieces), np.cumsum([0, *map(len, pieces)]).tolist()


def bucket_count(rows: int) -> int:
    """Return how many tier-0 buckets a segment of `rows` rows has."""
    return -(-rows // TIER_0_ROWS)
