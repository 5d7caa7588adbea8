"""Groups of any shape and any values, small enough to be checked point by point."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from apps.metrics.groups import DTYPES, KINDS, Axis, Columns, Group, Kind

quick = settings(max_examples=50, deadline=None)

NAN_WITH_PAYLOAD = np.array([0x7FF800000000BEEF], np.uint64).view(np.float64)[0]
NEGATIVE_NAN = np.array([0xFFF8000000000001], np.uint64).view(np.float64)[0]
SPECIAL_FLOATS = [
    0.0,
    -0.0,
    1.0,
    -1.5,
    np.inf,
    -np.inf,
    np.nan,
    NAN_WITH_PAYLOAD,
    NEGATIVE_NAN,
    5e-324,
    -2.2e-308,
    1.7976931348623157e308,
    -1.7976931348623157e308,
]
SPECIAL_INTS = [0, 1, -1, 2**53, 2**53 + 1, 2**63 - 1, -(2**63)]

floats = st.sampled_from(SPECIAL_FLOATS) | st.floats(width=64)
ints = st.sampled_from(SPECIAL_INTS) | st.integers(-(2**63), 2**63 - 1)
small_ints = st.integers(-3, 3)
steps = small_ints | ints
ELEMENTS: dict[Kind, Any] = {"f64": floats, "i64": ints, "bool": st.booleans()}
kinds = st.sampled_from(list(DTYPES))
few_metrics = st.integers(0, 8)


def arrays(kind: Kind, shape: Any, elements: Any = None) -> st.SearchStrategy[Any]:
    return hnp.arrays(DTYPES[kind], shape, elements=ELEMENTS[kind] if elements is None else elements)


def kind_of(metric: int) -> Kind:
    """Return the kind of a metric number in these tests: a number has one kind, as in a run."""
    return KINDS[metric % 3]


@st.composite
def axes(draw: st.DrawFn, rows: int) -> Axis:
    """Rows in any order, with ties in every prefix of the sort key."""
    return Axis(
        draw(arrays("i64", rows, steps)),
        draw(arrays("i64", rows, small_ints)),
        draw(hnp.arrays(np.int32, rows, elements=st.integers(0, 2))),
        np.array(draw(st.lists(st.integers(0, 40), min_size=rows, max_size=rows, unique=True)), np.int64),
    )


@st.composite
def groups(draw: st.DrawFn, *, max_rows: int = 6, metrics: st.SearchStrategy[int] = few_metrics) -> Group:
    rows = draw(st.integers(1, max_rows))
    ids = draw(st.lists(metrics, min_size=1, max_size=6, unique=True))
    columns = []
    for kind in DTYPES:
        of_kind = [metric for metric in ids if kind_of(metric) == kind]
        # A kind may come in several Columns.
        cut = draw(st.integers(0, len(of_kind)))
        for part in (of_kind[:cut], of_kind[cut:]):
            if part:
                values = draw(arrays(kind, (len(part), rows)))
                columns.append(Columns(kind, np.array(part, np.int32), values))
    return Group(draw(axes(rows)), tuple(columns))


def bits(values: Any) -> list[int]:
    """Return what makes values of one kind equal bit by bit."""
    array = np.ascontiguousarray(values)
    whole: list[int] = (
        array.view(np.int64) if array.dtype.itemsize == 8 else array.astype(np.int64)
    ).tolist()
    return whole


Point = tuple[int, str, int, int, int, int, int]


def points(all_groups: Iterable[Group]) -> Counter[Point]:
    """Return the multiset of (metric, kind, step, time, stream, row, bits of the value)."""
    found: Counter[Point] = Counter()
    for group in all_groups:
        axis = group.axis
        keys = list(
            zip(axis.step.tolist(), axis.time.tolist(), axis.stream.tolist(), axis.row.tolist(), strict=True)
        )
        for part in group.columns:
            for metric, column in zip(part.ids.tolist(), part.values, strict=True):
                found.update(
                    (metric, part.kind, *key, value) for key, value in zip(keys, bits(column), strict=True)
                )
    return found


def is_sorted(axis: Axis) -> bool:
    keys = list(
        zip(axis.step.tolist(), axis.time.tolist(), axis.stream.tolist(), axis.row.tolist(), strict=True)
    )
    return keys == sorted(keys)


def series(
    values: Any, kind: Kind = "f64", *, metric: int = 0, step: Any = None, time: Any = None, row: Any = None
) -> Group:
    """Return one metric on rows 0, 1, 2 … of stream 0."""
    column = np.array(values, DTYPES[kind])
    count = np.arange(len(column), dtype=np.int64)
    return Group(
        Axis(
            count if step is None else np.array(step, np.int64),
            count * 1000 if time is None else np.array(time, np.int64),
            np.zeros(len(column), np.int32),
            count if row is None else np.array(row, np.int64),
        ),
        (Columns(kind, np.array([metric], np.int32), column[None]),),
    )


def wide(metrics: Sequence[int], rows: int, *, first_row: int = 0) -> Group:
    """Return float64 metrics with distinct values on rows that are their own steps."""
    count = np.arange(first_row, first_row + rows, dtype=np.int64)
    values = np.array(metrics, np.float64)[:, None] * 1000 + count
    return Group(
        Axis(count, count * 1000, np.zeros(rows, np.int32), count),
        (Columns("f64", np.array(metrics, np.int32), values),),
    )
