from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.base.errors import Invalid
from apps.metrics import downsample, envelope
from apps.metrics.downsample import Marks, Window
from apps.metrics.groups import Group

from .strategies import arrays, kinds, quick, series, steps

# What float64 rounding may add to a width that was meant to be half a pixel.
SLACK = 1 + 1e-9
windows = st.builds(
    lambda ends, pixels: Window(min(ends), max(ends), pixels),
    st.tuples(st.integers(-50, 400), st.integers(-50, 400))
    | st.tuples(st.floats(-50, 400), st.floats(-50, 400)),
    st.integers(1, 12),
)


@st.composite
def sorted_series(draw: st.DrawFn, max_size: int = 300) -> Group:
    size = draw(st.integers(0, max_size))
    kind = draw(kinds)
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    x = np.sort(rng.integers(0, draw(st.integers(1, 350)), size))
    if kind == "f64":
        values = rng.choice([np.nan, np.inf, -np.inf, 0.5, -3.25, *rng.normal(size=20)], size)
    else:
        values = rng.integers(0, 2 if kind == "bool" else 1000, size).astype("?" if kind == "bool" else "i8")
    return series(values, kind, step=x, time=x * 2)


def check_tile(tile: Marks, x: Any, values: Any, window: Window) -> None:
    """A tile is exact: each point of the window lies in one mark, that tells its points' extremes."""
    ends = list(zip(tile.x_first.tolist(), tile.x_last.tolist(), strict=True))
    assert ends == sorted(ends)
    before, after = x[x < window.x_min], x[x > window.x_max]
    # The nearest point outside is there on either side, and no more than the mark that holds it.
    assert (tile.x_last < window.x_min).sum() <= 1
    assert (tile.x_first > window.x_max).sum() <= 1
    for nearest in [*before[-1:], *after[:1]]:
        assert any(first <= nearest <= last for first, last in ends)
    touching = (tile.x_last >= window.x_min) & (tile.x_first <= window.x_max)
    widths = tile.x_last[touching].astype(np.float64) - tile.x_first[touching]
    assert (widths <= window.half_pixel * SLACK).all()

    # A stored bucket may reach over an end of the window by less than its width: its points count in full.
    reach = (x >= min(window.x_min, *tile.x_first[touching], math.inf)) & (
        x <= max(window.x_max, *tile.x_last[touching], -math.inf)
    )
    inside = (x >= window.x_min) & (x <= window.x_max)
    assert inside.sum() <= tile.count[touching].sum() <= reach.sum()
    if not ((tile.x_first < window.x_min) | (tile.x_last > window.x_max))[touching].any():
        check_totals(tile.take(touching), values.astype(np.float64)[inside])
    for mark in np.flatnonzero(touching):
        held = values[(x >= tile.x_first[mark]) & (x <= tile.x_last[mark])].astype(np.float64)
        held = held[np.isfinite(held)]
        if not np.isnan(tile.y_min[mark]):
            assert held.min() <= tile.y_min[mark] <= tile.y_max[mark] <= held.max()


def check_totals(marks: Marks, floats: Any) -> None:
    assert marks.count.sum() == len(floats)
    for name, test in (("nan", np.isnan), ("pinf", np.isposinf), ("ninf", np.isneginf)):
        assert getattr(marks, name).sum() == test(floats).sum()
    finite = floats[np.isfinite(floats)]
    assert marks.sum.sum() == pytest.approx(finite.sum(), abs=1e-6)
    if len(finite):
        assert (np.nanmin(marks.y_min), np.nanmax(marks.y_max)) == (finite.min(), finite.max())


@quick
@given(sorted_series(), windows, st.sampled_from(["i", "f"]))
def test_a_tile_of_points_is_exact_and_fine_enough(group, window, x_kind):
    x, values = group.axis.step, group.columns[0].values[0]
    x = x.astype(np.float64) if x_kind == "f" else x
    marks = downsample.from_points(x, values, window)
    tile = downsample.tile([marks], window)
    check_tile(tile, x, values, window)
    assert len(tile) <= 4 * window.pixels + 4


def descend(group: Group, window: Window, x: Literal["step", "time"]) -> list[Marks]:
    """Return the marks of a tile as the engine reads them: coarse buckets where they do, else finer."""
    values = group.columns[0].values[0]
    xs = group.axis.step if x == "step" else group.axis.time
    parts: list[Marks] = []
    pending = [(0, group.rows)] if group.rows else []
    for size in (256, 16, 4):
        finer: list[tuple[int, int]] = []
        for start, stop in pending:
            (buckets,) = envelope.from_group(group.take(slice(start, stop)), bucket_rows=size)
            marks = downsample.from_buckets(buckets, x)
            wide = downsample.too_wide(marks.x_first, marks.x_last, window)
            parts.append(marks.take(~wide))
            begins = start + np.cumsum(marks.count) - marks.count
            finer.extend((int(b), int(b + n)) for b, n in zip(begins[wide], marks.count[wide], strict=True))
        pending = finer
    parts.extend(downsample.from_points(xs[a:b], values[a:b], window) for a, b in pending)
    return parts


@quick
@given(sorted_series(), windows, st.sampled_from(["step", "time"]))
def test_a_tile_of_stored_buckets_and_points_is_exact_and_fine_enough(group, window, x):
    parts = descend(group, window, x)
    empty = downsample.from_points(np.empty(0, np.int64), group.columns[0].values[0][:0], window)
    tile = downsample.tile(parts or [empty], window)
    xs = group.axis.step if x == "step" else group.axis.time
    check_tile(tile, xs, group.columns[0].values[0], window)


@quick
@given(st.integers(1, 40).flatmap(lambda size: arrays("i64", size, steps)), st.integers(1, 4), st.data())
def test_extreme_steps_neither_overflow_nor_get_lost(x, pixels, data):
    x = np.sort(x)
    window = Window(int(data.draw(st.sampled_from(x))), int(x[-1]), pixels)
    tile = downsample.tile([downsample.from_points(x, x, window)], window)
    inside = tile.x_first >= window.x_min
    assert tile.count[inside].sum() == (x >= window.x_min).sum()
    assert tile.y_max[-1] == x[-1]
    for first, last in zip(tile.x_first[inside].tolist(), tile.x_last[inside].tolist(), strict=True):
        assert last - first <= window.half_pixel * SLACK


def test_few_points_are_sent_as_they_are():
    window = Window(0, 100, 10)
    x = np.array([1, 1, 2, 3])
    tile = downsample.tile([downsample.from_points(x, np.array([1.0, 2.0, 3.0, 4.0]), window)], window)
    assert tile.count.tolist() == [1, 1, 1, 1]
    assert tile.y_first.tolist() == [1.0, 2.0, 3.0, 4.0]


def test_points_of_one_x_may_be_any_number_in_one_mark():
    window = Window(5, 5, 3)
    tile = downsample.tile([downsample.from_points(np.full(100, 5), np.arange(100.0), window)], window)
    assert tile.count.tolist() == [100]
    assert (tile.y_first[0], tile.y_last[0], tile.y_max[0]) == (0.0, 99.0, 99.0)


def test_a_range_between_two_points_shows_both_neighbours():
    window = Window(4.25, 4.75, 3)
    tile = downsample.tile([downsample.from_points(np.arange(10), np.arange(10.0), window)], window)
    assert tile.x_first.tolist() == [4, 5]


def test_another_metric_as_x_may_be_unsorted_and_hold_nan():
    window = Window(0.0, 1.0, 4)
    x = np.array([0.75, np.nan, 0.25, np.inf, -np.inf, 0.5])
    tile = downsample.tile([downsample.from_points(x, np.arange(6.0), window)], window)
    assert tile.x_first.tolist() == [-np.inf, 0.25, 0.5, 0.75, np.inf]
    assert tile.y_first.tolist() == [4.0, 2.0, 5.0, 0.0, 3.0]


def test_a_window_relative_to_the_start_is_a_shifted_one():
    start = 1_700_000_000_000_000
    window = Window(0, 10, 5).shifted(start)
    x = start + np.arange(30)
    tile = downsample.tile([downsample.from_points(x, np.arange(30), window)], window).shifted(start)
    assert tile.x_first.tolist() == list(range(12))


def test_late_points_inside_stored_buckets_stay_exact():
    window = Window(0, 1000, 2)
    group = series(np.arange(1000.0))
    (buckets,) = envelope.from_group(group, bucket_rows=16)
    late = downsample.from_points(np.array([5, 500, 501]), np.array([-7.0, 5000.0, 1.0]), window)
    tile = downsample.tile([downsample.from_buckets(buckets, "step"), late], window)
    assert tile.count.sum() == 1003
    assert (tile.y_min.min(), tile.y_max.max()) == (-7.0, 5000.0)
    assert all(
        last - first <= window.half_pixel for first, last in zip(tile.x_first, tile.x_last, strict=True)
    )


def test_a_million_points_become_two_marks_a_pixel():
    window = Window(0, 999_999, 1500)
    rng = np.random.default_rng(0)
    values = rng.normal(size=1_000_000)
    tile = downsample.tile([downsample.from_points(np.arange(1_000_000), values, window)], window)
    assert len(tile) == 3000
    assert tile.count.sum() == 1_000_000
    assert (tile.y_min.min(), tile.y_max.max()) == (values.min(), values.max())


@pytest.mark.parametrize(
    ("x_min", "x_max", "pixels"),
    [(0, 1, 0), (0, 1, 10**6), (1, 0, 5), (math.nan, 1, 5), (0, math.inf, 5)],
)
def test_a_window_without_a_range_is_invalid(x_min, x_max, pixels):
    with pytest.raises(Invalid):
        Window(x_min, x_max, pixels)
