from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics import blocks
from apps.metrics.cells import Cells, dense
from apps.metrics.groups import DTYPES, Axis, Columns, Group

from .strategies import (
    NAN_WITH_PAYLOAD,
    arrays,
    axes,
    bits,
    groups,
    is_sorted,
    kind_of,
    points,
    quick,
    series,
    small_ints,
    wide,
)

many_groups = st.lists(groups(), max_size=5)


def shape(merged: Iterable[Group]) -> list[list[int]]:
    """Return the metrics of each group."""
    return sorted(
        sorted(metric for part in group.columns for metric in part.ids.tolist()) for group in merged
    )


# Order and merging.


@quick
@given(groups())
def test_in_order_sorts_by_step_time_stream_and_row(group):
    ordered = blocks.in_order(group)
    assert is_sorted(ordered.axis)
    assert points([ordered]) == points([group])
    assert blocks.ordering(ordered.axis) is None
    assert (blocks.ordering(group.axis) is None) == is_sorted(group.axis)


@quick
@given(many_groups)
def test_merging_keeps_exactly_the_points_sorted_in_groups_of_distinct_columns(sources):
    merged = blocks.merge(sources)
    assert points(merged) == points(sources)
    assert all(is_sorted(group.axis) for group in merged)
    every = [metric for metrics in shape(merged) for metric in metrics]
    assert len(every) == len(set(every))
    for group in merged:
        kinds = [part.kind for part in group.columns]
        assert len(kinds) == len(set(kinds))
        assert all((np.diff(part.ids) > 0).all() for part in group.columns)


@quick
@given(many_groups, st.data())
def test_merging_in_any_order_and_grouping_gives_the_same(sources, data):
    cut = data.draw(st.integers(0, len(sources)))
    shuffled = data.draw(st.permutations(sources))
    at_once = blocks.merge(sources)
    by_parts = blocks.merge([*blocks.merge(shuffled[:cut]), *blocks.merge(shuffled[cut:])])
    assert points(by_parts) == points(at_once)


def test_columns_of_the_same_groups_end_in_one_group():
    merged = blocks.merge([wide([0, 3, 6], 2), wide([0, 3], 2, first_row=2), wide([0, 3, 9], 1, first_row=4)])
    assert shape(merged) == [[0, 3], [6], [9]]
    assert [group.rows for group in merged] == [5, 2, 1]


def test_merging_nothing_gives_nothing():
    assert blocks.merge([]) == []
    assert blocks.merge([Group(wide([0], 2).axis, ())]) == []


@quick
@given(st.integers(1, 8), st.data())
def test_scattered_cells_become_groups_of_exactly_these_points(rows, data):
    axis = data.draw(axes(rows))
    cells = []
    expected: Counter[Any] = Counter()
    for kind in DTYPES:
        ids = [metric for metric in range(9) if kind_of(metric) == kind]
        pairs = data.draw(
            st.lists(st.tuples(st.sampled_from(ids), st.integers(0, rows - 1)), unique=True, max_size=9)
        )
        values = data.draw(arrays(kind, len(pairs)))
        columns = np.array(pairs, np.int64).reshape(-1, 2)
        cells.append(Cells(kind, columns[:, 0].astype(np.int32), columns[:, 1], values))
        for (metric, row), value in zip(pairs, bits(values), strict=True):
            one = axis.take(np.array([row]))
            expected[
                metric, kind, int(one.step[0]), int(one.time[0]), int(one.stream[0]), int(one.row[0]), value
            ] += 1
    made = list(dense(axis, cells))
    assert points(made) == expected
    row_sets = [tuple(sorted(group.axis.row.tolist())) for group in made]
    assert len(row_sets) == len(set(row_sets))


# Splitting and selecting.


@quick
@given(groups(metrics=st.integers(0, 900)), st.integers(1, 9), st.integers(1, 4))
def test_pieces_hold_the_points_within_the_limits_of_a_segment(group, most_points, most_rows):
    before = blocks.MAX_SEGMENT_POINTS, blocks.SEALED_ROWS
    blocks.MAX_SEGMENT_POINTS, blocks.SEALED_ROWS = most_points, most_rows
    try:
        pieces = list(blocks.split(group))
    finally:
        blocks.MAX_SEGMENT_POINTS, blocks.SEALED_ROWS = before
    assert points(piece for _, piece in pieces) == points([group])
    for block, piece in pieces:
        assert all((part.ids // blocks.METRICS_PER_BLOCK == block).all() for part in piece.columns)
        assert piece.rows <= most_rows
        assert piece.points <= max(most_points, most_rows)


def test_pieces_are_cut_by_block_then_columns_then_rows():
    pieces = list(blocks.split(wide(range(250, 300), 16_385)))
    assert [(block, piece.rows, piece.points // piece.rows) for block, piece in pieces] == [
        (0, 16_384, 6),
        (0, 1, 6),
        *[(1, rows, 16) for _ in range(2) for rows in (16_384, 1)],
        (1, 16_384, 12),
        (1, 1, 12),
    ]
    assert len(list(blocks.split(wide(range(256), 1_024)))) == 1


@quick
@given(many_groups, st.sets(st.integers(0, 8)))
def test_selecting_keeps_only_these_metrics(sources, chosen):
    kept = blocks.select(sources, np.array(sorted(chosen), np.int32))
    assert points(kept) == Counter(
        {point: count for point, count in points(sources).items() if point[0] in chosen}
    )


@quick
@given(many_groups, st.integers(-3, 3))
def test_taking_rows_keeps_only_these(sources, upto):
    kept = blocks.take_rows(sources, [group.axis.step <= upto for group in sources])
    assert points(kept) == Counter(
        {point: count for point, count in points(sources).items() if point[2] <= upto}
    )
    assert all(group.rows for group in kept)


@quick
@given(many_groups, st.integers(0, 8))
def test_a_column_holds_all_points_of_its_metric_in_order(sources, metric):
    found = blocks.column(sources, metric)
    expected = Counter({point: count for point, count in points(sources).items() if point[0] == metric})
    if found is None:
        assert not expected
        return
    assert is_sorted(found.axis)
    ids = np.array([metric], np.int32)
    assert points([Group(found.axis, (Columns(found.kind, ids, found.values[None]),))]) == expected


# Another metric as x.


@quick
@given(st.data())
def test_joining_pairs_the_values_of_each_call(data):
    calls = data.draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 6)), unique=True, max_size=10))
    halves = []
    for _ in range(2):
        chosen = [call for call in calls if data.draw(st.booleans())]
        halves.append(data.draw(st.permutations(chosen)))

    def column(some_calls: Any) -> blocks.Column:
        stream, row = np.array(some_calls, np.int64).reshape(-1, 2).T
        count = np.arange(len(some_calls), dtype=np.int64)
        return blocks.Column("i64", Axis(count, count, stream.astype(np.int32), row), stream * 100 + row)

    x, y = blocks.join(column(halves[0]), column(halves[1]))
    assert x.values.tolist() == y.values.tolist()
    assert y.values.tolist() == [
        stream * 100 + row for stream, row in halves[1] if (stream, row) in halves[0]
    ]
    assert x.axis is y.axis


def test_of_a_call_that_logged_x_twice_the_last_counts():
    twice, once = series([1.0, 2.0], row=[5, 5]), series([7.0], row=[5])
    x, y = blocks.join(
        blocks.Column("f64", twice.axis, twice.columns[0].values[0]),
        blocks.Column("f64", once.axis, once.columns[0].values[0]),
    )
    assert (x.values.tolist(), y.values.tolist()) == ([2.0], [7.0])


# Rows as logged.


@st.composite
def logged(draw: st.DrawFn) -> tuple[list[Any], list[Group]]:
    """Calls with distinct (stream, row) and their values, and the same as groups."""
    keys = draw(st.lists(st.tuples(st.integers(0, 1), st.integers(0, 9)), unique=True, max_size=7))
    calls = []
    for stream, row in keys:
        values = draw(st.dictionaries(st.integers(0, 5), st.integers(0, 1), min_size=1))
        calls.append((draw(small_ints), draw(small_ints), stream, row, values))
    cells = []
    for kind in DTYPES:
        here = [
            (metric, place, value)
            for place, (*_, values) in enumerate(calls)
            for metric, value in values.items()
            if kind_of(metric) == kind
        ]
        ids, places, column = np.array(here, np.int64).reshape(-1, 3).T
        cells.append(Cells(kind, ids.astype(np.int32), places, column.astype(DTYPES[kind])))
    step, time, streams, rows = np.array([call[:4] for call in calls], np.int64).reshape(-1, 4).T
    axis = Axis(step, time, streams.astype(np.int32), rows)
    return sorted(calls, key=lambda call: call[:4]), list(dense(axis, cells))


@quick
@given(logged())
def test_rows_come_back_as_they_were_logged(made):
    calls, sources = made
    names = {metric: f"m{metric}" for metric in range(6)}
    found = [(row.step, row.time_us, row.stream, row.row, row.values) for row in blocks.rows(sources, names)]
    expected = [
        (*call, {names[metric]: value for metric, value in values.items()}) for *call, values in calls
    ]
    assert found == expected
    for row in blocks.rows(sources, names):
        assert all(
            type(row.values[name]) is {"f64": float, "i64": int, "bool": bool}[kind_of(metric)]
            for metric, name in names.items()
            if name in row.values
        )


@quick
@given(logged())
def test_a_table_has_a_row_per_call_and_a_hole_where_nothing_was_logged(made):
    calls, sources = made
    table = blocks.table(sources)
    assert list(zip(table.axis.stream.tolist(), table.axis.row.tolist(), strict=True)) == [
        call[2:4] for call in calls
    ]
    for place, (*_, values) in enumerate(calls):
        here = {
            metric: column[place].item()
            for metric, (_, column, present) in table.columns.items()
            if present[place]
        }
        assert here == values


# Unique points.


def brute_force_unique(new: Iterable[Group], known: Iterable[Group]) -> Any:
    def identity(point: Any) -> Any:
        metric, kind, step, time, _, _, value = point
        if kind == "f64" and np.isnan(np.array([value]).view(np.float64)[0]):
            value = "nan"
        return metric, step, time // 1000, value

    seen = {identity(point) for point in points(known)}
    return Counter(identity(point) for point in points(new) if identity(point) not in seen).keys()


@quick
@given(many_groups, many_groups, st.data())
def test_of_equal_points_one_is_kept_unless_known(new, known, data):
    if new and data.draw(st.booleans()):
        known = [*known, data.draw(st.sampled_from(new))]
    kept = blocks.without_known(new, known)
    # Each kept point is one of the new, and each identity is there once.
    assert points(kept) <= points(new)
    assert sum(points(kept).values()) == len(brute_force_unique(new, known))
    assert brute_force_unique(kept, []) == brute_force_unique(new, known)


def test_all_nan_are_one_value_and_both_zeros_are_two():
    kept = blocks.without_known(
        [
            series(
                [np.nan, NAN_WITH_PAYLOAD, 0.0, -0.0, 0.0], step=[1] * 5, time=[1000, 1999, 1000, 1000, 1000]
            )
        ],
        [],
    )
    values = np.concatenate([part.values[0] for group in kept for part in group.columns])
    assert Counter(map(repr, values.tolist())) == {"nan": 1, "0.0": 1, "-0.0": 1}
    assert blocks.without_known([series([1.0], time=[-1])], [series([1.0], time=[0])])


def test_new_points_that_are_all_unknown_are_passed_on_untouched():
    group = wide([1, 2], 3)
    assert blocks.without_known([group], [wide([3], 3)])[0] is group
    assert blocks.without_known([], [group]) == []
