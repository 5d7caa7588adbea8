"""apps/metrics/tiles.py: a tile holds exactly the points of its range, whatever it was read from."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from apps.base.errors import Invalid
from apps.metrics import inbox, tiles
from apps.metrics.downsample import Marks
from apps.metrics.fold import fold, fold_many

from .batches import OTHER_STREAM, START_US, STREAM, make_batch
from .statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def write(
    values: Any, *, run: int = RUN, stream: Any = STREAM, parts: int = 1, folded: bool = True, **axis: Any
) -> None:
    """Append values in so many batches."""
    done = inbox.next_row(run, stream)
    seq = Seqs.next(run, stream)
    for part in np.array_split(np.arange(len(values)), parts):
        own: dict[str, Any] = {key: np.asarray(column)[part] for key, column in axis.items()}
        inbox.append(
            run, stream, seq, make_batch({"loss": values[part]}, first_row=done + int(part[0]), **own)
        )
        seq += 1
    if folded:
        fold(run)


class Seqs:
    @staticmethod
    def next(run: int, stream: Any) -> int:
        from apps.metrics.models import Stream

        found = Stream.objects.filter(run=run, key=stream).first()
        return found.next_seq if found else 0


def check(marks: Marks, xs: Any, values: Any, window: Any) -> None:
    """The union of the marks is exactly the points they span, and no mark is too wide."""
    assert marks.count.sum() == ((xs >= marks.x_first.min()) & (xs <= marks.x_last.max())).sum()
    inside = (xs >= window.x_min) & (xs <= window.x_max)
    assert marks.count.sum() >= inside.sum()
    assert np.nanmin(marks.y_min) <= values[inside].min()
    assert np.nanmax(marks.y_max) >= values[inside].max()
    for mark in range(0, len(marks), max(1, len(marks) // 50)):
        low, high = marks.x_first[mark], marks.x_last[mark]
        held = (xs >= low) & (xs <= high)
        assert held.sum() >= marks.count[mark]
        if held.sum() == marks.count[mark]:
            assert marks.y_min[mark] == values[held].min()
            assert marks.y_max[mark] == values[held].max()
            assert math.isclose(marks.sum[mark], values[held].sum(), rel_tol=1e-9, abs_tol=1e-6)
    assert ((marks.x_last - marks.x_first <= window.half_pixel) | (marks.count == 1)).all()


@pytest.mark.parametrize("rows", [1, 300, 5_000, 60_000])
@pytest.mark.parametrize("folded", [True, False])
def test_a_tile_is_exact(rows: int, folded: bool) -> None:
    values = np.random.default_rng(rows).normal(size=rows)
    write(values, parts=min(rows, 3), folded=folded)

    found = tiles.tiles([RUN], ["loss"], pixels=200)

    (series,) = found.series
    assert (series.run, series.name) == (RUN, "loss")
    assert series.marks.count.sum() == rows
    assert found.window is not None
    check(series.marks, np.arange(rows), values, found.window)


def test_a_narrow_range_reads_points_and_one_on_either_side() -> None:
    values = np.random.default_rng(1).normal(size=60_000)
    write(values)

    found = tiles.tiles([RUN], ["loss"], x_min=30_000, x_max=30_010, pixels=1000)

    marks = found.series[0].marks
    assert marks.x_first.tolist() == list(range(29_999, 30_012))
    assert marks.y_first.tobytes() == values[29_999:30_012].tobytes()


def test_the_neighbours_of_an_empty_range_are_shown() -> None:
    write(np.array([1.0, 2.0]), step=[0, 10])
    write(np.array([3.0, 4.0]), step=[1000, 2000])

    marks = tiles.tiles([RUN], ["loss"], x_min=100, x_max=200, pixels=100).series[0].marks

    assert marks.x_first.tolist() == [10, 1000]


def test_time_and_relative_axes() -> None:
    values = np.random.default_rng(1).normal(size=3000)
    write(values)

    by_time = tiles.tiles([RUN], ["loss"], x="time", pixels=100)
    relative = tiles.tiles([RUN], ["loss"], x="relative", origins={RUN: START_US}, pixels=100)

    assert by_time.window is not None
    assert (by_time.window.x_min, by_time.window.x_max) == (START_US, START_US + 2999 * 1_000_000)
    assert relative.window is not None
    assert (relative.window.x_min, relative.window.x_max) == (0, 2999 * 1_000_000)
    assert relative.series[0].marks.count.sum() == 3000
    check(by_time.series[0].marks, START_US + np.arange(3000) * 1_000_000, values, by_time.window)
    check(relative.series[0].marks, np.arange(3000) * 1_000_000, values, relative.window)


def test_another_metric_as_x() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"epoch": [0, 0, 1, 1], "loss": [4.0, 3.0, 2.0, 1.0]}))
    fold(RUN)
    inbox.append(RUN, STREAM, 1, make_batch({"epoch": [2], "loss": [0.5]}, first_row=4))
    inbox.append(RUN, STREAM, 2, make_batch({"loss": [0.25]}, first_row=5))

    marks = tiles.tiles([RUN], ["loss"], x="epoch", pixels=100).series[0].marks

    assert marks.x_first.tolist() == [0, 0, 1, 1, 2]
    assert sorted(marks.y_first.tolist()) == [0.5, 1.0, 2.0, 3.0, 4.0]


def test_late_data_and_repeated_steps_are_kept() -> None:
    write(np.arange(20_000.0), step=np.arange(20_000))
    write(-np.arange(20_000.0), stream=OTHER_STREAM, step=np.arange(20_000))

    found = tiles.tiles([RUN], ["loss"], pixels=100)

    marks = found.series[0].marks
    assert marks.count.sum() == 40_000
    assert (marks.y_max.max(), marks.y_min.min()) == (19_999, -19_999)


def test_all_points_on_one_step() -> None:
    write(np.arange(20_000.0), step=np.zeros(20_000))

    marks = tiles.tiles([RUN], ["loss"], pixels=100).series[0].marks

    assert marks.count.sum() == 20_000
    assert (marks.x_first == 0).all()


def test_a_tile_of_nothing_is_empty() -> None:
    found = tiles.tiles([RUN], ["loss"], pixels=100)

    assert (found.window, found.series, found.versions) == (None, (), {RUN: "0-0"})


@pytest.mark.parametrize(
    "asked", [{"pixels": 0}, {"x_min": 1, "x_max": 0, "pixels": 9}, {"x_min": math.nan, "pixels": 9}]
)
def test_a_range_without_extent_is_refused(asked: dict[str, Any]) -> None:
    write(np.arange(3.0))

    with pytest.raises(Invalid):
        tiles.tiles([RUN], ["loss"], **asked)


def test_the_statements_of_a_tile_do_not_grow_with_its_runs() -> None:
    def statements(runs: range) -> int:
        for run in runs:
            write(np.arange(1000.0), run=run, folded=False)
        fold_many(list(runs))
        for run in runs:
            write(np.arange(10.0), run=run, folded=False)
        with count_statements() as sent:
            found = tiles.tiles(list(runs), ["loss"], x_min=10, x_max=500, pixels=1000)
        assert len(found.series) == len(runs)
        return len(sent)

    assert statements(range(1, 3)) == statements(range(10, 40)) <= 10
