"""Frames: how one record lies in a spool segment or a journal.

    0   u32  length of what follows the first 8 bytes
    4   u32  CRC-32 of what follows
    8   u32  mark: the kind in the low byte, "LSI" above it
    12  u32  schema (rows) or 0
    16  ...  the body

A row's body is the step, the time (µs since the epoch, UTC) and one 8-byte slot per value: binary64, int64,
or a byte and seven zeros for a boolean. So all frames of one schema have one size, a multiple of eight, and a
stretch of them is a matrix whose columns can be lifted out without looking at a single value. Every other
body is msgpack.

The mark makes a frame findable again behind a damaged one: a flipped bit loses one record, not the rest of
the file.
"""

from __future__ import annotations

import enum
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

HEADER_BYTES = 16
ROW_BYTES = 32
FRONT_BYTES = 8
MARK = 0x49534C00

# Above everything `log()` lets through (a value is at most 1 MiB, a row at most 100,000 columns), so that a
# damaged length is seen as damage and not waited for.
FRAME_MAX_BYTES = 16 * 1024 * 1024

_FIND = b"LSI"
_FIND_OFFSET = 9
_HEADER = struct.Struct("<IIII")
_MARKED = struct.Struct("<II")
front = struct.Struct("<II").pack


class Kind(enum.IntEnum):
    """What a frame holds."""

    DAMAGE = 0  # never written: what a reader could not make sense of
    SCHEMA = 1  # [names, kinds]: the columns of the rows that name this schema
    ROW = 2
    RECORD = 3  # a record of the wire format, as it will be sent
    VALUE = 4  # [key, step, time, value], a call of `log()` without any scalar
    VALUE_OF_ROW = 5  # the same, of the call whose row stands before it
    START = 6  # {version, stream, segment}: the first frame of a segment
    END = 7  # the writer is done
    SEALED = 8  # journal: a batch has been cut
    ACKED = 9  # journal: the server has it
    STREAM = 10  # journal: from here on under another stream id, from seq 0
    TOMBSTONE = 11  # journal: a stretch of a segment that the server will never take
    PLACED = 12  # journal: the server's id and address of the run


class Frame(NamedTuple):
    """A frame found in a file: its bytes lie from `start` to `end`."""

    kind: int
    schema: int
    start: int
    end: int


def frame(kind: Kind, body: bytes, schema: int = 0) -> bytes:
    """Return the bytes of a frame."""
    marked = _MARKED.pack(MARK | kind, schema) + body
    return front(len(marked), zlib.crc32(marked)) + marked


def frames(data: bytes, start: int = 0) -> Iterator[Frame]:
    """Walk the frames of a file.

    data: the file's first bytes, from its beginning.
    start: where a frame begins.

    Bytes that are no frame, and have a whole frame behind them, come as one `Kind.DAMAGE`. Bytes at the end
    that are no frame (yet) come not at all: what they mean depends on whether somebody is still writing.
    """
    view = memoryview(data)
    size = len(data)
    unpack = _HEADER.unpack_from
    crc32 = zlib.crc32
    position = start
    while size - position >= HEADER_BYTES:
        length, checksum, mark, schema = unpack(data, position)
        end = position + FRONT_BYTES + length
        is_frame = length >= FRONT_BYTES and end <= size and mark & ~0xFF == MARK
        if is_frame and crc32(view[position + FRONT_BYTES : end]) == checksum:
            yield Frame(mark & 0xFF, schema, position, end)
            position = end
            continue
        found = _next_whole(data, position + 1)
        if found < 0:
            return
        yield Frame(Kind.DAMAGE, 0, position, found)
        position = found


def _next_whole(data: bytes, start: int) -> int:
    """Return where the next undamaged frame begins, or -1."""
    at = data.find(_FIND, start + _FIND_OFFSET)
    while at >= 0:
        position = at - _FIND_OFFSET
        length, checksum, mark, _ = _HEADER.unpack_from(data, position)
        end = position + FRONT_BYTES + length
        is_frame = mark & ~0xFF == MARK and FRONT_BYTES <= length <= FRAME_MAX_BYTES and end <= len(data)
        if is_frame and zlib.crc32(data[position + FRONT_BYTES : end]) == checksum:
            return position
        at = data.find(_FIND, at + 1)
    return -1
