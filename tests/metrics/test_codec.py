from __future__ import annotations

import contextlib
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.metrics import codec
from apps.metrics.codec import CorruptSegment
from apps.metrics.groups import DTYPES, Columns, Group

from . import specimens
from .strategies import SPECIAL_FLOATS, SPECIAL_INTS, arrays, bits, groups, kinds, points, quick, wide


@quick
@given(st.data(), kinds, st.integers(0, 40))
def test_a_part_comes_back_bit_by_bit(data, kind, size):
    values = data.draw(arrays(kind, size))
    found = codec.decode_part(codec.encode_part(values), DTYPES[kind], size)
    assert found.dtype == values.dtype
    assert bits(found) == bits(values)


@pytest.mark.parametrize("repeats", [1, 600])
def test_special_values_come_back_bit_by_bit(repeats):
    for values in (np.tile(SPECIAL_FLOATS, repeats), np.tile(np.array(SPECIAL_INTS, np.int64), repeats)):
        found = codec.decode_part(codec.encode_part(values), values.dtype, len(values))
        assert bits(found) == bits(values)


def test_sequences_and_constants_take_a_few_bytes():
    rising = np.arange(16_384, dtype=np.int64) * 3 - 7
    assert len(codec.encode_part(rising)) == 21
    assert len(codec.encode_part(np.full(16_384, np.nan))) == 13
    assert len(codec.encode_part(np.full(16_384, True))) == 13
    assert len(codec.encode_part(np.arange(16_384) % 2 == 0)) == 16_384 // 8 + 5


def test_a_sequence_whose_differences_overflow_is_not_taken_for_arithmetic():
    for values in ([-(2**63), 2**63 - 1], [2**63 - 1, -(2**63), 2**63 - 1], [0, 2**62, -(2**63)]):
        array = np.array(values, np.int64)
        assert codec.decode_part(codec.encode_part(array), array.dtype, len(array)).tolist() == values


def test_values_that_do_not_compress_are_kept_raw():
    noise = np.random.default_rng(1).integers(-(2**63), 2**63 - 1, 5_000)
    assert len(codec.encode_part(noise)) == noise.nbytes + 5


@pytest.mark.parametrize("name", ["raw", "pcodec", "arithmetic", "constant", "bits"])
def test_any_flipped_bit_of_a_part_is_found(name):
    values = specimens.PARTS[name]
    part = codec.encode_part(values)
    for place in range(len(part)):
        for bit in range(8):
            broken = bytearray(part)
            broken[place] ^= 1 << bit
            with pytest.raises(CorruptSegment):
                codec.decode_part(bytes(broken), values.dtype, len(values))


@quick
@given(st.binary(max_size=60), kinds, st.integers(0, 20))
def test_bytes_that_are_no_part_are_corrupt(junk, kind, size):
    with pytest.raises(CorruptSegment):
        codec.decode_part(junk, DTYPES[kind], size)


@pytest.mark.parametrize("tag", range(6))
@pytest.mark.parametrize("body", [b"", b"\0" * 7, b"\0" * 8, b"\0" * 16, b"\xff" * 16, b"\0" * 40])
def test_a_part_with_a_sound_checksum_and_a_wrong_body_is_corrupt_or_fits(tag, body):
    part = bytes([tag]) + body
    part += zlib.crc32(part).to_bytes(4, "little")
    for dtype in DTYPES.values():
        with contextlib.suppress(CorruptSegment):
            assert codec.decode_part(part, dtype, 2).shape == (2,)


def test_a_part_of_another_length_or_kind_is_corrupt():
    part = codec.encode_part(np.array([1.0, 2.5]))
    for dtype, size in ((DTYPES["f64"], 3), (DTYPES["i64"], 2 * 8), (DTYPES["bool"], 2)):
        with pytest.raises(CorruptSegment):
            codec.decode_part(part, dtype, size)


@quick
@given(groups())
def test_a_segment_comes_back_bit_by_bit(group):
    packed = codec.pack(group)
    axis = codec.decode_axis(codec.encode_axis(group.axis), group.rows)
    assert points([Group(axis, codec.unpack(packed, group.rows))]) == points([group])
    assert packed.metrics == sorted(packed.metrics)


def test_one_column_of_a_long_segment_is_read_by_its_offsets_alone():
    rows = codec.COLUMNAR_FROM_ROWS
    long = wide([5, 2, 9], rows)
    flags = Columns("bool", np.array([4], np.int32), (np.arange(rows) % 3 == 0)[None])
    packed = codec.pack(Group(long.axis, (*long.columns, flags)))
    assert packed.columnar
    assert (packed.metrics, packed.kinds) == ([2, 4, 5, 9], "fbff")
    five, two, nine = long.columns[0].values
    for place, (letter, expected) in enumerate(
        zip(packed.kinds, (two, flags.values[0], five, nine), strict=True)
    ):
        part = packed.data[packed.offsets[place] : packed.offsets[place + 1]]
        assert (codec.decode_column(part, codec.KIND_OF_LETTER[letter], rows) == expected).all()


def test_a_short_segment_has_one_part_per_kind():
    packed = codec.pack(wide(range(200), 3))
    assert not packed.columnar
    assert len(packed.offsets) == 2


@quick
@given(groups(), st.data())
def test_any_damage_to_a_frame_is_found(group, data):
    frame = codec.encode_axis(group.axis)
    place = data.draw(st.integers(0, len(frame) - 1))
    broken = bytearray(frame)
    broken[place] ^= data.draw(st.integers(1, 255))
    for damaged in (bytes(broken), frame[:place], frame + b"\0", frame[:place] + frame[place + 1 :]):
        with pytest.raises(CorruptSegment):
            codec.decode_axis(damaged, group.rows)


@pytest.mark.parametrize("name", specimens.STORED)
def test_stored_bytes_are_the_golden_ones(name):
    """A difference is a new format: see specimens.write()."""
    assert specimens.STORED[name]() == (specimens.GOLDEN / f"{name}.bin").read_bytes()


def test_golden_segments_are_still_read():
    for name, group in specimens.SEGMENTS.items():
        axis = codec.decode_axis((specimens.GOLDEN / f"{name}.axis.bin").read_bytes(), group.rows)
        packed = codec.pack(group)
        data = (specimens.GOLDEN / f"{name}.data.bin").read_bytes()
        stored = codec.Packed(packed.metrics, packed.kinds, packed.columnar, packed.offsets, data)
        assert points([Group(axis, codec.unpack(stored, group.rows))]) == points([group])
