"""apps/metrics/schedule.py: what is due gets folded, and one bad run holds nobody up."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.db import connections

from apps.metrics import beat, fold, hints, inbox, schedule
from apps.metrics.models import Batch, Segment

from .batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")


def test_a_run_that_cannot_be_folded_holds_up_no_other(caplog: pytest.LogCaptureFixture) -> None:
    runs = [7, 9, 11, 13]
    for run in runs:
        inbox.append(run, STREAM, 0, make_batch({"loss": [0.5]}))
    with connections[settings.METRICS_DATABASE].cursor() as cursor:
        cursor.execute("UPDATE metrics_batch SET payload = 'broken' WHERE run = 9")

    schedule._fold_until(runs, stop=float("inf"))

    assert set(Segment.objects.values_list("run", flat=True)) == {7, 11, 13}
    assert list(Batch.objects.values_list("run", flat=True)) == [9]
    assert "Run 9 cannot be folded" in caplog.text


def test_a_run_is_folded_at_most_once_a_second_and_within_two() -> None:
    waits = {each["schedule"] for name, each in beat.SCHEDULE.items() if name.startswith("metrics-fold")}

    assert schedule._GATHER_S >= 1
    assert schedule._GATHER_S + max(waits) <= 1.5


def test_what_a_reader_has_folded_is_compacted_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "COMPACT_EVERY", 1)
    monkeypatch.setattr(hints, "_closed_until", 0.0)  # another test may have made Redis fail
    hints.take_due(7 % beat.SHARDS, limit=1000)
    inbox.append(7, STREAM, 0, make_batch({"loss": [0.5]}))

    fold.fold_many([7])

    assert schedule.fold_dirty(7 % beat.SHARDS) == (7,)
    assert schedule.fold_dirty(7 % beat.SHARDS) == ()
