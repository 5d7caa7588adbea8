"""apps/metrics/verbs.py, and the batch flags the dialects need."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.base.errors import Conflict, Gone
from apps.metrics import inbox, latest, tiles, verbs
from apps.metrics.compact import compact
from apps.metrics.fold import fold
from apps.metrics.models import Archive, Batch, Envelope, Head, Metric, Segment

from .batches import OTHER_STREAM, START_US, STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")
RUN, CHILD, GRANDCHILD = 7, 8, 9


def steps_of(run: int = RUN, name: str = "loss") -> list[int]:
    series = tiles.points(run, [name]).series or ()
    return series[0].step.tolist() if series else []


def values_of(run: int = RUN, name: str = "loss") -> list[float]:
    series = tiles.points(run, [name]).series or ()
    return series[0].values.tolist() if series else []


# truncate


@pytest.mark.parametrize("rows", [10, 600, 20_000])
@pytest.mark.parametrize("folded", [True, False])
def test_truncating_archives_what_lies_behind_a_step(rows: int, folded: bool) -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(float(rows)), "acc": np.arange(float(rows))}))
    if folded:
        fold(RUN)

    done = verbs.truncate(RUN, 4)

    assert done.points == 2 * (rows - 5)
    assert steps_of() == [0, 1, 2, 3, 4]
    assert sum(Archive.objects.values_list("points", flat=True)) == 2 * (rows - 5)
    known = latest.latest([RUN])[RUN]["loss"]
    assert (known.count, known.last, known.max) == (5, 4.0, 4.0)
    assert Head.objects.get(run=RUN).points == 10


def test_truncating_takes_down_the_pyramid_above() -> None:
    rows = 16_384 * 16
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(float(rows // 4))}))
    for seq in range(1, 4):
        first = seq * rows // 4
        inbox.append(
            RUN, STREAM, seq, make_batch({"loss": np.arange(float(rows // 4)) + first}, first_row=first)
        )
    fold(RUN)
    compact(RUN)
    assert Envelope.objects.count() == 1

    verbs.truncate(RUN, rows - 2)

    assert not Envelope.objects.exists()
    marks = tiles.tiles([RUN], ["loss"], pixels=10).series[0].marks
    assert (marks.count.sum(), marks.y_max.max()) == (rows - 1, rows - 2)


def test_a_truncated_stream_goes_on_after_its_last_row() -> None:
    for _ in range(4):
        inbox.append_points(RUN, "history", make_batch({"loss": [0.5, 0.25]}, step=[1, 2]))
    inbox.append_points(RUN, "history", make_batch({"loss": [0.5]}, step=[9]))

    done = verbs.truncate(RUN, 5)

    assert list(done.next_rows.values()) == [8]
    assert inbox.stream_rows(RUN, "history") == 8


def test_truncating_nothing_changes_no_point() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [1.0]}))

    assert verbs.truncate(RUN, 100).points == 0
    assert values_of() == [1.0]


# link


def test_a_fork_begins_with_its_parents_points() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(10.0), "acc": np.arange(10.0)}))
    fold(RUN)
    inbox.append(RUN, OTHER_STREAM, 0, make_batch({"loss": [0.5]}, step=[3]))
    verbs.link(CHILD, RUN, 4)
    before = latest.version(CHILD)
    inbox.append(CHILD, STREAM, 0, make_batch({"loss": [50.0, 60.0]}, step=[5, 6]))
    fold(CHILD)

    assert steps_of(CHILD) == [0, 1, 2, 3, 3, 4, 5, 6]
    assert values_of(CHILD, "acc") == [0, 1, 2, 3, 4]
    known = latest.latest([CHILD])[CHILD]
    assert (known["loss"].count, known["loss"].last, known["acc"].last) == (8, 60.0, 4.0)
    marks = tiles.tiles([CHILD], ["loss"], pixels=100).series[0].marks
    assert marks.count.sum() == 8
    assert latest.version(CHILD) != before


def test_a_fork_of_a_long_run_cuts_buckets_exactly() -> None:
    rows = 40_000
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(float(rows))}))
    fold(RUN)
    verbs.link(CHILD, RUN, 20_001)

    marks = tiles.tiles([CHILD], ["loss"], pixels=10).series[0].marks

    assert (marks.count.sum(), marks.y_max.max()) == (20_002, 20_001)
    known = latest.latest([CHILD])[CHILD]["loss"]
    assert (known.count, known.last, known.min) == (20_002, 20_001.0, 0.0)


def test_forks_of_forks() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(10.0)}))
    verbs.link(CHILD, RUN, 6)
    inbox.append(CHILD, STREAM, 0, make_batch({"loss": [70.0, 80.0]}, step=[7, 8]))
    verbs.link(GRANDCHILD, CHILD, 7)

    assert values_of(GRANDCHILD) == [0, 1, 2, 3, 4, 5, 6, 70]


def test_a_run_is_forked_once_and_never_from_itself() -> None:
    verbs.link(CHILD, RUN, 4)
    verbs.link(CHILD, RUN, 4)

    with pytest.raises(Conflict) as refused:
        verbs.link(CHILD, GRANDCHILD, 4)
    assert refused.value.code == "already_linked"
    with pytest.raises(Conflict) as refused:
        verbs.link(RUN, CHILD, 1)
    assert refused.value.code == "circular_link"


def test_a_fork_keeps_what_its_parent_loses() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"x": np.arange(10), "loss": np.arange(10.0)}))
    inbox.append(CHILD, STREAM, 0, make_batch({"loss": [70.0]}, step=[7]))
    verbs.link(CHILD, RUN, 6)
    expected = values_of(CHILD)

    verbs.truncate(RUN, 3)
    assert values_of() == [0, 1, 2, 3]
    assert values_of(CHILD) == expected
    assert values_of(CHILD, "x") == list(range(7))

    verbs.purge(RUN)
    assert values_of() == []
    assert values_of(CHILD) == expected
    assert latest.latest([CHILD])[CHILD]["x"].count == 7


# purge


def test_a_purged_run_takes_nothing_more() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [1.0]}))
    fold(RUN)
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [1.0]}, first_row=1))

    verbs.purge(RUN)

    for model in (Batch, Segment, Metric):
        assert not model.objects.exists()
    for stream in (STREAM, OTHER_STREAM):
        with pytest.raises(Gone) as refused:
            inbox.append(RUN, stream, 0, make_batch({"loss": [1.0]}))
        assert refused.value.code == "purged"
    with pytest.raises(Gone):
        inbox.append_points(RUN, "history", make_batch({"loss": [1.0]}))
    verbs.purge(RUN)


# unique points


def test_unique_points_are_kept_once_for_ever() -> None:
    batch = make_batch({"loss": [0.5, math.nan, math.nan]}, step=[0, 1, 1], time=START_US)
    inbox.append_points(RUN, "points", batch, unique_points=True)
    assert len(values_of()) == 2
    inbox.append_points(
        RUN, "points", make_batch({"loss": [0.5, 0.75]}, step=[0, 2], time=START_US), unique_points=True
    )
    assert len(values_of()) == 3

    compact(RUN)
    inbox.append_points(RUN, "points", batch, unique_points=True)

    assert steps_of() == [0, 1, 2]
    assert latest.latest([RUN])[RUN]["loss"].count == 3


def test_a_point_differs_by_its_millisecond_its_sign_of_zero_and_its_key() -> None:
    def add(key: str, value: float, time: int) -> None:
        inbox.append_points(
            RUN, "points", make_batch({key: [value]}, step=[0], time=[time]), unique_points=True
        )

    for key, value, time in [("a", 0.0, START_US), ("a", -0.0, START_US), ("b", 0.0, START_US)]:
        add(key, value, time)
    add("a", 0.0, START_US + 999)
    add("a", 0.0, START_US + 1_000)

    assert len(values_of(name="a")) == 3
    assert len(values_of(name="b")) == 1


def test_native_repeats_are_kept() -> None:
    for seq in range(2):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [0.5]}, row=[seq], step=[0], time=[START_US]))
    fold(RUN)

    assert values_of() == [0.5, 0.5]


# rows at a place


def test_a_replayed_stretch_of_lines_is_kept_once() -> None:
    lines = make_batch({"loss": [0.0, 1.0, 2.0]})
    inbox.append_points(RUN, "history", lines, base=0)
    inbox.append_points(RUN, "history", lines, base=0)
    assert values_of() == [0, 1, 2]
    inbox.append_points(RUN, "history", make_batch({"loss": [2.0, 3.0]}, step=[2, 3]), base=2)

    assert values_of() == [0, 1, 2, 3]
    assert inbox.stream_rows(RUN, "history") == 4


@pytest.mark.parametrize("folded", [True, False])
def test_overwritten_lines_are_archived(folded: bool) -> None:
    inbox.append_points(RUN, "history", make_batch({"loss": [0.0, 1.0, 2.0], "acc": [0.0, 1.0, 2.0]}), base=0)
    if folded:
        fold(RUN)
    inbox.append_points(
        RUN, "history", make_batch({"loss": [10.0, 20.0]}, step=[1, 2]), base=1, mode="overwrite"
    )

    assert values_of() == [0, 10, 20]
    assert values_of(name="acc") == [0]
    assert latest.latest([RUN])[RUN]["acc"].count == 1
    assert Archive.objects.exists() == folded
