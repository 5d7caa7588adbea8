"""apps/metrics/fold.py: what waits becomes segments and facts, once."""

from __future__ import annotations

import math

import numpy as np
import pytest

from apps.base.errors import Conflict, Gone
from apps.metrics import inbox, latest, tiles
from apps.metrics.fold import fold, fold_many
from apps.metrics.models import Batch, Cursor, Facts, Head, Metric, Receipt, Segment

from .batches import OTHER_STREAM, START_US, STREAM, make_batch
from .statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def test_folding_moves_points_from_the_inbox_to_segments() -> None:
    for seq in range(3):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [seq + 0.5], "acc": [seq]}, first_row=seq))

    done = fold(RUN)

    assert (done.batches, done.points, done.behind) == (3, 6, False)
    assert not Batch.objects.exists()
    assert Segment.objects.count() == 1
    loss, acc = tiles.points(RUN, ["loss", "acc"]).series or ()
    assert (loss.step.tolist(), loss.values.tolist()) == ([0, 1, 2], [0.5, 1.5, 2.5])
    assert (acc.kind, acc.values.tolist()) == ("i64", [0, 1, 2])
    assert loss.time_us.tolist() == [START_US, START_US + 1_000_000, START_US + 2_000_000]


def test_reads_are_the_same_before_and_after_a_fold() -> None:
    odd = [math.nan, math.inf, -math.inf, -0.0, 5e-324, 1.7976931348623157e308]
    inbox.append(RUN, STREAM, 0, make_batch({"loss": odd, "n": [2**63 - 1] * 6, "ok": [True, False] * 3}))
    before = tiles.points(RUN, ["loss", "n", "ok"])
    known_before = latest.latest([RUN])

    fold(RUN)

    after = tiles.points(RUN, ["loss", "n", "ok"])
    assert before.version != after.version
    for old, new in zip(before.series or (), after.series or (), strict=True):
        assert (old.name, old.kind) == (new.name, new.kind)
        assert old.values.tobytes() == new.values.tobytes()
        assert old.step.tobytes() == new.step.tobytes()
    assert repr(known_before) == repr(latest.latest([RUN]))


def test_a_fold_of_nothing_changes_nothing() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
    fold(RUN)
    generation = Head.objects.get().generation

    assert fold(RUN).batches == 0
    assert Head.objects.get().generation == generation


def test_a_folded_batch_is_still_told_from_another() -> None:
    batches = [make_batch({"loss": [seq + 0.5]}, first_row=seq) for seq in range(300)]
    for seq, batch in enumerate(batches):
        inbox.append(RUN, STREAM, seq, batch)
        if seq % 70 == 0:
            fold(RUN)
    fold(RUN)

    assert Receipt.objects.count() == 3
    for seq, batch in enumerate(batches):
        assert inbox.append(RUN, STREAM, seq, batch).status == "duplicate"
        with pytest.raises(Conflict, match="another content"):
            inbox.append(RUN, STREAM, seq, make_batch({"loss": [0.1]}))


def test_a_batch_from_before_the_receipts_is_expired() -> None:
    batch = make_batch({"loss": [0.5]})
    inbox.append(RUN, STREAM, 0, batch)
    fold(RUN)
    Receipt.objects.all().delete()

    with pytest.raises(Gone) as refused:
        inbox.append(RUN, STREAM, 0, batch)

    assert refused.value.code == "expired"


def test_a_lost_range_leaves_a_hole_in_the_receipts() -> None:
    first, last = make_batch({"loss": [0.5]}), make_batch({"loss": [0.25]}, first_row=9)
    inbox.append(RUN, STREAM, 0, first)
    inbox.append(RUN, STREAM, 200, last, lost=(1, 199))
    fold(RUN)

    assert inbox.append(RUN, STREAM, 200, last).status == "duplicate"
    with pytest.raises(Conflict) as refused:
        inbox.append(RUN, STREAM, 150, first)
    assert refused.value.code == "diverged"


def test_batches_with_records_wait_for_both_consumers() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}, records=[{"type": "tags", "add": ["x"]}]))
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.5]}, first_row=1))

    fold(RUN)
    assert list(Batch.objects.values_list("seq", flat=True)) == [0]
    assert len(inbox.pending_records(RUN)) == 1

    inbox.acknowledge_records(RUN, 0, 1)
    assert not Batch.objects.exists()


def test_records_applied_before_the_fold_are_not_waited_for() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}, records=[{"type": "tags", "add": ["x"]}]))
    inbox.acknowledge_records(RUN, 0, 1)
    assert Batch.objects.exists()

    fold(RUN)

    assert not Batch.objects.exists()


def test_a_key_that_changes_its_type_opens_a_column() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"x": [1]}))
    inbox.append(RUN, STREAM, 1, make_batch({"x": [0.5]}, first_row=1))
    fold(RUN)

    assert [(each.kind, each.values.tolist()) for each in tiles.points(RUN, ["x"]).series or ()] == [
        ("i64", [1]),
        ("f64", [0.5]),
    ]
    facts = latest.latest([RUN])[RUN]["x"]
    assert (facts.kind, facts.last, facts.count, facts.max) == ("f64", 0.5, 2, 1)


def test_points_are_in_order_whatever_order_they_came_in() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [3.0, 1.0, 2.0]}, step=[30, 10, 20]))
    fold(RUN)
    inbox.append(RUN, OTHER_STREAM, 0, make_batch({"loss": [1.5, 0.5]}, step=[15, 5]))
    fold(RUN)
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [1.0]}, step=[10], first_row=3))

    (loss,) = tiles.points(RUN, ["loss"]).series or ()

    assert loss.step.tolist() == [5, 10, 10, 15, 20, 30]
    assert loss.values.tolist() == [0.5, 1.0, 1.0, 1.5, 2.0, 3.0]


def test_a_big_fold_writes_sealed_segments() -> None:
    rows = 50_000
    values = np.random.default_rng(1).normal(size=rows)
    inbox.append(RUN, STREAM, 0, make_batch({"loss": values, "acc": values * 2}))

    fold(RUN)

    sealed = Segment.objects.order_by("id")
    assert [each.level for each in sealed] == [Segment.SEALED] * 3
    assert sum(each.rows for each in sealed) == rows
    (loss,) = tiles.points(RUN, ["loss"]).series or ()
    assert loss.values.tobytes() == values.tobytes()
    (part,) = tiles.points(RUN, ["loss"], x_min=16_000, x_max=17_000).series or ()
    assert part.values.tobytes() == values[16_000:17_001].tobytes()


def test_more_than_a_hundred_thousand_keys_are_rejected_and_told_once() -> None:
    def many(first: int, count: int) -> dict[str, list[float]]:
        return {f"m{number:06}": [1.0] for number in range(first, first + count)}

    inbox.append(RUN, STREAM, 0, make_batch(many(0, 100_000)))
    inbox.append(RUN, STREAM, 1, make_batch(many(99_998, 4), first_row=1))

    done = fold(RUN)

    assert done.points == 100_002
    assert Metric.objects.filter(run=RUN).count() == 100_000
    told = inbox.append(RUN, STREAM, 2, make_batch({"m000000": [2.0]}, first_row=2)).rejected
    assert [(each.code, each.key, each.count) for each in told] == [
        ("too_many_keys", "m100000", 1),
        ("too_many_keys", "m100001", 1),
    ]
    assert inbox.append(RUN, STREAM, 3, make_batch({"m000000": [3.0]}, first_row=3)).rejected == ()
    assert inbox.ledger(RUN).rejected == 2


def test_many_keys_are_warned_of_once_and_nothing_is_refused() -> None:
    for seq in range(3):
        columns = {f"m{number}": [1.0] for number in range(6_000 * seq, 6_000 * (seq + 1))}
        told = inbox.append(RUN, STREAM, seq, make_batch(columns, first_row=seq)).rejected
        assert fold(RUN).points == 6_000
        assert told == ()

    ledger = inbox.ledger(RUN)
    (warning,) = ledger.entries
    assert (warning.rejected.code, warning.rejected.count) == ("many_keys", 12_000)
    assert (ledger.rejected, ledger.points) == (0, 18_000)


def test_the_statements_of_a_fold_do_not_grow_with_its_runs() -> None:
    def statements(runs: range) -> int:
        for run in runs:
            inbox.append(run, STREAM, 0, make_batch({"loss": [0.5], "acc": [1.0]}))
        with count_statements() as sent:
            done = fold_many(list(runs))
        assert done.batches == len(runs)
        return len(sent)

    assert statements(range(1, 3)) == statements(range(10, 60)) <= 16


def test_many_runs_fold_together() -> None:
    for run in range(1, 30):
        inbox.append(run, STREAM, 0, make_batch({f"m{run % 3}": [run + 0.5], "loss": [0.1]}))

    done = fold_many(range(1, 31))

    assert (done.batches, done.points, done.behind) == (29, 58, ())
    assert Facts.objects.count() == Cursor.objects.count() == 29
    known = latest.latest(range(1, 30))
    assert all(known[run][f"m{run % 3}"].last == run + 0.5 for run in range(1, 30))
