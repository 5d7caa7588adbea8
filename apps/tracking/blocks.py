"""Packed blocks of rows: what a RecordSegment holds. Without Django.

A row is (time, number, level, content): microseconds, the line number or row it has in its stream, a log
level (0 for none, else its place in LEVELS from 1) and anything msgpack can say. A block is its columns as
one zstd frame of msgpack, rows ordered by (time, number). Blocks are merged like the engine's segments:
sixteen of a size make one of the next, so a row is rewritten at most three times, and a block that is full
is never touched again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import msgspec
import zstandard

FULL_ROWS = 2048
FULL_BYTES = 1 << 18
# How many blocks of one level make one of the next.
FAN_IN = 16
SEALED = 100


class Row(NamedTuple):
    time: int
    number: int
    level: int
    content: Any


@dataclass(frozen=True)
class Block:
    rows: tuple[Row, ...]
    data: bytes
    raw_bytes: int

    @property
    def count(self) -> int:
        return len(self.rows)

    @property
    def level(self) -> int:
        """The size class: 0 below 16 rows, 1 below 256, 2 below a full block."""
        if self.count >= FULL_ROWS or self.raw_bytes >= FULL_BYTES:
            return SEALED
        return (self.count >= FAN_IN) + (self.count >= FAN_IN**2)

    @property
    def levels(self) -> int:
        """Which log levels occur, a bit each."""
        mask = 0
        for row in self.rows:
            mask |= 1 << row.level
        return mask


def pack(rows: Iterable[Row]) -> Iterator[Block]:
    """Cut rows, in order, into blocks that are at most full. Yields nothing for none."""
    ordered = sorted(rows, key=lambda row: (row.time, row.number))
    encoder = msgspec.msgpack.Encoder()
    part: list[Row] = []
    contents: list[msgspec.Raw] = []
    size = 0
    for row in ordered:
        content = encoder.encode(row.content)
        if part and (len(part) >= FULL_ROWS or size + len(content) > FULL_BYTES):
            yield _block(part, contents)
            part, contents, size = [], [], 0
        part.append(row)
        contents.append(msgspec.Raw(content))
        size += len(content) + 12
    if part:
        yield _block(part, contents)


def unpack(data: bytes | memoryview) -> list[Row]:
    """Return the rows of a block, in order."""
    times, numbers, levels, contents = msgspec.msgpack.decode(zstandard.decompress(bytes(data)))
    return list(map(Row, times, numbers, levels, contents))


def _block(rows: Sequence[Row], contents: Sequence[msgspec.Raw]) -> Block:
    raw = msgspec.msgpack.encode(
        ([row.time for row in rows], [row.number for row in rows], [row.level for row in rows], contents)
    )
    return Block(tuple(rows), zstandard.compress(raw, 3), len(raw))
