"""The one shape of metric data: rows sharing an axis, and dense typed columns on it.

On the wire, in the inbox, in memory and on disk a set of points is a Group (docs/design/storage-format.md).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Kind = Literal["f64", "i64", "bool"]
KINDS: tuple[Kind, ...] = ("f64", "i64", "bool")
DTYPES: dict[Kind, np.dtype[Any]] = {
    "f64": np.dtype("<f8"),
    "i64": np.dtype("<i8"),
    "bool": np.dtype("?"),
}

Ints = NDArray[np.int64]
Ids = NDArray[np.int32]
Values = NDArray[Any]  # of DTYPES[kind]


@dataclass(frozen=True, slots=True, eq=False)
class Axis:
    """What the points of one row (one call of `log()`) share.

    step: int64[n], the user's count, in any order.
    time: int64[n], microseconds since the epoch in UTC.
    stream: int32[n], the number of the writer within its run.
    row: int64[n], the writer's own count of its calls: (stream, row) names a call.
    """

    step: Ints
    time: Ints
    stream: Ids
    row: Ints

    def __len__(self) -> int:
        return len(self.step)

    def take(self, rows: slice | NDArray[Any]) -> Axis:
        """Return the rows chosen by a slice, a mask bool[n] or indices int[m]."""
        return Axis(self.step[rows], self.time[rows], self.stream[rows], self.row[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """Metrics of one kind on one axis: values[i] is the column of ids[i].

    ids: int32[k], unique within a group, of all its kinds together.
    values: DTYPES[kind][k, n].
    """

    kind: Kind
    ids: Ids
    values: Values

    def __len__(self) -> int:
        return len(self.ids)


@dataclass(frozen=True, slots=True, eq=False)
class Group:
    """An axis and columns that have a value on each of its rows; a kind may come in several Columns."""

    axis: Axis
    columns: tuple[Columns, ...]

    @property
    def rows(self) -> int:
        return len(self.axis)

    @property
    def points(self) -> int:
        return len(self.axis) * sum(map(len, self.columns))

    def take(self, rows: slice | NDArray[Any]) -> Group:
        """Return the rows chosen by a slice, a mask bool[n] or indices int[m], in that order."""
        return Group(
            self.axis.take(rows), tuple(replace(part, values=part.values[:, rows]) for part in self.columns)
        )

    def relabelled(self, *, stream: int, ids: Ids) -> Group:
        """Return the group as rows of one stream, column id i renamed to ids[i].

        The decoder of a batch knows neither the stream's number nor the run's metric numbers.
        """
        return Group(
            replace(self.axis, stream=np.full(self.rows, stream, np.int32)),
            tuple(replace(part, ids=ids[part.ids]) for part in self.columns),
        )


def concat_axes(axes: list[Axis]) -> Axis:
    """Return the rows of all axes, one after the other."""
    if len(axes) == 1:
        return axes[0]
    return Axis(
        np.concatenate([axis.step for axis in axes]),
        np.concatenate([axis.time for axis in axes]),
        np.concatenate([axis.stream for axis in axes]),
        np.concatenate([axis.row for axis in axes]),
    )
