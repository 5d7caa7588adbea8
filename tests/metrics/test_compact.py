"""apps/metrics/compact.py and pyramid.py: fewer, larger segments; the same points; few rewrites."""

from __future__ import annotations

from uuid import UUID

import numpy as np
import pytest

from apps.metrics import inbox, pyramid, segments, tiles
from apps.metrics.compact import DEPTH, compact, compact_many
from apps.metrics.fold import fold, fold_many
from apps.metrics.models import Envelope, Segment

from .batches import STREAM, make_batch
from .statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def values_of(name: str, run: int = RUN) -> bytes:
    (series,) = tiles.points(run, [name]).series or ()
    return series.values.tobytes()


def test_sixteen_small_folds_become_one_segment() -> None:
    for seq in range(16):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [seq + 0.5], "n": [seq]}, first_row=seq))
        fold(RUN)
    assert compact(RUN) == 32

    (segment,) = Segment.objects.all()
    assert (segment.level, segment.rows, segment.points) == (2, 16, 32)
    assert values_of("loss") == (np.arange(16) + 0.5).tobytes()
    assert compact(RUN) == 0


def test_rows_enough_are_sealed_and_never_rewritten() -> None:
    values = np.random.default_rng(1).normal(size=40_000)
    rewritten = 0
    for seq, part in enumerate(np.array_split(np.arange(40_000), 40)):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": values[part]}, first_row=int(part[0])))
        fold(RUN)
        rewritten += compact(RUN)

    assert rewritten <= 40_000
    assert Segment.objects.filter(level=Segment.SEALED).count() >= 2
    assert values_of("loss") == values.tobytes()


@pytest.mark.django_db(databases="__all__", transaction=True)
def test_one_row_a_fold_is_rewritten_few_times() -> None:
    rows = 600
    written = rows
    for seq in range(rows):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [float(seq)]}, first_row=seq))
        fold(RUN)
        if seq % 16 == 15:
            written += compact(RUN)

    assert written <= 3 * rows
    assert Segment.objects.count() <= 16 + 16 + 64
    assert values_of("loss") == np.arange(float(rows)).tobytes()


def test_sparse_metrics_beside_a_dense_one() -> None:
    dense, sparse = [], []
    for seq in range(64):
        columns = {"dense": np.full(20, float(seq))}
        dense += [float(seq)] * 20
        inbox.append(RUN, STREAM, 2 * seq, make_batch(columns, first_row=21 * seq))
        inbox.append(
            RUN, STREAM, 2 * seq + 1, make_batch({f"sparse{seq % 3}": [seq]}, first_row=21 * seq + 20)
        )
        sparse.append(seq)
        fold(RUN)
        compact(RUN)

    assert values_of("dense") == np.array(dense).tobytes()
    for number in range(3):
        assert values_of(f"sparse{number}") == np.array(sparse[number::3]).tobytes()
    assert Segment.objects.count() <= 20


def test_a_pyramid_stands_on_sixteen_sealed_segments_and_tiles_stay_exact() -> None:
    rows = 16_384 * 34
    values = np.random.default_rng(2).normal(size=rows)
    for seq, part in enumerate(np.array_split(np.arange(rows), 6)):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": values[part], "i": part}, first_row=int(part[0])))
    fold(RUN)
    before = tiles.tiles([RUN], ["loss", "i"], pixels=20)

    compact(RUN)

    assert list(Envelope.objects.values_list("tier", flat=True)) == [1, 1]
    with count_statements() as sent:
        after = tiles.tiles([RUN], ["loss", "i"], pixels=20)
    assert len(sent) <= 10
    for old, new in zip(before.series, after.series, strict=True):
        assert old.marks.count.sum() == new.marks.count.sum() == rows
        assert old.marks.y_min.min() == new.marks.y_min.min()
        assert old.marks.y_max.max() == new.marks.y_max.max()
        assert np.isclose(old.marks.sum.sum(), new.marks.sum.sum())
    assert values_of("loss") == values.tobytes()


def test_one_call_builds_the_whole_pyramid(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many transactions that takes: nobody may come by again once a run has ended."""
    monkeypatch.setattr(pyramid, "AT_ONCE", 2)
    monkeypatch.setattr(segments, "SEALED_FROM_ROWS", 8)
    monkeypatch.setattr(segments, "SEALED_ROWS", 16)
    monkeypatch.setattr(segments, "COLUMNAR_FROM_ROWS", 8)
    rows = 16 * 16 * 6
    inbox.append(RUN, STREAM, 0, make_batch({"loss": np.arange(float(rows))}))
    fold(RUN)

    compact(RUN)

    assert Segment.objects.count() == 16 * 6
    assert Envelope.objects.filter(tier=1).count() == 6
    assert not Segment.objects.filter(parent=None).exists()


def test_sealed_segments_over_each_other_are_sorted() -> None:
    """Six writers one after the other, each from step 0: sealed segments lie over one another."""
    rows = 9_000
    for number in range(6):
        inbox.append(RUN, UUID(int=number), 0, make_batch({"loss": np.full(rows, float(number))}))
        fold(RUN)

    assert compact(RUN) == (DEPTH + 1) * rows

    bounds = Segment.objects.values_list("step_min", "step_max")
    assert max(sum(low <= step < high for low, high in bounds) for step in range(0, rows, 100)) <= DEPTH
    assert sorted(np.frombuffer(values_of("loss"))) == sorted(np.repeat(np.arange(6.0), rows))
    assert compact(RUN) == 0


def test_many_runs_are_compacted_together() -> None:
    def statements(runs: range) -> int:
        for seq in range(16):
            for run in runs:
                inbox.append(run, STREAM, seq, make_batch({"loss": [seq + 0.5]}, first_row=seq))
            fold_many(list(runs))
        with count_statements() as sent:
            assert compact_many(list(runs)) == 16 * len(runs)
        return sum("DELETE FROM metrics_segment" in each or "COPY" in each for each in sent)

    assert statements(range(1, 3)) == statements(range(10, 30)) == 2
    assert values_of("loss", run=20) == (np.arange(16) + 0.5).tobytes()
