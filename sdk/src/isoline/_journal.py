"""The journal of a stream: which batches were cut, which the server has.

Written by the sender only, one frame per event (`_frames.py`). A batch is in the journal, and the journal and
the batch's records are on the disk, before its first byte goes out: so after any crash the batch is sent
again unchanged, and the server tells it from a new one.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import msgspec

from isoline._frames import HEADER_BYTES, Kind, frame, frames

_SEAL = struct.Struct("<QQQQQQI8s")
_SEQ = struct.Struct("<Q")
_STRETCH = struct.Struct("<QQQ")
sync_file: Callable[[int], None] = getattr(os, "fdatasync", os.fsync)


class Seal(NamedTuple):
    """A batch: where its records lie, the number of its first row and of the row after it, and its digest."""

    segment: int
    start: int
    end: int
    row: int
    next_row: int
    frames: int
    digest: bytes


class Place(msgspec.Struct, omit_defaults=True):
    """Where the server keeps the run."""

    id: str
    url: str = ""
    team: str = ""
    project: str = ""
    name: str = ""
    next_step: int | None = None


class Journal:
    """The events of one stream, replayed at the start, appended as they happen.

    `stream` is the id under which batches go out now; `next_seq` the batch to be sent next.
    """

    def __init__(self, path: Path, *, stream: str) -> None:
        """Open or begin a journal. A torn tail is cut off.

        Raises OSError.
        """
        self.stream = stream
        self.next_seq = 0
        self.place: Place | None = None
        self.tombstones: dict[int, list[tuple[int, int]]] = {}
        # Columns instead of a list of seals: a long run has millions.
        self._segments = array("q")
        self._starts = array("q")
        self._ends = array("q")
        self._rows = array("q")
        self._next_rows = array("q")
        self._frames = array("q")
        self._digests = bytearray()
        self._before = Seal(0, 0, 0, 0, 0, 0, b"")
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        self._descriptor = os.open(
            path, flags | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0), 0o600
        )
        self._replay(path.read_bytes())

    def close(self) -> None:
        """Close the file. Idempotent."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def sealed(self) -> int:
        """How many batches the current stream id has: the seq of the next one to be cut."""
        return len(self._segments)

    @property
    def last(self) -> Seal:
        """The batch cut last, of whichever stream id; a seal of nothing if there is none yet."""
        return self.seal(self.sealed - 1) if self._segments else self._before

    def seal(self, seq: int) -> Seal:
        """Return one batch of the current stream id."""
        return Seal(
            self._segments[seq],
            self._starts[seq],
            self._ends[seq],
            self._rows[seq],
            self._next_rows[seq],
            self._frames[seq],
            bytes(self._digests[8 * seq : 8 * seq + 8]),
        )

    def write_seal(self, seq: int, seal: Seal) -> None:
        """Note a batch, on the disk when this returns. Those of this seq and above are forgotten.

        Raises OSError; then nothing is noted.
        """
        body = _SEAL.pack(
            seq, seal.segment, seal.start, seal.end, seal.row, seal.next_row, seal.frames, seal.digest
        )
        self._write(Kind.SEALED, body, is_synced=True)
        self._note_seal(seq, seal)

    def write_acked(self, seq: int) -> None:
        """Note that the server has all up to and including `seq`. Not synced: if it is lost, the server says
        so.

        Raises OSError.
        """
        self.next_seq = seq + 1
        self._write(Kind.ACKED, _SEQ.pack(seq), is_synced=False)

    def rewind(self, seq: int) -> None:
        """Send again from `seq`. Not noted: the server would ask again."""
        self.next_seq = seq

    def write_stream(self, stream: str) -> None:
        """Go on under another stream id, with the batch that was to be sent next as its first.

        Raises OSError.
        """
        self._write(Kind.STREAM, stream.encode(), is_synced=True)
        self._note_stream(stream)

    def write_tombstone(self, segment: int, start: int, end: int) -> None:
        """Leave a stretch of a segment out from now on.

        Raises OSError.
        """
        self._write(Kind.TOMBSTONE, _STRETCH.pack(segment, start, end), is_synced=True)
        self.tombstones.setdefault(segment, []).append((start, end))

    def write_place(self, place: Place) -> None:
        """Note where the server keeps the run.

        Raises OSError.
        """
        self._write(Kind.PLACED, msgspec.msgpack.encode(place), is_synced=False)
        self.place = place

    def _write(self, kind: Kind, body: bytes, *, is_synced: bool) -> None:
        data = frame(kind, body)
        size = os.fstat(self._descriptor).st_size
        try:
            if os.write(self._descriptor, data) != len(data):
                raise OSError("The disk is full.")
            if is_synced:
                sync_file(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, size)
            raise

    def _replay(self, data: bytes) -> None:
        end = 0
        for found in frames(data):
            self._apply(found.kind, data[found.start + HEADER_BYTES : found.end])
            end = found.end
        if end != len(data):
            os.ftruncate(self._descriptor, end)

    def _apply(self, kind: int, body: bytes) -> None:
        if kind == Kind.SEALED:
            seq, *fields = _SEAL.unpack(body)
            self._note_seal(seq, Seal(*fields))
        elif kind == Kind.ACKED:
            self.next_seq = _SEQ.unpack(body)[0] + 1
        elif kind == Kind.STREAM:
            self._note_stream(body.decode())
        elif kind == Kind.TOMBSTONE:
            segment, start, end = _STRETCH.unpack(body)
            self.tombstones.setdefault(segment, []).append((start, end))
        elif kind == Kind.PLACED:
            self.place = msgspec.msgpack.decode(body, type=Place)

    def _note_seal(self, seq: int, seal: Seal) -> None:
        self._forget_from(seq)
        self._segments.append(seal.segment)
        self._starts.append(seal.start)
        self._ends.append(seal.end)
        self._rows.append(seal.row)
        self._next_rows.append(seal.next_row)
        self._frames.append(seal.frames)
        self._digests += seal.digest

    def _note_stream(self, stream: str) -> None:
        # What was acknowledged stays behind; the batch to be sent next is cut anew from its own first record.
        if self.next_seq < self.sealed:
            following = self.seal(self.next_seq)
            self._before = following._replace(end=following.start, next_row=following.row)
        else:
            self._before = self.last
        self._forget_from(0)
        self.stream = stream
        self.next_seq = 0

    def _forget_from(self, seq: int) -> None:
        for column in (
            self._segments, self._starts, self._ends, self._rows, self._next_rows, self._frames
        ):  # fmt: skip
            del column[seq:]
        del self._digests[8 * seq :]
