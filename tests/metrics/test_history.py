"""apps/metrics/history.py: every row once, in order, as it was logged."""

from __future__ import annotations

import math
from unittest.mock import patch

import numpy as np
import pytest

from apps.metrics import history, inbox
from apps.metrics.fold import fold
from apps.metrics.groups import Group
from apps.metrics.wire import encode

from .batches import OTHER_STREAM, START_US, STREAM, make_batch, make_group, received

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def test_rows_come_back_as_they_were_logged() -> None:
    names: list[str] = []
    both = make_group({"loss": [0.5, math.nan], "ok": [True, False]}, names)
    some = make_group({"n": [7]}, names, row=[1])
    inbox.append(RUN, STREAM, 0, received(encode([both, some], names)))
    fold(RUN)
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [-0.0]}, first_row=2))

    rows = list(history.rows(RUN))

    assert [(row.step, row.row, row.time_us) for row in rows] == [
        (number, number, START_US + number * 1_000_000) for number in range(3)
    ]
    assert repr([row.values for row in rows]) == repr(
        [{"loss": 0.5, "ok": True}, {"loss": math.nan, "ok": False, "n": 7}, {"loss": -0.0}]
    )


def test_pages_hold_each_row_once_whatever_happens_between_them() -> None:
    rows = 70_000
    values = np.random.default_rng(1).normal(size=rows)
    for seq, part in enumerate(np.array_split(np.arange(rows), 7)):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": values[part]}, first_row=int(part[0])))
        if seq in {1, 4}:
            fold(RUN)
    found: list[Group] = []

    for number, page in enumerate(history.pages(RUN, ["loss"], rows=5_000)):
        assert sum(group.rows for group in page.groups) <= 5_000
        found += page.groups
        if number == 3:
            fold(RUN)

    assert np.concatenate([group.axis.step for group in found]).tolist() == list(range(rows))
    assert np.concatenate([group.columns[0].values[0] for group in found]).tobytes() == values.tobytes()


def test_overlapping_segments_are_merged() -> None:
    for seq in range(5):
        inbox.append(
            RUN, STREAM, seq, make_batch({"a": np.full(600, seq)}, first_row=600 * seq, step=np.arange(600))
        )
        fold(RUN)
    inbox.append(RUN, OTHER_STREAM, 0, make_batch({"b": np.arange(600)}))

    with patch.object(history, "_SEGMENTS_AT_ONCE", 1):
        rows = list(history.rows(RUN))

    assert [(row.step, row.time_us) for row in rows] == sorted((row.step, row.time_us) for row in rows)
    assert len(rows) == 3_600
    assert sum("b" in row.values for row in rows) == 600


def test_a_run_without_points_has_no_pages() -> None:
    assert list(history.pages(RUN)) == []
    assert history.page(RUN).last is None
