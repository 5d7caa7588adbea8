"""apps/metrics/tail.py: the last points of a metric, wherever they are, read from few segments."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import numpy as np
import pytest

from apps.metrics import inbox, stored_points, verbs
from apps.metrics.fold import fold
from apps.metrics.groups import Values
from apps.metrics.tail import tail
from apps.metrics.wire import encode

from .batches import OTHER_STREAM, STREAM, make_batch, make_group, received
from .statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def write(
    values: Any, *, run: int = RUN, stream: UUID = STREAM, seq: int = 0, folded: bool = True, **axis: Any
) -> None:
    first_row = inbox.next_row(run, stream)
    inbox.append(run, stream, seq, make_batch({"loss": np.asarray(values)}, first_row=first_row, **axis))
    if folded:
        fold(run)


def last(k: int, *, run: int = RUN, name: str = "loss") -> Values:
    return tail({run: {name: k}})[run][name]


@pytest.mark.parametrize("folded", [True, False])
@pytest.mark.parametrize("k", [1, 7, 600, 5_000])
def test_the_last_values_come_in_order(folded: bool, k: int) -> None:
    values = np.random.default_rng(1).normal(size=2_000)
    for seq, part in enumerate(np.array_split(values, 5)):
        write(part, seq=seq, folded=folded or seq < 2)

    assert last(k).tolist() == values[-k:].tolist()


@pytest.fixture
def loaded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The rows of each segment that is read."""
    rows: list[int] = []
    load = stored_points.load

    def noting(session: Any, found: Any, wanted: Any) -> Any:
        rows.extend(each.rows for each in found)
        return load(session, found, wanted)

    monkeypatch.setattr(stored_points, "load", noting)
    return rows


@pytest.mark.parametrize("step", [np.zeros(400), np.arange(400) * 1_000_000], ids=["constant", "sparse"])
def test_few_segments_are_read_whatever_the_steps(step: Any, loaded: list[int]) -> None:
    for seq in range(10):
        at = step + (0 if not step.any() else seq * 400_000_000)
        write(np.arange(400) + 400.0 * seq, seq=seq, step=at)
    loaded.clear()

    assert last(5).tolist() == [3995.0, 3996.0, 3997.0, 3998.0, 3999.0]

    assert loaded == [400]


def test_segments_that_reach_over_one_another_are_all_read() -> None:
    write(np.arange(600.0))
    write(np.arange(600.0) + 0.5, stream=OTHER_STREAM)
    write([7.0], seq=1, step=[250])

    assert last(4).tolist() == [598.0, 598.5, 599.0, 599.5]


def test_a_metric_logged_rarely_beside_others_has_all_of_its_last_values() -> None:
    for seq in range(12):
        names: list[str] = []
        often = make_group({"loss": np.arange(50.0)}, names, first_row=50 * seq)
        rare = make_group({"val": [float(seq)]}, names, row=[50 * seq], step=[50 * seq])
        inbox.append(RUN, STREAM, seq, received(encode([often, rare], names)))
        fold(RUN)

    assert last(9, name="val").tolist() == [float(seq) for seq in range(3, 12)]


def test_a_fork_goes_on_in_its_parent_up_to_the_step() -> None:
    write(np.arange(100.0), run=1)
    verbs.link(2, 1, 49)
    write([1000.0, 1001.0], run=2, step=[50, 51])

    assert last(4, run=2).tolist() == [48.0, 49.0, 1000.0, 1001.0]


def test_a_name_that_has_had_two_kinds_is_one() -> None:
    write([1, 2, 3])
    write([4.5, 5.5], seq=1)

    assert last(3).tolist() == [3.0, 4.5, 5.5]


def test_what_all_overlaps_is_read_up_to_a_bound(monkeypatch: pytest.MonkeyPatch, loaded: list[int]) -> None:
    monkeypatch.setattr("apps.metrics.tail._BEYOND", 1_000)
    for seq in range(10):
        write(np.full(400, float(seq)), seq=seq, step=0, time=5)
    loaded.clear()

    assert len(last(5)) == 5

    assert sum(loaded) <= 1_005 + 400


def test_many_runs_and_metrics_cost_no_more_statements_than_one() -> None:
    def asking(runs: list[int]) -> int:
        for run in runs:
            inbox.append(run, STREAM, 0, make_batch({"a": np.arange(20.0), "b": np.arange(20.0)}))
            fold(run)
        with count_statements() as sent:
            found = tail({run: {"a": 3, "b": 5} for run in runs})
        assert all(found[run]["b"].tolist() == [15.0, 16.0, 17.0, 18.0, 19.0] for run in runs)
        return len(sent)

    assert asking([1]) == asking(list(range(10, 40)))


def test_what_is_not_there_is_left_out() -> None:
    write([1.0])
    assert tail({RUN: {"acc": 3}, 8: {"loss": 2}}) == {}
