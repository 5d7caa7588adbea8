"""Groups sorted, merged, split, filtered and read: the arithmetic of folding and of reading points.

Everything here is an operation on whole matrices. Loops run over groups, never over rows; over columns
only where one column is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from apps.metrics.cells import Cells, dense
from apps.metrics.codec import by_kind
from apps.metrics.groups import DTYPES, KINDS, Axis, Columns, Group, Ids, Ints, Kind, Values, concat_axes

METRICS_PER_BLOCK = 256
MAX_SEGMENT_POINTS = 262_144
SEALED_ROWS = 16_384
MS_US = 1_000


def ordering(axis: Axis) -> NDArray[np.intp] | None:
    """Return the indices that sort an axis by (step, time, stream, row), or None if it is sorted."""
    if _is_sorted(axis):
        return None
    return np.lexsort((axis.row, axis.stream, axis.time, axis.step))


def in_order(group: Group) -> Group:
    """Return the group sorted by (step, time, stream, row)."""
    order = ordering(group.axis)
    return group if order is None else group.take(order)


def _is_sorted(axis: Axis) -> bool:
    """Tell by comparing neighbours, key by key, only where all keys before are equal."""
    tied: NDArray[np.bool_] | None = None
    for key in (axis.step, axis.time, axis.stream, axis.row):
        before, after = key[:-1], key[1:]
        falls, equal = after < before, after == before
        if (falls if tied is None else falls & tied).any():
            return False
        tied = equal if tied is None else tied & equal
        if not tied.any():
            return True
    return True


def merge(groups: Sequence[Group]) -> list[Group]:
    """Return the same points in as few groups as can be, each sorted, with one Columns per kind.

    The set of groups that hold a column is its signature; columns of one signature share one merged
    axis. Each source group gets a random 64-bit number and a column's signature is their sum, so that
    signatures are compared as numbers (two sets agree by chance once in 2**64). Cost: one sort of the
    column ids, one copy of the values, one sort of the rows per merged group.
    """
    groups = [group for group in groups if group.rows and group.columns]
    if len(groups) <= 1:
        return [in_order(Group(group.axis, by_kind(group.columns))) for group in groups]
    parts = [part for group in groups for part in group.columns]
    sizes = [len(part) for part in parts]
    group_of_part = np.repeat(np.arange(len(groups)), [len(group.columns) for group in groups])
    ids = np.concatenate([part.ids for part in parts])
    part_of = np.repeat(np.arange(len(parts)), sizes)
    place_of = np.concatenate([np.arange(size) for size in sizes])

    # Held columns sorted by (id, source group): the holders of one column stand together, in input order.
    order = np.argsort(ids, kind="stable")
    ids, part_of, place_of = ids[order], part_of[order], place_of[order]
    starts = np.flatnonzero(np.append(True, ids[1:] != ids[:-1]))
    marks = np.random.default_rng().integers(0, 2**64, size=len(groups), dtype=np.uint64)
    signatures = np.add.reduceat(marks[group_of_part[part_of]], starts)
    holders = np.diff(np.append(starts, len(ids)))
    kinds = np.array([KINDS.index(part.kind) for part in parts], np.int8)[part_of[starts]]

    rank = np.lexsort((kinds, signatures))
    edges = np.flatnonzero(np.append(True, (np.diff(signatures[rank]) != 0) | (np.diff(kinds[rank]) != 0)))
    axes: dict[int, tuple[Axis, NDArray[np.intp] | None]] = {}
    merged: dict[int, list[Columns]] = {}
    for chosen in np.split(rank, edges[1:]):
        signature = int(signatures[chosen[0]])
        # [k, holders]: where each of these columns is found in each of the groups that hold it.
        held = starts[chosen][:, None] + np.arange(holders[chosen[0]])
        sources = [groups[number] for number in group_of_part[part_of[held[0]]]]
        if signature not in axes:
            axis = concat_axes([group.axis for group in sources])
            axes[signature] = axis, ordering(axis)
        values = np.concatenate(
            [_gather(parts, part_of[column], place_of[column]) for column in held.T],
            axis=1,
        )
        sorting = axes[signature][1]
        if sorting is not None:
            values = values[:, sorting]
        merged.setdefault(signature, []).append(Columns(KINDS[kinds[chosen[0]]], ids[starts[chosen]], values))
    made = []
    for signature, columns in merged.items():
        axis, sorting = axes[signature]
        made.append(Group(axis if sorting is None else axis.take(sorting), tuple(columns)))
    made.sort(key=lambda group: min(int(part.ids[0]) for part in group.columns))
    return made


def _gather(parts: list[Columns], part_of: NDArray[Any], place_of: NDArray[Any]) -> Values:
    """Return rows place_of[i] of parts[part_of[i]], all of one group and kind, as one matrix."""
    first = parts[part_of[0]]
    if (part_of == part_of[0]).all():
        whole = len(place_of) == len(first) and (np.diff(place_of) == 1).all()
        gathered: Values = first.values if whole else first.values[place_of]
        return gathered
    made = np.empty((len(part_of), first.values.shape[1]), first.values.dtype)
    for number in np.unique(part_of):
        here = part_of == number
        made[here] = parts[number].values[place_of[here]]
    return made


def split(group: Group) -> Iterator[tuple[int, Group]]:
    """Yield (block, piece) such that each piece can be one segment.

    A piece holds metrics of one block of 256 numbers, at most 262,144 points and at most 16,384 rows. Only
    the last cut by rows is shorter than 16,384. Row order is kept; ids ascend within a kind.
    """
    by_kinds = by_kind(group.columns)
    blocks = np.unique(np.concatenate([part.ids for part in by_kinds]) // METRICS_PER_BLOCK)
    most = max(1, MAX_SEGMENT_POINTS // min(max(group.rows, 1), SEALED_ROWS))
    for block in blocks.tolist():
        first = block * METRICS_PER_BLOCK
        inside = np.sort(
            np.concatenate(
                [part.ids[_between(part.ids, first, first + METRICS_PER_BLOCK)] for part in by_kinds]
            )
        )
        for start in range(0, len(inside), most):
            ids = inside[start : start + most]
            columns = _ids_between(by_kinds, int(ids[0]), int(ids[-1]) + 1)
            for row in range(0, group.rows, SEALED_ROWS):
                yield block, Group(group.axis, columns).take(slice(row, row + SEALED_ROWS))


def _between(ids: Ids, first: int, stop: int) -> slice:
    """Return where ascending ids lie in [first, stop)."""
    return slice(int(np.searchsorted(ids, first)), int(np.searchsorted(ids, stop)))


def _ids_between(columns: Sequence[Columns], first: int, stop: int) -> tuple[Columns, ...]:
    chosen = []
    for part in columns:
        here = _between(part.ids, first, stop)
        if here.start < here.stop:
            chosen.append(Columns(part.kind, part.ids[here], part.values[here]))
    return tuple(chosen)


def take_rows(groups: Sequence[Group], masks: Sequence[NDArray[np.bool_]]) -> list[Group]:
    """Return the groups cut to the rows where their mask (bool[n]) is true; empty ones are left out."""
    return [
        group if mask.all() else group.take(mask)
        for group, mask in zip(groups, masks, strict=True)
        if mask.any()
    ]


def select(groups: Sequence[Group], ids: Ids) -> list[Group]:
    """Return the groups cut to these columns; groups with none of them are left out."""
    made = []
    for group in groups:
        columns = []
        for part in group.columns:
            here = np.isin(part.ids, ids)
            if here.all():
                columns.append(part)
            elif here.any():
                columns.append(Columns(part.kind, part.ids[here], part.values[here]))
        if columns:
            made.append(Group(group.axis, tuple(columns)))
    return made


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """All points of one metric, sorted: values DTYPES[kind][n] on an axis of n rows."""

    kind: Kind
    axis: Axis
    values: Values


def column(groups: Sequence[Group], metric: int) -> Column | None:
    """Return the points of one metric, merged and sorted; None if no group holds it."""
    found = [
        (group.axis, part.kind, part.values[place[0]])
        for group in groups
        for part in group.columns
        if len(place := np.flatnonzero(part.ids == metric))
    ]
    if not found:
        return None
    axis = concat_axes([axis for axis, _, _ in found])
    values = np.concatenate([values for _, _, values in found])
    order = ordering(axis)
    if order is not None:
        axis, values = axis.take(order), values[order]
    return Column(found[0][1], axis, values)


def join(x: Column, y: Column) -> tuple[Column, Column]:
    """Return the points of both that were logged by the same call, in y's order, on y's axis.

    A call is (stream, row). Where x has a call twice, its last point in order counts.
    """
    both = concat_axes([x.axis, y.axis])
    calls = _ranks(both.stream, both.row)
    calls_of_x, calls_of_y = calls[: len(x.axis)], calls[len(x.axis) :]
    last_of_call = np.full(len(calls), -1)
    # NumPy assigns in order, so that the last of equal calls stays.
    last_of_call[calls_of_x] = np.arange(len(calls_of_x))
    place = last_of_call[calls_of_y]
    met = place >= 0
    axis = y.axis.take(met)
    return Column(x.kind, axis, x.values[place[met]]), Column(y.kind, axis, y.values[met])


def _ranks(*keys: NDArray[Any]) -> NDArray[np.intp]:
    """Return for each of n tuples (most significant key first) its place among the distinct tuples."""
    order = np.lexsort(keys[::-1])
    changed = np.zeros(max(len(order) - 1, 0), np.bool_)
    for key in keys:
        changed |= key[order[1:]] != key[order[:-1]]
    ranks = np.empty(len(order), np.intp)
    ranks[order] = np.cumsum(np.append(False, changed)[: len(order)])
    return ranks


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """Points laid out by call: a row per (stream, row), a column per metric, with holes.

    columns: metric → its kind, values DTYPES[kind][n] (zero in a hole) and present bool[n].
    """

    axis: Axis
    columns: dict[int, tuple[Kind, Values, NDArray[np.bool_]]]


def table(groups: Sequence[Group]) -> Table:
    """Return all points as one wide table in order; memory is calls x metrics, so cut the groups first."""
    axis, row_of = _calls_in_order(groups)
    made: dict[int, tuple[Kind, Values, NDArray[np.bool_]]] = {}
    for group, here in zip(groups, row_of, strict=True):
        for part in group.columns:
            for metric, values in zip(part.ids.tolist(), part.values, strict=True):
                if metric not in made:
                    empty = np.zeros(len(axis), DTYPES[part.kind])
                    made[metric] = part.kind, empty, np.zeros(len(axis), np.bool_)
                _, column_values, present = made[metric]
                column_values[here] = values
                present[here] = True
    return Table(axis, dict(sorted(made.items())))


@dataclass(frozen=True, slots=True)
class LoggedRow:
    """One call of `log()` as it was made: values maps a metric's name to float, int or bool."""

    step: int
    time_us: int
    stream: int
    row: int
    values: dict[str, float | int | bool]


def rows(groups: Sequence[Group], names: Mapping[int, str]) -> Iterator[LoggedRow]:
    """Yield the calls of `log()` in order, each with all metrics it logged.

    names: metric number → name. Two metrics of one name (a key that changed its type) meet in one
    call only if it logged both; then the later group's value stands.
    """
    axis, row_of = _calls_in_order(groups)
    # Which (group, row of the group) belong to each call, as one list sorted by call.
    place = np.concatenate([*row_of, np.empty(0, np.intp)])
    group_of = np.repeat(np.arange(len(groups)), [group.rows for group in groups])
    local = np.concatenate([*(np.arange(group.rows) for group in groups), np.empty(0, np.intp)])
    order = np.argsort(place, kind="stable")
    ends = np.searchsorted(place[order], np.arange(len(axis)), side="right").tolist()
    by_row = [
        [
            (np.ascontiguousarray(part.values.T), [names[metric] for metric in part.ids.tolist()])
            for part in group.columns
        ]
        for group in groups
    ]
    members = list(zip(group_of[order].tolist(), local[order].tolist(), strict=True))
    at = 0
    for call, end in enumerate(ends):
        values: dict[str, float | int | bool] = {}
        for number, row in members[at:end]:
            for matrix, keys in by_row[number]:
                values.update(zip(keys, matrix[row].tolist(), strict=True))
        at = end
        yield LoggedRow(
            int(axis.step[call]), int(axis.time[call]), int(axis.stream[call]), int(axis.row[call]), values
        )


def calls(groups: Sequence[Group]) -> Axis:
    """Return the distinct rows of all groups together, sorted."""
    return _calls_in_order(groups)[0]


def _calls_in_order(groups: Sequence[Group]) -> tuple[Axis, list[NDArray[np.intp]]]:
    """Return the axis of all distinct rows, sorted, and for each group where its rows are on it."""
    if not groups:
        empty = np.empty(0, np.int64)
        return Axis(empty, empty, empty.astype(np.int32), empty), []
    axis = concat_axes([group.axis for group in groups])
    place = _ranks(axis.step, axis.time, axis.stream, axis.row)
    first_of = np.empty(int(place.max(initial=-1)) + 1, np.intp)
    first_of[place] = np.arange(len(place))
    bounds = np.cumsum([group.rows for group in groups])[:-1]
    return axis.take(first_of), np.split(place, bounds)


def without_known(new: Sequence[Group], known: Sequence[Group]) -> list[Group]:
    """Return the points of `new` that are neither in `known` nor earlier in `new`, each once.

    For streams of unique points, MLflow's rule: a point is its metric, step, time in whole
    milliseconds (rounded down) and value; all NaN are one value, −0 and 0 are two.
    """
    identities = [_identity(group) for group in [*known, *new]]
    if not new:
        return []
    ranks = _ranks(*(np.concatenate(keys) for keys in zip(*identities, strict=True)))
    _, first = np.unique(ranks, return_index=True)
    fresh = np.zeros(len(ranks), np.bool_)
    fresh[first] = True
    bounds = np.cumsum([group.points for group in [*known, *new]])[:-1]
    made: list[Group] = []
    for group, keep in zip(new, np.split(fresh, bounds)[len(known) :], strict=True):
        made.extend([group] if keep.all() else _only(group, keep))
    return made


def _identity(group: Group) -> tuple[Ints, Ints, Ints, Ints]:
    """Return metric, step, time in ms and value bits of each point, column after column: int64[points]."""
    shape = (group.points // max(group.rows, 1), group.rows)
    ids = np.concatenate([part.ids for part in group.columns]).astype(np.int64)
    return (
        np.broadcast_to(ids[:, None], shape).ravel(),
        np.broadcast_to(group.axis.step, shape).ravel(),
        np.broadcast_to(group.axis.time // MS_US, shape).ravel(),
        np.concatenate([_bits(part.values).ravel() for part in group.columns]),
    )


def _bits(values: Values) -> Ints:
    """Return what tells values of one kind apart, as int64 of the same shape."""
    if values.dtype.kind != "f":
        return values.astype(np.int64)
    return np.where(np.isnan(values), np.nan, values).view(np.int64)


def _only(group: Group, keep: NDArray[np.bool_]) -> Iterator[Group]:
    """Yield the chosen points of a group; keep is bool[points], column after column."""
    cells = []
    start = 0
    for part in group.columns:
        here = keep[start : start + part.values.size].reshape(part.values.shape)
        start += part.values.size
        places, at = np.nonzero(here)
        cells.append(Cells(part.kind, part.ids[places], at, part.values[here]))
    return dense(group.axis, _one_per_kind(cells))


def _one_per_kind(cells: Sequence[Cells]) -> list[Cells]:
    return [
        Cells(
            kind,
            np.concatenate([part.ids for part in cells if part.kind == kind]),
            np.concatenate([part.rows for part in cells if part.kind == kind]),
            np.concatenate([part.values for part in cells if part.kind == kind]),
        )
        for kind in KINDS
        if any(part.kind == kind for part in cells)
    ]
