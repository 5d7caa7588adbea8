"""The spool: where a record is once `log()` has returned.

    <spool>/sender.lock            held by the one sender of this machine and user
    <spool>/sender.log
    <spool>/streams/<id>/          one writer: one process's part of one run
        stream.json                whose records these are and how to create their run
        key                        the API key, if it came from the environment and not from `isoline login`
        writer.lock                held as long as the writer lives
        delivery.lock              held by the sender that delivers the stream
        000000.seg 000001.seg …    the records, append-only
        finished                   left by `finish` after a success: there is nothing to resume
        journal                    the sender's: batches cut, acknowledged (`_journal.py`)
        status.json                the sender's: what it wants the writer to know

A segment is a file of frames (`_frames.py`) and complete in itself: it begins with `START` and defines the
schemas its rows name. Once its successor exists nobody writes to it again.
"""

from __future__ import annotations

import errno
import itertools
import os
import shutil
import struct
import threading
import time
import weakref
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from zlib import crc32 as _crc32

import msgspec

from isoline._frames import MARK, Kind, frame, front
from isoline._journal import sync_file
from isoline._locks import FileLock
from isoline._values import kind_of

MANIFEST = "stream.json"
STATUS = "status.json"
KEY = "key"
JOURNAL = "journal"
FINISHED = "finished"
WRITER_LOCK = "writer.lock"
DELIVERY_LOCK = "delivery.lock"
SEGMENT_BYTES = 16 * 1024 * 1024

# Beyond this many sets of names a segment's table is dropped with the segment, so that a program which logs
# under ever new names costs no memory.
SCHEMAS_MAX = 4096

_ROW_MARK = MARK | Kind.ROW
_OPEN_FLAGS = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
)
_SLOT = {"d": "d", "q": "q", "?": "?7x"}
_encoder = msgspec.msgpack.Encoder()
_write = os.write
_time_ns = time.time_ns


class Manifest(msgspec.Struct, omit_defaults=True):
    """Whose records a stream holds, and how its run is created.

    `create` is the body of the request that creates the run. `is_primary` marks the stream whose process owns
    the run's state; the streams of forked children and other ranks only add to it.
    """

    stream: str
    server: str
    project: str
    run: str
    team: str | None = None
    create: dict[str, Any] = {}
    is_primary: bool = True
    is_online: bool = True
    host: str = ""
    pid: int = 0
    started_at_us: int = 0
    directory: str = ""


# The problems that no patience of ours ends.
NEEDS_PERSON = ("unauthorized", "forbidden", "outdated", "refused")


class Status(msgspec.Struct, omit_defaults=True):
    """What the sender wants a stream's writer to know. Counts are of this stream, since its beginning.

    problem: "" if all is well; `away`, `busy` (it tries again by itself), `unauthorized`, `forbidden` (it
    waits for another key), `outdated` (for another version of this package or the server), `refused`, `gone`
    (it has stopped). `message` and `code` are the server's words for it.
    """

    run_id: str = ""
    url: str = ""
    team: str = ""
    name: str = ""
    next_step: int | None = None
    is_complete: bool = False
    stop_requested: bool = False
    rows_sent: int = 0
    points_sent: int = 0
    batches_sent: int = 0
    bytes_queued: int = 0
    rejected: dict[str, int] = {}
    rejected_example: str = ""
    lost_batches: int = 0
    damaged_bytes: int = 0
    problem: str = ""
    message: str = ""
    code: str = ""
    sender_pid: int = 0


class Unplanned(Exception):
    """The names or types of a call have not been seen in this segment: the caller takes the slow path."""


class StreamWriter:
    """One process's end of a stream. Safe for threads, signal handlers and forks.

    A write is one `write(2)` to an append-only file, so what was accepted outlives the process. A write that
    fails (disk full, input/output error) or may not be made (`is_full`) is counted in `rows_lost` or
    `records_lost`.
    """

    def __init__(
        self, directory: Path, manifest: Manifest, lock: FileLock, *, segment: int, segment_bytes: int
    ) -> None:
        self.manifest = manifest
        self.directory = directory
        self.next_step = 0
        self.rows = 0
        self.rows_lost = 0
        self.records_lost = 0
        self.is_full = False
        self.is_closed = False
        self.is_abandoned = False
        self.fault: OSError | None = None
        self._limit = segment_bytes
        self._lock = threading.RLock()
        self._depth = 0
        self._plans: dict[tuple[object, ...], tuple[Callable[..., bytes], int]] = {}
        self._schema_ids: Iterator[int] = itertools.count()
        self._descriptor = -1
        self._size = 0
        self._synced_size = 0
        self._segment = segment
        self._unsynced: list[int] = []
        self._writer_lock = lock
        self._open_segment()
        _live_writers.add(self)

    @classmethod
    def create(
        cls, spool: Path, manifest: Manifest, *, key: str = "", segment_bytes: int = SEGMENT_BYTES
    ) -> StreamWriter:
        """Make a stream's folder and its first segment.

        key: the API key to leave for the sender; "" if it is to find it in the credentials file.

        Raises OSError if the disk says no.
        """
        directory = spool / "streams" / manifest.stream
        # Made aside and renamed, so that a sender never sees a stream without its lock and manifest.
        aside = spool / "streams" / f".{manifest.stream}"
        aside.mkdir(parents=True, mode=0o700)
        lock = FileLock(aside / WRITER_LOCK)
        if not lock.acquire():
            raise OSError(errno.ENOLCK, f"The folder {spool} does not support file locks.")
        (aside / MANIFEST).write_bytes(msgspec.json.encode(manifest))
        if key:
            write_private(aside / KEY, key.encode())
        aside.rename(directory)
        return cls(directory, manifest, lock, segment=0, segment_bytes=segment_bytes)

    @classmethod
    def adopt(cls, directory: Path, lock: FileLock) -> StreamWriter:
        """Write on behalf of a writer that has died; `lock` is its held `writer.lock`.

        The records go to a segment of their own, behind whatever the dead writer left.

        Raises OSError if the disk says no.
        """
        segment = max(segment_numbers(directory), default=-1) + 1
        manifest = load_manifest(directory)
        return cls(directory, manifest, lock, segment=segment, segment_bytes=SEGMENT_BYTES)

    # The hot path: everything between here and `_put` runs once per `log()`.

    def append_row(self, values: Mapping[str, Any], step: int | None, time_us: int | None) -> None:
        """Append one row of scalars.

        step: None counts on from the greatest step so far.
        time_us: None is now.

        Raises Unplanned if these names and types are new to the segment, and struct.error for a step, time or
        integer outside int64; nothing has been written then.
        """
        with self._lock:
            self._depth += 1
            try:
                signature = (*values, *map(type, values.values()))
                try:
                    pack, schema = self._plans[signature]
                except KeyError:
                    raise Unplanned from None
                if step is None:
                    step = self.next_step
                if time_us is None:
                    time_us = _time_ns() // 1000
                body = pack(_ROW_MARK, schema, step, time_us, *values.values())
                if self._put(front(len(body), _crc32(body)) + body):
                    self.rows += 1
                else:
                    self.rows_lost += 1
                if step >= self.next_step:
                    self.next_step = step + 1
            finally:
                self._depth -= 1
            if self._size >= self._limit:
                self._rotate()

    def _put(self, data: bytes) -> bool:
        if self.is_full:
            return False
        try:
            written = _write(self._descriptor, data)
        except OSError as error:
            self.fault = error
            return False
        if written != len(data):
            self._take_back(written)
            return False
        self._size += written
        return True

    def _take_back(self, written: int) -> None:
        # Half a frame at the end of a full disk. If it cannot be cut off, the reader skips it as damage.
        self.fault = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        try:
            os.ftruncate(self._descriptor, self._size)
        except OSError:
            self._size += written

    # What comes less often.

    def append_new_row(self, values: Mapping[str, Any], step: int | None, time_us: int | None) -> None:
        """Append a row whose names or types may be new to the segment.

        values: as `_values.split` leaves them.
        """
        with self._lock:
            # A signal handler's `log()` may end the segment between the plan and the row, but hardly three
            # times.
            for _ in range(3):
                try:
                    self.append_row(values, step, time_us)
                    return
                except Unplanned:
                    try:
                        self.plan(values)
                    except OSError as error:
                        self.fault = self.fault or error
                        break
            self.rows_lost += 1

    def plan(self, values: Mapping[str, Any]) -> None:
        """Define the columns of these names and types in the segment, so that `append_row` takes them.

        Every key is a good name and every value a scalar (`_values.split` has seen to it).

        Raises OSError if the spool takes nothing now.
        """
        with self._lock:
            self._check_owner()
            signature = (*values, *map(type, values.values()))
            if signature in self._plans:
                return
            if len(self._plans) >= SCHEMAS_MAX:
                self._rotate()
            self._depth += 1
            try:
                self._define(
                    signature, list(values), "".join(kind_of(type(v)) or "" for v in values.values())
                )
            finally:
                self._depth -= 1

    def _define(self, signature: tuple[object, ...], names: list[str], kinds: str) -> None:
        schema = next(self._schema_ids)
        if not self._put(frame(Kind.SCHEMA, _encoder.encode((names, kinds)), schema)):
            raise OSError(errno.ENOSPC, "The spool takes nothing now.")
        pack = struct.Struct("<IIqq" + "".join(_SLOT[kind] for kind in kinds)).pack
        self._plans[signature] = (pack, schema)

    def append_record(self, record: Mapping[str, Any]) -> bool:
        """Append one record of the wire format; False if the disk did not take it."""
        return self._append(Kind.RECORD, record)

    def append_value(
        self, key: str, step: int | None, time_us: int | None, value: Any, *, of_row: bool
    ) -> bool:
        """Append a text or structure.

        of_row: it belongs to the call of `log()` that wrote the last row or value; its step is that one's.
        """
        with self._lock:
            if step is None:
                step = self.next_step - 1 if of_row else self.next_step
            if time_us is None:
                time_us = _time_ns() // 1000
            kind = Kind.VALUE_OF_ROW if of_row else Kind.VALUE
            is_written = self._append(kind, (key, step, time_us, value))
            if step >= self.next_step:
                self.next_step = step + 1
            return is_written

    def _append(self, kind: Kind, body: object) -> bool:
        data = frame(kind, _encoder.encode(body))
        with self._lock:
            self._check_owner()
            self._depth += 1
            try:
                is_written = self._put(data)
            finally:
                self._depth -= 1
            if not is_written:
                self.records_lost += 1
            if self._size >= self._limit:
                self._rotate()
            return is_written

    @property
    def is_dirty(self) -> bool:
        """Whether there are records which a loss of power could still take."""
        return bool(self._unsynced) or self._synced_size != self._size

    def sync(self) -> None:
        """Bring everything written so far onto the disk, past a loss of power.

        Raises OSError if the disk says no.
        """
        with self._lock:
            if self.is_closed or self.is_abandoned:
                return
            full, self._unsynced = self._unsynced, []
            # A duplicate, so that a rotation meanwhile cannot pull the file from under the call.
            current, size = os.dup(self._descriptor), self._size
        try:
            for descriptor in (*full, current):
                sync_file(descriptor)
        finally:
            for descriptor in (*full, current):
                os.close(descriptor)
        self._synced_size = size

    def close(self, *, is_done: bool = True) -> None:
        """Say that no more will come, and let go of the files. Idempotent.

        is_done: False leaves the stream as a killed writer would.
        """
        with self._lock:
            if self.is_closed or self.is_abandoned:
                return
            # Not `_append`: the segment that ends here must get no successor.
            if is_done and not self._put(frame(Kind.END, b"\xc0")):
                self.records_lost += 1
            try:
                self.sync()
            except OSError as error:
                self.fault = error
            self.is_closed = True
            self._plans = {}
            os.close(self._descriptor)
            self._writer_lock.release()
        _live_writers.discard(self)

    def _check_owner(self) -> None:
        if self.is_closed or self.is_abandoned:
            raise Unplanned

    def _rotate(self) -> None:
        # A signal handler's `log()` inside another one's must not end the segment whose schema the outer has
        # packed.
        if self._depth:
            return
        old = self._descriptor
        self._segment += 1
        try:
            self._open_segment()
        except OSError as error:
            # Go on in the segment there is.
            self.fault = error
            self._segment -= 1
            return
        self._unsynced.append(old)

    def _open_segment(self) -> None:
        path = segment_path(self.directory, self._segment)
        aside = path.with_suffix(".new")
        descriptor = os.open(aside, _OPEN_FLAGS, 0o600)
        body = {"version": 1, "stream": self.manifest.stream, "segment": self._segment}
        start = frame(Kind.START, _encoder.encode(body))
        try:
            if os.write(descriptor, start) != len(start):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            # Renamed when it is whole: its being there tells the reader that the one before is complete.
            aside.rename(path)
        except OSError:
            os.close(descriptor)
            raise
        self._descriptor = descriptor
        self._size = len(start)
        self._synced_size = 0
        self._plans = {}
        self._schema_ids = itertools.count()

    def _abandon(self) -> None:
        """Let go in a forked child: the stream stays the parent's."""
        self._lock = threading.RLock()
        self._plans = {}
        self.is_abandoned = True
        for descriptor in (*self._unsynced, self._descriptor):
            os.close(descriptor)
        self._unsynced = []
        self._writer_lock.release()


_live_writers: weakref.WeakSet[StreamWriter] = weakref.WeakSet()


def _abandon_all() -> None:
    for writer in list(_live_writers):
        writer._abandon()
    _live_writers.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_abandon_all)


def stream_directories(spool: Path) -> list[Path]:
    """Return the streams of a spool, in no order."""
    try:
        with os.scandir(spool / "streams") as entries:
            return [Path(entry.path) for entry in entries if not entry.name.startswith(".")]
    except (FileNotFoundError, NotADirectoryError):
        return []


def load_manifest(directory: Path) -> Manifest:
    """Read a stream's manifest.

    Raises OSError or msgspec.MsgspecError if there is none or it is damaged.
    """
    return msgspec.json.decode((directory / MANIFEST).read_bytes(), type=Manifest)


def load_status(directory: Path) -> Status:
    """Read what the sender says of a stream; an empty status if it has said nothing yet."""
    try:
        return msgspec.json.decode((directory / STATUS).read_bytes(), type=Status)
    except (OSError, msgspec.MsgspecError):
        return Status()


def save_status(directory: Path, status: Status) -> None:
    """Write a stream's status so that a reader sees the old one or the new one."""
    aside = directory / f"{STATUS}.new"
    aside.write_bytes(msgspec.json.encode(status))
    aside.replace(directory / STATUS)


def segment_path(directory: Path, number: int) -> Path:
    """Return the file of a segment."""
    return directory / f"{number:06d}.seg"


def segment_numbers(directory: Path) -> list[int]:
    """Return which segments a stream still has, in order."""
    with os.scandir(directory) as entries:
        return sorted(int(entry.name[:-4]) for entry in entries if entry.name.endswith(".seg"))


def write_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner may read."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


def used_bytes(spool: Path) -> int:
    """Return how much of the disk the spool's segments and journals take."""
    total = 0
    for directory in stream_directories(spool):
        try:
            with os.scandir(directory) as entries:
                total += sum(entry.stat().st_size for entry in entries)
        except OSError:
            continue  # the sender has just removed it
    return total


def has_room(spool: Path, *, max_bytes: int, reserve_bytes: int) -> bool:
    """Return whether the spool may grow: it is below its cap, and the disk keeps a reserve for others."""
    return used_bytes(spool) < max_bytes and shutil.disk_usage(spool).free > reserve_bytes
