from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics import blocks, envelope
from apps.metrics.codec import CorruptSegment
from apps.metrics.groups import Group

from . import specimens
from .strategies import bits, groups, quick, series, wide


def brute_force(values: Any) -> tuple[float, ...]:
    """Return what a bucket of these values must say: (first, last, min, max, count of nan, pinf, ninf)."""
    finite = [value for value in values.tolist() if np.isfinite(value)]
    nan = float("nan")
    ends = (finite[0], finite[-1], min(finite), max(finite)) if finite else (nan, nan, nan, nan)
    return (
        *ends,
        int(np.isnan(values).sum()),
        int(np.isposinf(values).sum()),
        int(np.isneginf(values).sum()),
    )


def said(values: envelope.Stretches, column: int, bucket: int) -> tuple[float, ...]:
    return (
        *(getattr(values, name)[column, bucket].item() for name in ("first", "last", "min", "max")),
        *(int(getattr(values, name)[column, bucket]) for name in ("nan", "pinf", "ninf")),
    )


def check(buckets: envelope.Buckets, group: Group, starts: list[int]) -> None:
    """Compare buckets with the rows of a sorted group that begin at starts."""
    stops = [*starts[1:], group.rows]
    columns = {
        metric: values
        for part in group.columns
        for metric, values in zip(part.ids.tolist(), part.values, strict=True)
    }
    for number, (start, stop) in enumerate(zip(starts, stops, strict=True)):
        step, time = group.axis.step[start:stop], group.axis.time[start:stop]
        spans = buckets.spans
        assert spans.rows[number] == stop - start
        assert (spans.step_first[number], spans.step_last[number]) == (step.min(), step.max())
        assert (spans.time_min[number], spans.time_max[number]) == (time.min(), time.max())
        for place, metric in enumerate(buckets.ids.tolist()):
            values = columns[metric][start:stop]
            assert repr(said(buckets.values, place, number)).replace("-0.0", "0.0") == repr(
                brute_force(values.astype(np.int64) if buckets.kind == "bool" else values)
            ).replace("-0.0", "0.0")
            finite = [float(value) for value in values if np.isfinite(value)]
            with np.errstate(over="ignore", invalid="ignore"):
                slack = 1e-9 * float(np.sum(np.abs(finite)))
                np.testing.assert_allclose(buckets.values.sum[place, number], np.sum(finite), atol=slack)


@quick
@given(groups(max_rows=9), st.integers(1, 4))
def test_buckets_say_what_their_rows_hold(group, bucket_rows):
    group = blocks.in_order(group)
    for buckets in envelope.from_group(group, bucket_rows=bucket_rows):
        check(buckets, group, list(range(0, group.rows, bucket_rows)))


@quick
@given(groups(max_rows=9), st.data())
def test_united_buckets_are_the_buckets_of_their_rows_together(group, data):
    group = blocks.in_order(group)
    inner = data.draw(st.sets(st.integers(1, group.rows - 1))) if group.rows > 1 else set()
    starts = np.array([0, *sorted(inner)])
    for buckets in envelope.from_group(group, bucket_rows=1):
        check(buckets.united(starts), group, starts.tolist())


@pytest.mark.parametrize("kind", ["f64", "i64"])
def test_the_next_tier_unites_each_sixteen(kind):
    (buckets,) = envelope.from_group(series(np.arange(37) % 11, kind), bucket_rows=1)
    coarser = buckets.coarser()
    assert coarser.spans.rows.tolist() == [16, 16, 5]
    check(coarser, series(np.arange(37) % 11, kind), [0, 16, 32])


def test_int64_extremes_are_exact():
    (buckets,) = envelope.from_group(series([2**63 - 1, 2**63 - 2, -(2**63)], "i64"))
    assert (buckets.values.max.item(), buckets.values.min.item()) == (2**63 - 1, -(2**63))
    assert buckets.values.first.item() == 2**63 - 1


@quick
@given(groups(max_rows=9))
def test_buckets_come_back_bit_by_bit(group):
    group = blocks.in_order(group)
    for buckets in envelope.from_group(group, bucket_rows=2):
        spans = envelope.decode_spans(envelope.encode_spans(buckets.spans), len(buckets.spans))
        for place, metric in enumerate(buckets.ids.tolist()):
            frame = envelope.encode_column(buckets, place)
            back = envelope.decode_column(frame, buckets.kind, metric, spans)
            expected = buckets.column(metric)
            for found, wanted in zip(back.values.arrays(), expected.values.arrays(), strict=True):
                assert found.dtype == wanted.dtype
                assert bits(found) == bits(wanted)
            assert back.spans.step_last.tolist() == expected.spans.step_last.tolist()


def test_the_envelope_of_a_segment_is_read_metric_by_metric():
    group = specimens.SEGMENTS["long"]
    data, offsets = envelope.encode(group)
    count = envelope.bucket_count(group.rows)
    assert count == 3
    spans = envelope.decode_spans(data[offsets[0] : offsets[1]], count)
    kinds = {metric: part.kind for part in group.columns for metric in part.ids.tolist()}
    parts = {part.kind: part for part in envelope.from_group(group)}
    for place, metric in enumerate(sorted(kinds), start=1):
        kind = kinds[metric]
        found = envelope.decode_column(data[offsets[place] : offsets[place + 1]], kind, metric, spans)
        assert bits(found.values.max) == bits(parts[kind].column(metric).values.max)


def test_parts_of_one_metric_are_joined():
    (one,), (other,) = (envelope.from_group(wide([4], 300, first_row=row)) for row in (0, 300))
    joined = envelope.concat([one, other])
    assert joined.spans.rows.tolist() == [256, 44, 256, 44]
    assert joined.values.last[0].tolist() == [4255.0, 4299.0, 4555.0, 4599.0]


@quick
@given(st.data())
def test_any_damage_is_found(data):
    stored, offsets = envelope.encode(specimens.SEGMENTS["long"])
    frame = stored[offsets[1] : offsets[2]]
    spans = envelope.decode_spans(stored[: offsets[1]], 3)
    broken = bytearray(frame)
    broken[data.draw(st.integers(0, len(frame) - 1))] ^= data.draw(st.integers(1, 255))
    with pytest.raises(CorruptSegment):
        envelope.decode_column(bytes(broken), "f64", 256, spans)


def test_a_metric_that_is_not_there_is_a_key_error():
    (buckets,) = envelope.from_group(wide([4], 3))
    with pytest.raises(KeyError):
        buckets.column(5)
