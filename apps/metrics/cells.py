"""Scattered points made into dense groups: columns that have the same rows share an axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.metrics.groups import Axis, Columns, Group, Ids, Ints, Kind, Values


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """Points of one kind in any order: value values[i] of column ids[i] on row rows[i] of some axis.

    A pair of column and row stands once. An id belongs to one kind.
    """

    kind: Kind
    ids: Ids
    rows: Ints
    values: Values


def dense(axis: Axis, cells: Sequence[Cells]) -> Iterator[Group]:
    """Yield groups that together hold exactly these cells, in no particular order.

    Each row gets a random 64-bit number, and columns whose rows sum to the same number have the
    same rows: two different sets agree by chance once in 2**64. No loop over cells or columns.
    """
    marks = np.random.default_rng().integers(0, 2**64, size=len(axis), dtype=np.uint64)
    sorted_parts = [_by_column(part, marks) for part in cells if len(part.ids)]
    if not sorted_parts:
        return
    signatures = np.unique(np.concatenate([part.signatures for part in sorted_parts]))
    ranked = [np.argsort(part.signatures, kind="stable") for part in sorted_parts]
    bounds = [
        np.searchsorted(part.signatures[rank], np.append(signatures, signatures[-1:]), side="left")
        for part, rank in zip(sorted_parts, ranked, strict=True)
    ]
    for number in range(len(signatures)):
        rows: Ints | None = None
        columns = []
        for part, rank, bound in zip(sorted_parts, ranked, bounds, strict=True):
            stop = bound[number + 1] if number + 1 < len(signatures) else len(rank)
            chosen = rank[bound[number] : stop]
            if not len(chosen):
                continue
            count = part.counts[chosen[0]]
            index = part.starts[chosen][:, None] + np.arange(count)
            rows = part.rows[index[0]]
            columns.append(Columns(part.kind, part.ids[chosen], part.values[index]))
        assert rows is not None
        yield Group(axis.take(rows), tuple(columns))


@dataclass(frozen=True, slots=True, eq=False)
class _Sorted:
    """Cells sorted by (column, row), with where each column starts and how many rows it has."""

    kind: Kind
    ids: Ids
    rows: Ints
    values: Values
    starts: NDArray[np.int64]
    counts: NDArray[np.int64]
    signatures: NDArray[np.uint64]


def _by_column(cells: Cells, marks: NDArray[np.uint64]) -> _Sorted:
    order: NDArray[Any] = np.lexsort((cells.rows, cells.ids))
    ids, rows = cells.ids[order], cells.rows[order]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    return _Sorted(
        kind=cells.kind,
        ids=ids[starts],
        rows=rows,
        values=cells.values[order],
        starts=starts,
        counts=np.diff(np.append(starts, len(ids))),
        signatures=np.add.reduceat(marks[rows], starts),
    )
