"""The oracle: what was logged, what was promised, and what must therefore be readable."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable

from . import bodies
from .server import Answer, Reading, Request, StreamReading


class Violation(AssertionError):
    """An invariant of THREATS section 4 does not hold."""


class Journal:
    """Kept apart from writer and server; told only what they did to the outside."""

    def __init__(self) -> None:
        self.logged: dict[int, str] = {}  # token → client id of its run
        self.entries: dict[int, bodies.Entry] = {}
        self.excused: set[int] = set()  # never promised: gone unsynced with a power loss, or past expiry
        self.acked: dict[tuple[str, str, int], tuple[int, ...]] = {}  # (client id, stream, seq) → tokens
        self.sent: dict[tuple[str, str, int], set[tuple[int, ...]]] = defaultdict(set)
        self.given_up: dict[tuple[str, str, int], set[int]] = {}  # by a full spool, unsent
        self.trimmed: dict[tuple[str, str, int], set[int]] = {}  # acknowledged, and no longer held
        self.restored = False

    def log(self, client_id: str, entry: bodies.Entry) -> None:
        self.logged[entry.token] = client_id
        self.entries[entry.token] = entry

    def excuse(self, entries: list[bodies.Entry]) -> None:
        self.excused.update(entry.token for entry in entries)

    def give_up(self, client_id: str, stream: str, seq: int, entries: list[bodies.Entry]) -> None:
        self.given_up[(client_id, stream, seq)] = {entry.token for entry in entries}

    def trim(self, client_id: str, stream: str, seq: int, entries: list[bodies.Entry]) -> None:
        self.trimmed[(client_id, stream, seq)] = {entry.token for entry in entries}

    def sending(self, client_id: str, asked: Request) -> None:
        self.sent[(client_id, asked.stream, asked.seq)].add(tokens_of(asked.body))

    def heard(self, client_id: str, asked: Request, answer: Answer) -> None:
        """An answer has reached the writer: from now on the server is bound by it."""
        if answer.status in {"acked", "duplicate"}:
            key = (client_id, asked.stream, asked.seq)
            tokens = tokens_of(asked.body)
            if self.acked.get(key, tokens) != tokens:
                raise Violation(f"INV-1: two different batches were acknowledged as {key}")
            self.acked[key] = tokens

    def restore(self, promised: dict[tuple[str, str, int], tuple[int, ...]]) -> None:
        """The server is back at a backup. promised: what had been acknowledged when that was begun.

        The rest comes back from the spools; what no spool holds any more, only as a recorded lost range.
        """
        self.restored = True
        self.acked = dict(promised)

    def check_reader(self, client_id: str, reading: Reading) -> None:
        """INV-3 and the half of INV-2 that holds at any moment."""
        seen = self.check_once(client_id, reading)
        for (owner, stream, seq), tokens in self.acked.items():
            if owner == client_id and not seen.issuperset(self.points_among(tokens)):
                raise Violation(f"INV-3: batch {seq} of {stream} was acknowledged and is not readable")

    def check_once(self, client_id: str, reading: Reading) -> set[int]:
        """Nothing twice, nothing altered, nothing of another run. Return the tokens seen."""
        counts = Counter(point.token for point in reading.points)
        twice = [token for token, count in counts.items() if count > 1]
        if twice:
            raise Violation(f"INV-2: points stored twice: {twice[:5]}")
        for point in reading.points:
            row = self.entries.get(point.token)
            if not isinstance(row, bodies.Row) or self.logged[point.token] != client_id:
                raise Violation(f"INV-1: a point nobody logged here: {point}")
            if (row.row, row.step, row.time_us) != (point.row, point.step, point.time_us):
                raise Violation(f"INV-1: {row} was logged and {point} is read")
        applied = [token for _, _, token in reading.records]
        if len(set(applied)) != len(applied):
            raise Violation("INV-2: a record was applied twice")
        order: dict[str, int] = {}
        for stream, seq, _ in reading.records:
            if seq < order.get(stream, 0):
                raise Violation(f"INV-2: records of {stream} were applied out of order")
            order[stream] = seq
        return set(counts)

    def check_end(self, client_id: str, reading: Reading) -> None:
        """After heal and drain: INV-1 and INV-2 whole, and everything a spool kept has arrived."""
        seen = self.check_once(client_id, reading)
        seen |= {token for _, _, token in reading.records}
        lost: set[int] = set()
        for stream, ledger in reading.streams.items():
            lost |= self.check_stream(client_id, stream, ledger, seen)
        missing = {t for t, owner in self.logged.items() if owner == client_id} - seen - lost - self.excused
        if missing:
            raise Violation(f"INV-1: logged, kept, and never readable: {sorted(missing)[:5]}")

    def check_stream(self, client_id: str, stream: str, ledger: StreamReading, seen: set[int]) -> set[int]:
        """Every seq below next is stored or, for a reason, recorded as lost. Return the tokens lost."""
        lost_seqs = [seq for first, last in ledger.lost for seq in range(first, last + 1)]
        if len(set(lost_seqs)) != len(lost_seqs):
            raise Violation(f"INV-2: lost ranges of {stream} overlap: {ledger.lost}")
        rejected = dict(ledger.rejected)
        for seq in range(ledger.next_seq):
            key = (client_id, stream, seq)
            stored = [tokens for tokens in self.sent[key] if seen.issuperset(tokens)]
            if seq in lost_seqs:
                if key not in self.given_up and not (self.restored and key in self.trimmed):
                    raise Violation(f"INV-1: {key} is recorded as lost, and its writer holds it")
                if not seen.isdisjoint(self.points_among(self.given_up.get(key, set()))):
                    raise Violation(f"INV-1: {key} is recorded as lost, and stored")
            elif not stored:
                raise Violation(f"INV-2: a silent hole at {key}")
            elif rejected.get(seq, 0) not in {self.refused_in(tokens) for tokens in stored}:
                raise Violation(f"INV-1: {key} has {rejected.get(seq, 0)} rejections")
        keys = [(client_id, stream, seq) for seq in lost_seqs]
        return {token for key in keys for token in self.given_up.get(key) or self.trimmed[key]}

    def refused_in(self, tokens: tuple[int, ...]) -> int:
        entries = [self.entries[token] for token in tokens]
        return sum(isinstance(entry, bodies.Row) and entry.refused for entry in entries)

    def points_among(self, tokens: Iterable[int]) -> list[int]:
        return [token for token in tokens if isinstance(self.entries[token], bodies.Row)]


def tokens_of(body: bytes) -> tuple[int, ...]:
    points, records, _ = bodies.open_body("", body)
    return (*(point.token for point in points), *records)
