"""From frames to the wire: rows become columns, in bulk.

All frames of one schema have one size, so a stretch of them is a matrix of 8-byte words, and a column is
every n-th word: one strided copy per column, whatever the number of rows. Nothing here looks at a single
value.

The same stretch of a segment always gives the same bytes: a batch is rebuilt from the spool when it is sent
again, and the server compares digests.
"""

from __future__ import annotations

import hashlib
import os
from array import array
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from isoline._frames import HEADER_BYTES, ROW_BYTES, Kind, frames

_WORD_BYTES = 8
_ROW_WORDS = ROW_BYTES // _WORD_BYTES
_STEP_WORD = 2
_TIME_WORD = 3
_WIRE_KINDS = (("d", "f64"), ("q", "i64"), ("?", "bool"))

_encoder = msgspec.msgpack.Encoder()
_schema_decoder = msgspec.msgpack.Decoder(tuple[list[str], str])
_value_decoder = msgspec.msgpack.Decoder(tuple[str, int, int, msgspec.Raw])
_console_prefix = _encoder.encode({"type": "console", "lines": []})[:-1]


class _Console(msgspec.Struct):
    lines: list[msgspec.Raw]


_console_decoder = msgspec.msgpack.Decoder(_Console)


class Limits(NamedTuple):
    """How large a batch may become. The wire format's own limits are twice as wide or more."""

    spool_bytes: int = 4 * 1024 * 1024
    rows: int = 50_000
    points: int = 500_000
    names: int = 50_000
    records: int = 20_000
    frames: int = 1_000_000

    @classmethod
    def unlimited(cls) -> Limits:
        """For reading back a stretch whose end is known."""
        return cls(*[2**62] * 6)

    def halved(self) -> Limits:
        """For a server that takes less."""
        return self._replace(
            spool_bytes=max(4096, self.spool_bytes // 2),
            points=max(1, self.points // 2),
            rows=max(1, self.rows // 2),
        )


class Schema(NamedTuple):
    """The columns of the rows that name this schema; a letter of `kinds` per name."""

    names: list[str]
    kinds: str


class Window(NamedTuple):
    """A stretch of a segment, and what it says on the wire.

    body: empty if there is nothing to send.
    next_row: the number of the row after it.
    frames: how many frames with content there are, tombstones not counted.
    damaged_bytes: what could not be read, and was passed over.
    is_end: the writer's last frame has been seen, behind the window.
    """

    start: int
    end: int
    body: bytes
    next_row: int
    frames: int
    rows: int
    points: int
    damaged_bytes: int
    is_end: bool

    @property
    def digest(self) -> bytes:
        """The eight bytes by which the server tells a repeat from a contradiction."""
        return hashlib.blake2b(self.body, digest_size=8).digest()


class SegmentReader:
    """Reads windows of one segment. Remembers the schemas it has passed."""

    def __init__(self, path: Path) -> None:
        """Raises OSError if the file is not there."""
        self.path = path
        # Windows syncs only files that are open for writing.
        self._file = path.open("rb" if os.name == "posix" else "r+b", buffering=0)
        self._schemas: dict[int, Schema] = {}
        self._known_to = 0

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def descriptor(self) -> int:
        """The open file, for `fsync`."""
        return self._file.fileno()

    def read(
        self, start: int, *, stop: int | None, row: int, limits: Limits, skip: list[tuple[int, int]]
    ) -> Window:
        """Return the window from `start` to `stop`, or to where the limits or the whole frames end.

        start: where a frame begins; 0 is the segment's.
        row: the number of the first row.
        skip: stretches (start, end) that are not to be sent.

        Raises OSError.
        """
        if start > self._known_to:
            self._learn(start)
        size = limits.spool_bytes if stop is None else stop - start
        data = self._read_at(start, size)
        gathered = _Gathered(row, self._schemas)
        window = self._gather(gathered, data, start, limits, skip)
        if window.end == start and not window.is_end and stop is None and len(data) == size:
            # One frame is longer than a batch should be: take it alone. Otherwise wait for its rest.
            larger = self._read_at(start, 5 * limits.spool_bytes)
            if len(larger) > len(data):
                window = self._gather(gathered, larger, start, limits._replace(frames=1), skip)
        self._known_to = max(self._known_to, window.end)
        return window

    def tail_bytes(self, start: int) -> int:
        """Return how many bytes lie behind `start`."""
        return max(0, self.path.stat().st_size - start)

    def _read_at(self, start: int, size: int) -> bytes:
        self._file.seek(start)
        return self._file.read(size)

    def _learn(self, start: int) -> None:
        data = self._read_at(0, start)
        for found in frames(data):
            if found.kind == Kind.SCHEMA:
                body = data[found.start + HEADER_BYTES : found.end]
                self._schemas[found.schema] = Schema(*_schema_decoder.decode(body))
        self._known_to = start

    def _gather(
        self, gathered: _Gathered, data: bytes, base: int, limits: Limits, skip: list[tuple[int, int]]
    ) -> Window:
        end = 0
        is_end = False
        for kind, schema_id, start, stop in frames(data):
            if kind == Kind.END:
                is_end = True
                break
            if kind == Kind.ROW:
                is_skipped = bool(skip) and any(a <= base + start < b for a, b in skip)
                if not gathered.take_row(schema_id, start, stop, limits, is_skipped=is_skipped):
                    break
            elif kind == Kind.SCHEMA:
                self._schemas[schema_id] = Schema(*_schema_decoder.decode(data[start + HEADER_BYTES : stop]))
            elif kind == Kind.DAMAGE:
                gathered.damaged_bytes += stop - start
            elif kind != Kind.START:
                if gathered.frames >= limits.frames or gathered.records >= limits.records:
                    break
                is_skipped = bool(skip) and any(a <= base + start < b for a, b in skip)
                gathered.take_record(kind, data[start + HEADER_BYTES : stop], is_skipped=is_skipped)
            end = stop
        return Window(
            start=base,
            end=base + end,
            body=gathered.body(data),
            next_row=gathered.next_row,
            frames=gathered.frames,
            rows=gathered.rows,
            points=gathered.points,
            damaged_bytes=gathered.damaged_bytes,
            is_end=is_end,
        )


class _Gathered:
    """What a walk over frames has collected: stretches of rows by schema, and records."""

    def __init__(self, row: int, schemas: dict[int, Schema]) -> None:
        self.next_row = row
        self.frames = 0
        self.rows = 0
        self.points = 0
        self.records = 0
        self.damaged_bytes = 0
        self._schemas = schemas
        self._names = 0
        # By schema: stretches of bytes, and of row numbers, as [start, stop] pairs in step with each other.
        self._stretches: dict[int, list[list[int]]] = {}
        self._numbers: dict[int, list[list[int]]] = {}
        self._records: list[msgspec.Raw | dict[str, Any]] = []
        self._lines: list[msgspec.Raw] | None = None

    def take_row(self, schema_id: int, start: int, stop: int, limits: Limits, *, is_skipped: bool) -> bool:
        """Take one row; False if it would make the batch too large."""
        if is_skipped:
            self.next_row += 1
            return True
        points = (stop - start - ROW_BYTES) // _WORD_BYTES
        stretches = self._stretches.get(schema_id)
        if stretches is None and not self._knows(schema_id, points):
            # The frame that defined it is damaged.
            self.damaged_bytes += stop - start
            self.next_row += 1
            return True
        names = points if stretches is None else 0
        if self.frames and (
            self.frames >= limits.frames
            or self.rows >= limits.rows
            or self.points + points > limits.points
            or self._names + names > limits.names
        ):
            return False
        if stretches is None:
            self._names += names
            stretches = self._stretches[schema_id] = []
            self._numbers[schema_id] = []
        numbers = self._numbers[schema_id]
        if stretches and stretches[-1][1] == start and numbers[-1][1] == self.next_row:
            stretches[-1][1] = stop
            numbers[-1][1] += 1
        else:
            stretches.append([start, stop])
            numbers.append([self.next_row, self.next_row + 1])
        self.next_row += 1
        self.frames += 1
        self.rows += 1
        self.points += points
        return True

    def _knows(self, schema_id: int, columns: int) -> bool:
        schema = self._schemas.get(schema_id)
        return schema is not None and len(schema.names) == columns

    def take_record(self, kind: int, body: bytes, *, is_skipped: bool) -> None:
        """Take one record or value."""
        self.records += 1
        if kind == Kind.VALUE:
            self.next_row += 1
        if is_skipped:
            return
        self.frames += 1
        if kind == Kind.RECORD:
            if body.startswith(_console_prefix):
                self._take_console(body)
                return
            self._records.append(msgspec.Raw(body))
        else:
            key, step, time_us, value = _value_decoder.decode(body)
            row = max(0, self.next_row - 1)
            self._records.append(
                {"type": "value", "key": key, "row": row, "step": step, "time": time_us, "value": value}
            )
        self._lines = None

    def _take_console(self, body: bytes) -> None:
        # Neighbouring pieces of console output become one record.
        lines = _console_decoder.decode(body).lines
        if self._lines is None:
            self._lines = lines
            self._records.append({"type": "console", "lines": lines})
        else:
            self._lines.extend(lines)

    def body(self, data: bytes) -> bytes:
        """Return the batch in the wire format; empty if it holds nothing."""
        if not self._stretches and not self._records:
            return b""
        batch: dict[str, Any] = {"v": 1}
        groups = [
            _group(self._schemas[schema_id], data, stretches, self._numbers[schema_id])
            for schema_id, stretches in self._stretches.items()
        ]
        if groups:
            batch["groups"] = groups
        if self._records:
            batch["records"] = self._records
        return _encoder.encode(batch)


def _group(
    schema: Schema, data: bytes, stretches: list[list[int]], numbers: list[list[int]]
) -> dict[str, Any]:
    view = memoryview(data)
    if len(stretches) == 1:
        rows = view[stretches[0][0] : stretches[0][1]]
    else:
        rows = memoryview(b"".join([view[start:stop] for start, stop in stretches]))
    row_words = _ROW_WORDS + len(schema.names)
    words = rows.cast("Q")
    count = len(words) // row_words
    if len(numbers) == 1:
        row_axis: list[int] | bytes = [numbers[0][0], 1]
    else:
        row_numbers = array("q")
        for start, stop in numbers:
            row_numbers.extend(range(start, stop))
        row_axis = _axis(row_numbers.tobytes())
    blocks = []
    for letter, kind in _WIRE_KINDS:
        columns = [column for column, found in enumerate(schema.kinds) if found == letter]
        if not columns:
            continue
        if letter == "?":
            lifted = [rows[ROW_BYTES + _WORD_BYTES * column :: _WORD_BYTES * row_words] for column in columns]
        else:
            lifted = [words[_ROW_WORDS + column :: row_words] for column in columns]
        values = b"".join([column.tobytes() for column in lifted])
        names = [schema.names[column] for column in columns]
        blocks.append({"kind": kind, "names": names, "values": values})
    return {
        "n": count,
        "row": row_axis,
        "step": _axis(words[_STEP_WORD::row_words].tobytes()),
        "time": _axis(words[_TIME_WORD::row_words].tobytes()),
        "blocks": blocks,
    }


def _axis(raw: bytes) -> list[int] | bytes:
    """Return int64 values as [first, by] where they are an arithmetic sequence, else as they are."""
    values = array("q")
    values.frombytes(raw)
    count = len(values)
    first = values[0]
    if count == 1:
        return [first, 1]
    by = values[1] - first
    # The cheap look at the end spares most sequences that are not arithmetic the comparison of all.
    if values[-1] != first + by * (count - 1):
        return raw
    if by == 0:
        return [first, 0] if raw == raw[:_WORD_BYTES] * count else raw
    last = first + by * (count - 1)
    expected = array("q", range(first, last + (1 if by > 0 else -1), by))
    return [first, by] if values == expected else raw
