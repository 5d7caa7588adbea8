"""Several small groups as one value: what a fold writes for a block, and what an archive keeps.

    sheaf = u8 version (1) | u16 groups | u32 length of the directory | directory | body… | u32 CRC-32 of the directory
    entry = u32 rows | u16 metrics | u32 axis length | u32 data length | u8 columnar | u16 offsets
            | i32 offset… | i16 member… | a letter for each member's kind
    body  = the axis (codec.encode_axis), then the data (codec.pack)

A member is a metric's number less 256 × block. Little-endian throughout.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence

import numpy as np

from apps.metrics.codec import CorruptSegment, Packed, decode_axis, encode_axis, pack, unpack
from apps.metrics.groups import Group

_VERSION = 1
_HEAD = struct.Struct("<BHI")
_ENTRY = struct.Struct("<IHIIBH")
_CHECKSUM = struct.Struct("<I")


def encode(groups: Sequence[Group], first_metric: int) -> bytes:
    """Return groups whose metrics are numbered from first_metric to first_metric + 255 as one value."""
    entries: list[bytes] = []
    bodies: list[bytes] = []
    for group in groups:
        axis = encode_axis(group.axis)
        packed = pack(group)
        count = len(packed.metrics)
        entries.append(
            _ENTRY.pack(group.rows, count, len(axis), len(packed.data), packed.columnar, len(packed.offsets))
            + struct.pack(f"<{len(packed.offsets)}i", *packed.offsets)
            + (np.array(packed.metrics, np.int64) - first_metric).astype("<i2").tobytes()
            + packed.kinds.encode()
        )
        bodies += (axis, packed.data)
    directory = b"".join(entries)
    return b"".join(
        [
            _HEAD.pack(_VERSION, len(groups), len(directory)),
            directory,
            *bodies,
            _CHECKSUM.pack(zlib.crc32(directory)),
        ]
    )


def decode(sheaf: bytes | memoryview, first_metric: int) -> list[Group]:
    """Return the groups that encode() was given. Raises CorruptSegment."""
    view = memoryview(sheaf)
    try:
        version, count, length = _HEAD.unpack_from(view)
        at, body = _HEAD.size, _HEAD.size + length
        if version != _VERSION or zlib.crc32(view[at:body]) != _CHECKSUM.unpack(view[-_CHECKSUM.size :])[0]:
            raise CorruptSegment("A sheaf has another version or does not match its checksum.")
        groups = []
        for _ in range(count):
            rows, metrics, axis_size, data_size, columnar, offsets = _ENTRY.unpack_from(view, at)
            at += _ENTRY.size
            starts = list(struct.unpack_from(f"<{offsets}i", view, at))
            at += 4 * offsets
            members = np.frombuffer(view, "<i2", metrics, at).astype(np.int32) + first_metric
            at += 2 * metrics
            letters = bytes(view[at : at + metrics]).decode()
            at += metrics
            axis = decode_axis(view[body : body + axis_size], rows)
            body += axis_size
            data = bytes(view[body : body + data_size])
            body += data_size
            groups.append(
                Group(axis, unpack(Packed(members.tolist(), letters, bool(columnar), starts, data), rows))
            )
    except (struct.error, ValueError) as error:
        raise CorruptSegment(f"A sheaf cannot be decoded: {error}") from error
    return groups
