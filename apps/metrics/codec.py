"""Arrays as bytes on disk: parts, frames, axes and columns (docs/design/storage-format.md, "Bytes").

A *part* is one array: a tag, its data, a checksum. A *frame* is several parts in one value, found by length.
Nothing here knows how many values a part holds: the row of the table says so, and a part that
disagrees is corrupt.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pcodec import ChunkConfig, standalone

from apps.metrics.groups import DTYPES, KINDS, Axis, Columns, Group, Ids, Ints, Kind, Values

VERSION = 1
# From here up a column is a part of its own, so that one metric can be read without the others. Below,
# a part per column would cost more bytes and time than the values in it.
COLUMNAR_FROM_ROWS = 512
LETTERS: dict[Kind, str] = {"f64": "f", "i64": "i", "bool": "b"}
KIND_OF_LETTER: dict[str, Kind] = {letter: kind for kind, letter in LETTERS.items()}

_PCODEC, _ARITHMETIC, _CONSTANT, _RAW, _BITS = range(5)
_CHECKSUM = struct.Struct("<I")
_RULE = struct.Struct("<Bqq")
# Noisy float64 in 16,384 values: 7.32 bytes at level 2, 7.01 at 5, 6.96 at 8, in 195, 247 and 602 µs (measured).
_CONFIG = ChunkConfig(compression_level=5)
# Below this pcodec's header of about 27 bytes is most of its output.
_WORTH_COMPRESSING = 8


class CorruptSegment(Exception):
    """Stored bytes are not what was written. Nothing a request did: it surfaces as a fault."""


def arithmetic(values: Ints) -> tuple[int, int] | None:
    """Return (first, by) if values (int64[n], n ≥ 1) are first + i * by without overflow, else None."""
    first = int(values[0])
    if len(values) == 1:
        return first, 0
    by = int(values[1]) - first
    last = first + by * (len(values) - 1)
    if int(values[-1]) != last or not -(2**63) <= by < 2**63:
        return None
    if len(values) > 2 and not (np.diff(values) == by).all():
        return None
    return first, by


def encode_part(values: NDArray[Any]) -> bytes:
    """Return one array (1-D float64, int64 or bool, any length) as a self-checking part."""
    body = _encode_body(values)
    return body + _CHECKSUM.pack(zlib.crc32(body))


def decode_part(part: bytes | memoryview, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    """Return the array of `size` values of `dtype` that encode_part was given, bit by bit.

    The array may be read-only. Raises CorruptSegment.
    """
    view = memoryview(part)
    if len(view) < 1 + _CHECKSUM.size:
        raise CorruptSegment(f"A part of {len(view)} bytes is too short.")
    body = view[: -_CHECKSUM.size]
    if zlib.crc32(body) != _CHECKSUM.unpack(view[-_CHECKSUM.size :])[0]:
        raise CorruptSegment("A part does not match its checksum.")
    try:
        values = _decode_body(body, dtype, size)
    except (ValueError, RuntimeError, struct.error) as error:
        raise CorruptSegment(f"A part cannot be decoded: {error}") from error
    if values.dtype != dtype or values.shape != (size,):
        raise CorruptSegment(f"A part holds {values.dtype}{values.shape}, not {dtype}({size},).")
    return values


def _encode_body(values: NDArray[Any]) -> bytes:
    if values.dtype == np.bool_:
        if len(values) and (values == values[0]).all():
            return bytes([_CONSTANT]) + values[:1].tobytes() * 8
        return bytes([_BITS]) + np.packbits(values).tobytes()
    raw = np.ascontiguousarray(values)
    bits = raw.view(np.int64)
    if len(bits) and values.dtype == np.int64 and (rule := arithmetic(bits)):
        return _RULE.pack(_ARITHMETIC, *rule)
    if len(bits) and bits[0] == bits[-1] and (bits == bits[0]).all():
        return bytes([_CONSTANT]) + bits[:1].tobytes()
    if len(raw) >= _WORTH_COMPRESSING:
        packed: bytes = standalone.simple_compress(raw, _CONFIG)
        if len(packed) < raw.nbytes:
            return bytes([_PCODEC]) + packed
    return bytes([_RAW]) + raw.tobytes()


def _decode_body(body: memoryview, dtype: np.dtype[Any], size: int) -> NDArray[Any]:
    tag, data = body[0], body[1:]
    if tag == _PCODEC:
        values: NDArray[Any] | None = standalone.simple_decompress(data.tobytes())
        if values is None:
            raise CorruptSegment("A part holds no values.")
        return values
    if tag == _ARITHMETIC:
        _, first, by = _RULE.unpack(body)
        rule: Ints = first + by * np.arange(size, dtype=np.int64)
        return rule
    if tag == _CONSTANT:
        if len(data) != 8:
            raise CorruptSegment("A constant is not 8 bytes.")
        return np.full(size, np.frombuffer(data, dtype)[0])
    if tag == _RAW:
        return np.frombuffer(data, dtype)
    if tag == _BITS:
        if len(data) != -(-size // 8):
            raise CorruptSegment("The bits do not match the row count.")
        return np.unpackbits(np.frombuffer(data, np.uint8), count=size).view(np.bool_)
    raise CorruptSegment(f"A part has the unknown tag {tag}.")


def encode_frame(parts: Sequence[bytes]) -> bytes:
    """Return several parts (at most 255) as one value: version, count, lengths, parts."""
    lengths = [len(part) for part in parts]
    return struct.pack(f"<BB{len(parts)}I", VERSION, len(parts), *lengths) + b"".join(parts)


def decode_frame(frame: bytes | memoryview, count: int) -> list[memoryview]:
    """Return the `count` parts of a frame, uncopied. Raises CorruptSegment."""
    view = memoryview(frame)
    if len(view) < 2 + 4 * count or view[0] != VERSION or view[1] != count:
        raise CorruptSegment("A frame has another version or another number of parts.")
    lengths = struct.unpack_from(f"<{count}I", view, 2)
    start = 2 + 4 * count
    if start + sum(lengths) != len(view):
        raise CorruptSegment("A frame's length is not the sum of its parts.")
    parts = []
    for length in lengths:
        parts.append(view[start : start + length])
        start += length
    return parts


def encode_axis(axis: Axis) -> bytes:
    """Return an axis as a frame of step, time, stream and row."""
    return encode_frame(
        [encode_part(column) for column in (axis.step, axis.time, axis.stream.astype(np.int64), axis.row)]
    )


def decode_axis(frame: bytes | memoryview, rows: int) -> Axis:
    """Return the axis of `rows` rows. Raises CorruptSegment."""
    step, time, stream, row = (decode_part(part, DTYPES["i64"], rows) for part in decode_frame(frame, 4))
    return Axis(step, time, stream.astype(np.int32), row)


@dataclass(frozen=True, slots=True)
class Packed:
    """The columns of a group as a row of the segment table holds them.

    metrics: ascending. kinds: a letter of LETTERS for each of them.
    columnar: data has a part per metric, between offsets[i] and offsets[i + 1]. Else it has a part per kind
    that occurs, in the order of KINDS, holding its metrics (ascending) one after the other.
    """

    metrics: list[int]
    kinds: str
    columnar: bool
    offsets: list[int]
    data: bytes


def pack(group: Group) -> Packed:
    """Return the columns of a group as bytes, with where to find which."""
    columnar = group.rows >= COLUMNAR_FROM_ROWS
    ids = np.concatenate([part.ids for part in group.columns])
    letters = np.concatenate(
        [np.full(len(part), ord(LETTERS[part.kind]), np.uint8) for part in group.columns]
    )
    order = np.argsort(ids)
    if columnar:
        by_place = [column for part in group.columns for column in part.values]
        parts = [encode_part(by_place[place]) for place in order]
    else:
        parts = [encode_part(columns.values.ravel()) for columns in by_kind(group.columns)]
    return Packed(
        metrics=ids[order].tolist(),
        kinds=letters[order].tobytes().decode(),
        columnar=columnar,
        offsets=np.cumsum([0, *map(len, parts)]).tolist(),
        data=b"".join(parts),
    )


def unpack(packed: Packed, rows: int) -> tuple[Columns, ...]:
    """Return the columns that pack() was given: one Columns per kind, ids ascending.

    Raises CorruptSegment.
    """
    ids = np.array(packed.metrics, np.int32)
    letters = np.frombuffer(packed.kinds.encode(), np.uint8)
    starts = packed.offsets
    view = memoryview(packed.data)
    kinds = [kind for kind in KINDS if LETTERS[kind] in packed.kinds]
    expected = len(ids) if packed.columnar else len(kinds)
    if len(starts) != expected + 1 or starts[0] != 0 or starts[-1] != len(view) or len(letters) != len(ids):
        raise CorruptSegment("The offsets of a segment do not fit its data.")
    made = []
    for number, kind in enumerate(kinds):
        places = np.flatnonzero(letters == ord(LETTERS[kind]))
        if packed.columnar:
            values: Values = np.empty((len(places), rows), DTYPES[kind])
            for target, place in enumerate(places.tolist()):
                values[target] = decode_column(view[starts[place] : starts[place + 1]], kind, rows)
        else:
            part = view[starts[number] : starts[number + 1]]
            values = decode_part(part, DTYPES[kind], len(places) * rows).reshape(len(places), rows)
        made.append(Columns(kind, ids[places], values))
    return tuple(made)


def decode_column(part: bytes | memoryview, kind: Kind, rows: int) -> Values:
    """Return one column of a columnar segment, cut out of its data by the offsets. Raises CorruptSegment."""
    return decode_part(part, DTYPES[kind], rows)


def by_kind(columns: Sequence[Columns]) -> tuple[Columns, ...]:
    """Return the same columns as one Columns per kind, in the order of KINDS, ids ascending."""
    made = []
    for kind in KINDS:
        parts = [part for part in columns if part.kind == kind]
        if not parts:
            continue
        ids: Ids = parts[0].ids if len(parts) == 1 else np.concatenate([part.ids for part in parts])
        values: Values = (
            parts[0].values if len(parts) == 1 else np.concatenate([part.values for part in parts])
        )
        if (ids[1:] < ids[:-1]).any():
            order = np.argsort(ids)
            ids, values = ids[order], values[order]
        made.append(Columns(kind, ids, values))
    return tuple(made)
