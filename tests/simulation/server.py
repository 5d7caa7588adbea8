"""The server's half of the protocol in plain Python: docs/design/wire-format.md, without the bytes on disk.

Every place where a process may die is a call of `_may_die`; what a mutant gets wrong is a method of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

from . import bodies
from .database import Database, Tables

DAY_S = 86_400
RECEIPTS_KEPT_S = 7 * DAY_S


class Died(BaseException):
    """The process doing this was killed here."""


@dataclass(frozen=True)
class Answer:
    """status: acked, duplicate (200), gap, diverged (409), expired (410), unknown (404), malformed (400)."""

    status: str
    expected: int = 0
    lost: tuple[int, int] | None = None

    @property
    def refused(self) -> bool:
        return self.status not in {"acked", "duplicate"}


@dataclass(frozen=True)
class Request:
    run: str
    stream: str
    seq: int
    body: bytes
    lost: tuple[int, int] | None = None


@dataclass(frozen=True)
class StreamReading:
    """What the ledger says of one stream."""

    next_seq: int
    lost: tuple[tuple[int, int], ...] = ()
    rejected: tuple[tuple[int, int], ...] = ()  # (seq, count)


@dataclass
class Reading:
    """All a reader can see of one run in one snapshot."""

    points: list[bodies.Point] = field(default_factory=list)
    records: list[tuple[str, int, int]] = field(default_factory=list)  # (stream, seq, token) as applied
    streams: dict[str, StreamReading] = field(default_factory=dict)


@dataclass(frozen=True)
class Backup:
    """Two snapshots, the second possibly taken later than the first."""

    metrics: Any
    tracking: Any


Nothing = Callable[[], None]


class Server(Protocol):
    """What the world drives: the model below, or the real engine behind the same verbs.

    die_at: the process is killed at the die_at-th place where that makes a difference; Died is raised.
    """

    def create_run(self, client_id: str) -> str: ...
    def put(self, asked: Request, reply: Callable[[Answer], None], *, die_at: int | None) -> None: ...
    def fold(self, run: str, *, die_at: int | None) -> None: ...
    def compact(self, run: str, *, die_at: int | None) -> None: ...
    def apply_records(self, run: str, *, die_at: int | None) -> None: ...
    def end(self, run: str, now_s: int) -> None: ...
    def drop_receipts(self, now_s: int) -> None: ...
    def read(self, run: str, meanwhile: Nothing) -> Reading: ...
    def runs(self) -> list[str]: ...
    def back_up(self, meanwhile: Nothing) -> Backup: ...
    def restore(self, backup: Backup) -> None: ...
    def fingerprint(self) -> object: ...


@dataclass(frozen=True)
class Stream:
    number: int
    next_seq: int = 0
    points_seq: int = 0
    records_seq: int = 0


class ModelServer:
    """metrics holds the inbox and what is folded, tracking the runs and what records made of them."""

    def __init__(self) -> None:
        self.metrics = Database()
        self.tracking = Database()
        self.created = 0
        self._die_at: int | None = None

    # verbs of the interfaces

    def create_run(self, client_id: str) -> str:
        """Return the public id of the run with this client id; a new one if there is none."""
        for run, known in self.tracking.tables["runs"].items():
            if known == client_id:
                return str(run)
        self.created += 1  # stands for a random public id: never reused, whatever is restored
        run = f"run-{self.created}"
        self.tracking.put("runs", run, client_id)
        return run

    def put(self, asked: Request, reply: Callable[[Answer], None], *, die_at: int | None = None) -> None:
        self._die_at = die_at
        if asked.run not in self.tracking.tables["runs"]:
            reply(Answer("unknown"))
            return
        try:
            bodies.open_body(asked.stream, asked.body)
        except bodies.Malformed:
            reply(Answer("malformed"))
            return
        self.append(asked, reply)

    def append(self, asked: Request, reply: Callable[[Answer], None]) -> None:
        with self.metrics.transaction():
            answer = self.admit(asked)
            self._may_die()
        self._may_die()
        reply(answer)

    def admit(self, asked: Request) -> Answer:
        """Decide one batch and store it, inside the transaction that holds the stream's lock."""
        stream = self.stream(asked.run, asked.stream)
        if asked.seq < stream.next_seq:
            return self.repeated(asked, stream)
        lost = None
        if asked.seq > stream.next_seq:
            if asked.lost is None or asked.lost[0] > stream.next_seq or asked.lost[1] != asked.seq - 1:
                return self.gap(asked, stream)
            lost = (stream.next_seq, asked.seq - 1)
            self.record_lost(asked, lost)
        self.store(asked, stream)
        return Answer("acked", lost=lost)

    def repeated(self, asked: Request, stream: Stream) -> Answer:
        known = self.digest_of(asked.run, asked.stream, asked.seq)
        if known == bodies.digest(asked.body):
            return Answer("duplicate")
        if known is None and not self.is_lost(asked):
            return Answer("expired")
        return Answer("diverged", expected=stream.next_seq)

    def gap(self, asked: Request, stream: Stream) -> Answer:
        return Answer("gap", expected=stream.next_seq)

    def record_lost(self, asked: Request, lost: tuple[int, int]) -> None:
        self.metrics.put("lost", (asked.run, asked.stream, lost[0]), lost)

    def store(self, asked: Request, stream: Stream) -> None:
        self.metrics.put("batches", (asked.run, asked.stream, asked.seq), asked.body)
        refused = bodies.open_body(asked.stream, asked.body)[2]
        if refused:
            self.metrics.put("rejected", (asked.run, asked.stream, asked.seq), refused)
        advanced = replace(stream, next_seq=asked.seq + 1)
        self.metrics.put("streams", (asked.run, asked.stream), advanced)

    def end(self, run: str, now_s: int) -> None:
        if run in self.tracking.tables["runs"] and run not in self.metrics.tables["ended"]:
            self.metrics.put("ended", run, now_s)

    # the consumers

    def fold(self, run: str, *, die_at: int | None = None) -> None:
        """Write what the inbox holds as one segment; the cursor moves in the same transaction."""
        self._die_at = die_at
        with self.metrics.transaction():
            self.write_segment(run)
            self._may_die()
            self.advance_points(run)
            self.sweep(run)
            self._may_die()

    def write_segment(self, run: str) -> None:
        points = [
            point
            for (name, seq), body in self.waiting(run, "points_seq")
            for point in bodies.open_body(name, body)[0]
        ]
        if points:
            number = self.metrics.get("counters", run, 0)
            self.metrics.put("counters", run, number + 1)
            self.metrics.put("segments", (run, number), tuple(points))

    def advance_points(self, run: str) -> None:
        for name, stream in self.streams(run):
            self.metrics.put("streams", (run, name), replace(stream, points_seq=stream.next_seq))

    def compact(self, run: str, *, die_at: int | None = None) -> None:
        """Merge all segments of a run into one, in one transaction."""
        self._die_at = die_at
        with self.metrics.transaction():
            keys = [key for key in self.metrics.tables["segments"] if key[0] == run]
            points = tuple(point for key in keys for point in self.metrics.get("segments", key))
            if points:
                number = self.metrics.get("counters", run, 0)
                self.metrics.put("counters", run, number + 1)
                self.metrics.put("segments", (run, number), points)
            self.between_merge_and_delete()
            for key in keys:
                self.metrics.drop("segments", key)
            self._may_die()

    def between_merge_and_delete(self) -> None:
        self._may_die()

    def apply_records(self, run: str, *, die_at: int | None = None) -> None:
        """Apply pending records, each batch with the consumer's own cursor, then tell the engine.

        Two databases: the second commit may never come, so the first must be able to tell a repeat.
        """
        self._die_at = die_at
        told: dict[str, int] = {}
        for (name, seq), body in self.waiting(run, "records_seq"):
            cursor = self.cursor_of(run, name)
            if seq >= self.tracking.get("cursors", cursor, 0):
                self.apply_batch(run, name, seq, bodies.open_body(name, body)[1], cursor)
            told[name] = seq + 1
        self.acknowledge(run, told)

    def cursor_of(self, run: str, stream: str) -> Any:
        """The consumer's key of a stream: its UUID, as numbers are given anew after a restore."""
        return run, stream

    def apply_batch(self, run: str, stream: str, seq: int, tokens: list[int], cursor: Any) -> None:
        with self.tracking.transaction():
            self.write_records(run, stream, seq, tokens)
            self._may_die()
            self.tracking.put("cursors", cursor, seq + 1)
            self._may_die()
        self._may_die()

    def write_records(self, run: str, stream: str, seq: int, tokens: list[int]) -> None:
        applied = self.tracking.get("records", run, ())
        self.tracking.put("records", run, (*applied, *((stream, seq, token) for token in tokens)))

    def acknowledge(self, run: str, told: dict[str, int]) -> None:
        with self.metrics.transaction():
            for name, stream in self.streams(run):
                seq = max(stream.records_seq, told.get(name, 0))
                self.metrics.put("streams", (run, name), replace(stream, records_seq=seq))
            self._may_die()
            self.sweep(run)
        self._may_die()

    def sweep(self, run: str) -> None:
        """Delete batches below the lowest cursor and leave their digests."""
        for name, stream in self.streams(run):
            floor = self.deletable_below(stream)
            for key in [k for k in self.metrics.tables["batches"] if k[:2] == (run, name) and k[2] < floor]:
                self.leave_receipt(key, bodies.digest(self.metrics.get("batches", key)))
                self.metrics.drop("batches", key)

    def deletable_below(self, stream: Stream) -> int:
        return min(stream.points_seq, stream.records_seq)

    def leave_receipt(self, key: tuple[str, str, int], digest: bytes) -> None:
        self.metrics.put("receipts", key, digest)

    def drop_receipts(self, now_s: int) -> None:
        for run, ended_s in list(self.metrics.tables["ended"].items()):
            if now_s - ended_s >= RECEIPTS_KEPT_S:
                for key in [key for key in self.metrics.tables["receipts"] if key[0] == run]:
                    self.metrics.drop("receipts", key)

    # reading

    def read(self, run: str, meanwhile: Nothing) -> Reading:
        """Read segments, then inbox, from one snapshot. meanwhile: what others do between the two."""
        metrics = self.metrics.snapshot()
        folded = self._segments(metrics, run)
        meanwhile()
        return self._reading(run, folded, metrics)

    def _segments(self, tables: Tables, run: str) -> list[bodies.Point]:
        return [point for key, points in tables["segments"].items() if key[0] == run for point in points]

    def _reading(self, run: str, folded: list[bodies.Point], tables: Tables) -> Reading:
        reading = Reading(points=list(folded), records=list(self.tracking.get("records", run, ())))
        for (owner, name), stream in tables["streams"].items():
            if owner != run:
                continue
            for (other, other_name, seq), body in tables["batches"].items():
                if (other, other_name) == (run, name) and seq >= stream.points_seq:
                    reading.points += bodies.open_body(name, body)[0]
            reading.streams[name] = StreamReading(
                stream.next_seq,
                tuple(lost for key, lost in tables["lost"].items() if key[:2] == (run, name)),
                tuple((key[2], n) for key, n in tables["rejected"].items() if key[:2] == (run, name)),
            )
        return reading

    def runs(self) -> list[str]:
        return list(self.tracking.tables["runs"])

    # backup

    def back_up(self, meanwhile: Nothing) -> Backup:
        """Snapshot the engine first: what tracking knows beyond it is refilled by the writers."""
        metrics = self.metrics.snapshot()
        meanwhile()
        return Backup(metrics, self.tracking.snapshot())

    def restore(self, backup: Backup) -> None:
        self.metrics.restore(backup.metrics)
        self.tracking.restore(backup.tracking)

    def fingerprint(self) -> object:
        return {name: dict(rows) for name, rows in self.metrics.tables.items() if rows}

    # what the verbs stand on

    def stream(self, run: str, name: str) -> Stream:
        known = self.metrics.get("streams", (run, name))
        return known or Stream(number=len(self.streams(run)))

    def streams(self, run: str) -> list[tuple[str, Stream]]:
        return [(key[1], value) for key, value in self.metrics.tables["streams"].items() if key[0] == run]

    def waiting(self, run: str, cursor: str) -> Iterable[tuple[tuple[str, int], bytes]]:
        """The batches a consumer has not taken yet, in order of (stream, seq)."""
        rows = []
        for name, stream in self.streams(run):
            rows += [
                ((name, key[2]), body)
                for key, body in self.metrics.tables["batches"].items()
                if key[:2] == (run, name) and key[2] >= getattr(stream, cursor)
            ]
        return sorted(rows, key=lambda row: row[0])

    def digest_of(self, run: str, stream: str, seq: int) -> bytes | None:
        body = self.metrics.get("batches", (run, stream, seq))
        if body is not None:
            return bodies.digest(body)
        receipt: bytes | None = self.metrics.get("receipts", (run, stream, seq))
        return receipt

    def is_lost(self, asked: Request) -> bool:
        ranges = self.metrics.tables["lost"].items()
        return any(
            key[:2] == (asked.run, asked.stream) and first <= asked.seq <= last
            for key, (first, last) in ranges
        )

    def _may_die(self) -> None:
        if self._die_at is not None:
            self._die_at -= 1
            if self._die_at < 0:
                self._die_at = None
                raise Died
