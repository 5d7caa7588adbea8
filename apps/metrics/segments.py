"""Segments: groups cut to size, made into rows of the segment table, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from apps.metrics import envelope, sheaf
from apps.metrics.blocks import METRICS_PER_BLOCK
from apps.metrics.codec import (
    COLUMNAR_FROM_ROWS,
    LETTERS,
    Packed,
    decode_axis,
    encode_axis,
    pack,
    unpack,
)
from apps.metrics.envelope import Spans
from apps.metrics.groups import Axis, Columns, Group
from apps.metrics.models import Segment
from apps.metrics.session import Row, Session

# A group of at least so many rows is sealed: cut into segments of about SEALED_ROWS, none shorter than this.
SEALED_FROM_ROWS = 8_192
SEALED_ROWS = 16_384
MAX_POINTS = 262_144
LARGEST = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Draft:
    """A row of the segment table without its place in the run: values in the order of COLUMNS."""

    block: int
    is_sealed: bool
    points: int
    values: tuple[Any, ...]


COLUMNS = {
    "run": "int8",
    "block": "int4",
    "id": "int8",
    "level": "int2",
    "epoch": "int8",
    "members": "int2[]",
    "kinds": "text",
    "rows": "int8",
    "longest": "int4",
    "points": "int4",
    "is_columnar": "bool",
    "step_min": "int8",
    "step_max": "int8",
    "time_min": "int8",
    "time_max": "int8",
    "first_time": "int8",
    "last_time": "int8",
    "widest_step": "int8",
    "widest_time": "int8",
    "axis": "bytea",
    "data": "bytea",
    "offsets": "int4[]",
    "envelope": "bytea",
    "envelope_offsets": "int4[]",
}


def draft(groups: Iterable[Group], *, seal: bool = True) -> list[Draft]:
    """Return the segments that hold these sorted groups, each group with one Columns per kind.

    Small groups of a block share one segment. Long ones are sealed, unless `seal` is false.
    """
    drafts: list[Draft] = []
    small: dict[int, list[Group]] = {}
    for group in groups:
        for block, piece in cut(group):
            if piece.rows < COLUMNAR_FROM_ROWS:
                small.setdefault(block, []).append(piece)
            else:
                drafts.append(_columnar(block, piece, is_sealed=seal and piece.rows >= SEALED_FROM_ROWS))
    drafts += [_sheaf(block, pieces) for block, pieces in small.items()]
    return drafts


def cut(group: Group) -> Iterator[tuple[int, Group]]:
    """Yield (block, piece): each of one block of 256 numbers, and of a size to be one segment.

    Rows are cut evenly, so that a long group leaves no short rest to be rewritten later. Columns are cut
    by 16 once a group is long, always at the same ids: the segments of a metric keep their members.
    """
    pieces = max(1, round(group.rows / SEALED_ROWS)) if group.rows >= SEALED_FROM_ROWS else 1
    bounds = [group.rows * piece // pieces for piece in range(pieces + 1)]
    most = METRICS_PER_BLOCK
    while most > 16 and most * (group.rows // pieces) > MAX_POINTS:
        most //= 2
    for block, columns in _cut_columns(group.columns, most):
        narrow = Group(group.axis, columns)
        if pieces == 1:
            yield block, narrow
            continue
        for start, stop in pairwise(bounds):
            yield block, narrow.take(slice(start, stop))


def _cut_columns(columns: Sequence[Columns], most: int) -> Iterator[tuple[int, tuple[Columns, ...]]]:
    first = min(int(part.ids[0]) for part in columns) // METRICS_PER_BLOCK
    last = max(int(part.ids[-1]) for part in columns) // METRICS_PER_BLOCK
    if first == last and sum(map(len, columns)) <= most:
        yield first, tuple(columns)
        return
    ids = np.sort(np.concatenate([part.ids for part in columns]))
    edges = np.searchsorted(ids, np.arange(first, last + 2) * METRICS_PER_BLOCK).tolist()
    for start, stop in pairwise(edges):
        for at in range(start, stop, most):
            low, high = int(ids[at]), int(ids[min(at + most, stop) - 1])
            chosen = []
            for part in columns:
                here = slice(*np.searchsorted(part.ids, (low, high + 1)).tolist())
                if here.start < here.stop:
                    chosen.append(Columns(part.kind, part.ids[here], part.values[here]))
            yield low // METRICS_PER_BLOCK, tuple(chosen)


def _columnar(block: int, group: Group, *, is_sealed: bool) -> Draft:
    packed = pack(group)
    pyramid, pyramid_offsets = envelope.encode(group)
    spans = envelope.spans_of(group.axis, np.arange(0, group.rows, envelope.TIER_0_ROWS))
    widest_step, widest_time = widest(spans)
    return Draft(
        block=block,
        is_sealed=is_sealed,
        points=group.points,
        values=(
            [metric - block * METRICS_PER_BLOCK for metric in packed.metrics],
            packed.kinds,
            group.rows,
            group.rows,
            group.points,
            True,
            *_bounds([group.axis]),
            widest_step,
            widest_time,
            encode_axis(group.axis),
            packed.data,
            packed.offsets,
            pyramid,
            pyramid_offsets,
        ),
    )


def _sheaf(block: int, groups: Sequence[Group]) -> Draft:
    first_metric = block * METRICS_PER_BLOCK
    letters = {
        metric - first_metric: LETTERS[part.kind]
        for group in groups
        for part in group.columns
        for metric in part.ids.tolist()
    }
    members = sorted(letters)
    points = sum(group.points for group in groups)
    return Draft(
        block=block,
        is_sealed=False,
        points=points,
        values=(
            members,
            "".join(map(letters.__getitem__, members)),
            sum(group.rows for group in groups),
            max(group.rows for group in groups),
            points,
            False,
            *_bounds([group.axis for group in groups]),
            # Never to be taken as buckets.
            LARGEST,
            LARGEST,
            b"",
            sheaf.encode(groups, first_metric),
            [],
            b"",
            [],
        ),
    )


def _bounds(axes: Sequence[Axis]) -> tuple[int, ...]:
    """Return step_min, step_max, time_min, time_max, first_time, last_time of sorted axes."""
    ends = [(int(axis.step[0]), int(axis.time[0]), int(axis.step[-1]), int(axis.time[-1])) for axis in axes]
    first, last = min((end[0], end[1]) for end in ends), max((end[2], end[3]) for end in ends)
    return (
        first[0],
        last[0],
        min(int(axis.time.min()) for axis in axes),
        max(int(axis.time.max()) for axis in axes),
        first[1],
        last[1],
    )


def widest(spans: Spans) -> tuple[int, int]:
    """Return the greatest width of a bucket in steps and in µs, at most 2**63 - 1."""
    return (
        min(LARGEST, int((spans.step_last.view(np.uint64) - spans.step_first.view(np.uint64)).max())),
        min(LARGEST, int((spans.time_max.view(np.uint64) - spans.time_min.view(np.uint64)).max())),
    )


def store(session: Session, rows: Iterable[tuple[int, int, int, int, Draft]]) -> None:
    """Insert drafts, each given as (run, id, level, epoch, draft)."""
    session.copy(
        "metrics_segment",
        COLUMNS,
        (
            (run, each.block, number, Segment.SEALED if each.is_sealed else level, epoch, *each.values)
            for run, number, level, epoch, each in rows
        ),
    )


# What groups() reads, for a SELECT from metrics_segment s.
WHOLE = "s.block, s.members, s.kinds, s.rows, s.is_columnar, s.axis, s.data, s.offsets"


def groups(row: Row) -> list[Group]:
    """Return the groups of a segment read as WHOLE."""
    block, members, kinds, rows, is_columnar, axis, data, offsets = row
    first_metric = block * METRICS_PER_BLOCK
    if not is_columnar:
        return sheaf.decode(data, first_metric)
    packed = Packed([member + first_metric for member in members], kinds, True, offsets, data)
    return [Group(decode_axis(axis, rows), unpack(packed, rows))]
