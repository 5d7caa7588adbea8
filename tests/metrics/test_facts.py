from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics import blocks, facts
from apps.metrics.codec import CorruptSegment
from apps.metrics.groups import Columns, Group

from .strategies import (
    NEGATIVE_NAN,
    SPECIAL_FLOATS,
    SPECIAL_INTS,
    arrays,
    bits,
    groups,
    kind_of,
    points,
    quick,
    series,
)

EXACT = [name for name in facts.FACT.names or () if name not in ("sum", "mean", "m2")]
many_groups = st.lists(groups(), min_size=1, max_size=5)


def rank_of(value: float) -> int:
    return int(facts.rank(np.array([value]))[0])


def brute_force(all_points: Iterable[Any]) -> dict[str, int]:
    """Return the facts of a list of (step, time, value)."""
    known = sorted(((step, time, rank_of(value)), value) for step, time, value in all_points)
    finite = [(value, key) for key, value in known if math.isfinite(value)]
    made = {
        "count": len(known),
        "nan": sum(math.isnan(value) for _, value in known),
        "pinf": sum(value == math.inf for _, value in known),
        "ninf": sum(value == -math.inf for _, value in known),
        "first_step": known[0][0][0],
        "first_time": known[0][0][1],
        "first": known[0][0][2],
        "last_step": known[-1][0][0],
        "last_time": known[-1][0][1],
        "last": known[-1][0][2],
        "min": -(2**63),
        "max": -(2**63),
        "min_step": 0,
        "max_step": 0,
    }
    if finite:
        made["min"] = min(key[2] for _, key in finite)
        made["max"] = max(key[2] for _, key in finite)
        made["min_step"] = min(key[0] for _, key in finite if key[2] == made["min"])
        made["max_step"] = min(key[0] for _, key in finite if key[2] == made["max"])
    return made


def by_metric(sources: Iterable[Group]) -> dict[int, list[Any]]:
    made: dict[int, list[Any]] = {}
    for (metric, kind, step, time, _, _, value), count in points(sources).items():
        real = np.array([value]).view(np.float64)[0] if kind == "f64" else value
        made.setdefault(metric, []).extend([(step, time, real)] * count)
    return made


def exact(found: facts.Facts) -> list[Any]:
    return [tuple(int(record[name]) for name in EXACT) for record in found]


@quick
@given(many_groups)
def test_facts_say_what_the_points_hold(sources):
    ids, found = facts.from_groups(sources)
    expected = by_metric(sources)
    assert ids.tolist() == sorted(expected)
    for metric, record in zip(ids.tolist(), found, strict=True):
        wanted = brute_force(expected[metric])
        assert {name: int(record[name]) for name in EXACT} == wanted


@quick
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=30), st.integers(1, 5))
def test_sum_mean_and_variance_are_those_of_all_values_together(values, size):
    parts = [series(values[start : start + size]) for start in range(0, len(values), size)]
    _, (record,) = facts.from_groups(parts)
    assert record["sum"] == pytest.approx(math.fsum(values), abs=1e-6)
    assert record["mean"] == pytest.approx(np.mean(values), abs=1e-6)
    assert record["m2"] == pytest.approx(np.var(values) * len(values), rel=1e-6, abs=1e-3)


@quick
@given(many_groups, st.data())
def test_merging_in_any_order_and_grouping_gives_the_same(sources, data):
    at_once = facts.from_groups(sources)
    shuffled = data.draw(st.permutations(sources))
    parts = [facts.from_groups([group]) for group in shuffled]
    while len(parts) > 1:
        at = data.draw(st.integers(0, len(parts) - 2))
        (one_ids, one), (other_ids, other) = parts[at], parts[at + 1]
        ids = np.concatenate([one_ids, other_ids])
        parts[at : at + 2] = [facts.collapse(ids, np.concatenate([one, other]))]
    assert parts[0][0].tolist() == at_once[0].tolist()
    assert exact(parts[0][1]) == exact(at_once[1])
    # Merging groups first changes nothing either.
    assert exact(facts.from_groups(blocks.merge(sources))[1]) == exact(at_once[1])


@quick
@given(st.lists(groups(), min_size=3, max_size=3))
def test_merge_is_commutative_and_associative_with_absence_as_its_zero(sources):
    one, two, three = (facts.at_numbers(*facts.from_groups([group]), 9) for group in sources)
    merge = facts.merge
    assert exact(merge(one, two)) == exact(merge(two, one))
    assert exact(merge(merge(one, two), three)) == exact(merge(one, merge(two, three)))
    nothing = np.zeros(9, facts.FACT)
    for alone in (merge(one, nothing), merge(nothing, one)):
        present = one["count"] > 0
        assert exact(alone) == exact(one)
        for name in ("sum", "mean", "m2"):
            np.testing.assert_array_equal(alone[name][present], one[name][present])


@pytest.mark.parametrize("kind", ["f64", "i64", "bool"])
def test_ranks_order_as_values_do_and_give_them_back(kind):
    values = {
        "f64": np.array([-np.inf, -1e308, -5e-324, -0.0, 0.0, 5e-324, 1.0, np.inf]),
        "i64": np.array(sorted(SPECIAL_INTS), np.int64),
        "bool": np.array([False, True]),
    }[kind]
    ranks = facts.rank(values)
    assert (np.diff(ranks) > 0).all()
    assert bits(facts.value(ranks, kind)) == bits(values)


def test_nan_of_any_kind_is_the_lowest_rank():
    ranks = facts.rank(np.array(SPECIAL_FLOATS))
    nan = np.isnan(SPECIAL_FLOATS)
    assert (ranks[nan] == -(2**63)).all()
    assert ranks[~nan].min() > -(2**63)
    assert np.isnan(facts.value(ranks, "f64")[nan]).all()


def test_last_does_not_depend_on_arrival():
    late = series([1.0], step=[5], time=[10])
    early = series([9.0, np.nan, 2.0], step=[5, 5, 4], time=[10, 10, 99])
    for order in ([late, early], [early, late]):
        _, (record,) = facts.from_groups(order)
        assert (record["last_step"], record["last_time"]) == (5, 10)
        assert facts.value(record["last"].reshape(1), "f64")[0] == 9.0


def test_a_metric_of_nothing_finite_has_no_extremes():
    _, (record,) = facts.from_groups([series([np.nan, np.inf, NEGATIVE_NAN, -np.inf])])
    assert (record["count"], record["nan"], record["pinf"], record["ninf"]) == (4, 2, 1, 1)
    assert np.isnan(facts.value(record[["min"]]["min"].reshape(1), "f64"))
    assert (record["sum"], record["mean"], record["m2"]) == (0.0, 0.0, 0.0)


def test_int64_facts_are_exact():
    _, (record,) = facts.from_groups([series([2**63 - 2, 2**63 - 1, -(2**63)], "i64")])
    assert (record["max"], record["min"], record["first"]) == (2**63 - 1, -(2**63), 2**63 - 2)


def test_many_columns_at_once():
    rows, columns = 3, 1000
    values = np.arange(rows * columns, dtype=np.float64).reshape(columns, rows)
    group = Group(series([0.0] * rows).axis, (Columns("f64", np.arange(columns, dtype=np.int32), values),))
    ids, found = facts.from_groups([group, group])
    assert ids.tolist() == list(range(columns))
    assert (found["count"] == 6).all()
    assert (facts.value(found["max"], "f64") == values[:, 2]).all()


@quick
@given(st.integers(0, 256), st.data())
def test_facts_come_back_bit_by_bit(size, data):
    raw = data.draw(arrays("i64", (min(size, 4), 17)))
    made = np.zeros(size, facts.FACT)
    for place, record in enumerate(raw):
        made[place] = np.frombuffer(record.tobytes(), facts.FACT)[0]
    assert facts.decode(facts.encode(made)).tobytes() == made.tobytes()


def test_any_flipped_bit_is_found():
    _, found = facts.from_groups([series(np.sqrt(np.arange(9)), metric=number) for number in range(5)])
    stored = facts.encode(found)
    for place in range(len(stored)):
        for bit in range(8):
            broken = bytearray(stored)
            broken[place] ^= 1 << bit
            try:
                back = facts.decode(bytes(broken))
            except CorruptSegment:
                continue
            # A header bit that says how the frame was made, not what is in it, may go unseen.
            assert back.tobytes() == found.tobytes()
    for cut in range(len(stored)):
        with pytest.raises(CorruptSegment):
            facts.decode(stored[:cut])


def test_the_kinds_of_these_tests_cover_all():
    assert {kind_of(metric) for metric in range(3)} == {"f64", "i64", "bool"}
