"""The writer's half: a training process, the spool it leaves on disk, and the sender that empties it.

What survives what: a killed process loses nothing that was written; a power loss keeps only what was
synced; the sender's own memory survives neither.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from uuid import UUID, uuid5

from . import bodies
from .server import Answer, Request


@dataclass(frozen=True)
class Sealed:
    """A boundary noted in the spool: entries [first, end) are batch seq, for ever."""

    first: int
    end: int


@dataclass
class Spool:
    """One stream's entries and batch boundaries on disk.

    held_from: batches below are trimmed. closed: nothing will be appended any more.
    """

    stream: str
    entries: list[bodies.Entry] = field(default_factory=list)
    sealed: list[Sealed] = field(default_factory=list)
    synced_entries: int = 0
    synced_sealed: int = 0
    held_from: int = 0
    acked_mark: int = 0
    closed: bool = False

    def sync(self) -> None:
        self.synced_entries, self.synced_sealed = len(self.entries), len(self.sealed)

    def sealed_end(self) -> int:
        return self.sealed[-1].end if self.sealed else 0

    def batch(self, seq: int) -> list[bodies.Entry]:
        return self.entries[self.sealed[seq].first : self.sealed[seq].end]

    def body(self, seq: int) -> bytes:
        return bodies.seal(self.batch(seq))

    def lose_power(self) -> list[bodies.Entry]:
        """Keep the synced prefix; return what is gone."""
        gone = self.entries[self.synced_entries :]
        del self.entries[self.synced_entries :]
        del self.sealed[self.synced_sealed :]
        return gone

    def copy(self) -> Spool:
        return replace(self, entries=list(self.entries), sealed=list(self.sealed))


@dataclass
class Sending:
    """The sender's memory of one spool. cursor: the next seq to be sent."""

    cursor: int
    lost: tuple[int, int] | None = None
    stopped: bool = False


class Machine:
    """One computer: a training that writes the newest spool and a sender that empties them all."""

    window = 1  # batches of a stream under way at once; why not more: docs of the mutant `Pipelines`

    def __init__(self, client_id: str, run: str, new_stream: Callable[[], str]) -> None:
        self.client_id = client_id
        self.run = run
        self.new_stream = new_stream
        self.spools = [Spool(new_stream())]
        self.buffer: list[bodies.Entry] = []
        self.sending: dict[str, Sending] = {}

    # the training process

    def log(self, entry: bodies.Entry) -> None:
        """Append to the spool: once this returns, a kill of the process loses nothing."""
        self.spools[-1].entries.append(entry)

    def kill_training(self) -> None:
        """The next process of this run is another writer, with a stream of its own."""
        self.spools[-1].closed = True
        self.buffer.clear()
        self.spools.append(Spool(self.new_stream()))

    def flush(self) -> None:
        self.spools[-1].sync()

    def lose_power(self) -> list[bodies.Entry]:
        gone = [entry for spool in self.spools for entry in spool.lose_power()]
        self.kill_sender()
        self.kill_training()
        return gone

    # the sender

    def kill_sender(self) -> None:
        self.sending.clear()

    def memory_of(self, spool: Spool) -> Sending:
        return self.sending.setdefault(spool.stream, Sending(cursor=max(spool.acked_mark, spool.held_from)))

    def seal(self, spool: Spool) -> None:
        """Note the next boundary, if anything waits."""
        if spool.sealed_end() < len(spool.entries):
            spool.sealed.append(Sealed(spool.sealed_end(), len(spool.entries)))

    def before_sending(self, spool: Spool) -> None:
        """Nothing is sent that a power loss could take back."""
        spool.sync()

    def requests(self, spool: Spool) -> list[Request]:
        """Seal if needed and return what should be under way now."""
        memory = self.memory_of(spool)
        if memory.stopped:
            return []
        if memory.cursor >= len(spool.sealed):
            self.seal(spool)
        self.before_sending(spool)
        seqs = range(memory.cursor, min(memory.cursor + self.window, len(spool.sealed)))
        return [self.request(spool, seq, memory.lost if seq == memory.cursor else None) for seq in seqs]

    def probe(self, spool: Spool) -> list[Request]:
        """Send the last batch once more: the answer tells whether the server still has it all."""
        if not spool.sealed or self.memory_of(spool).stopped:
            return []
        return [self.request(spool, len(spool.sealed) - 1, None)]

    def request(self, spool: Spool, seq: int, lost: tuple[int, int] | None) -> Request:
        return Request(self.run, spool.stream, seq, spool.body(seq), lost)

    def has_unsent(self, spool: Spool) -> bool:
        memory = self.memory_of(spool)
        return not memory.stopped and (
            memory.cursor < len(spool.sealed) or spool.sealed_end() < len(spool.entries)
        )

    def hear(self, asked: Request, answer: Answer, create_run: Callable[[str], str]) -> None:
        spool = next((spool for spool in self.spools if spool.stream == asked.stream), None)
        if spool is None or asked.run != self.run or asked.seq >= len(spool.sealed):
            return
        memory = self.memory_of(spool)
        match answer.status:
            case "acked" | "duplicate" if asked.seq == memory.cursor:
                memory.cursor, memory.lost = asked.seq + 1, None
            case "gap" if answer.expected <= memory.cursor:
                self.rewind(spool, memory, answer.expected)
            case "diverged" if asked.seq == memory.cursor:
                self.move(spool, asked.seq)
            case "expired":
                memory.stopped = True
            case "unknown":
                self.run = create_run(self.client_id)
                for spool in self.spools:
                    spool.acked_mark = 0
                    self.sending[spool.stream] = Sending(cursor=spool.held_from)

    def rewind(self, spool: Spool, memory: Sending, expected: int) -> None:
        spool.acked_mark = min(spool.acked_mark, expected)
        memory.cursor, memory.lost = expected, None
        if expected < spool.held_from:
            memory.cursor, memory.lost = spool.held_from, (expected, spool.held_from - 1)

    def move(self, spool: Spool, seq: int) -> None:
        """Somebody else wrote seq of this stream (a cloned spool): the rest goes into a new one."""
        cut = spool.sealed[seq].first
        rest = Spool(
            self.stream_after(spool, seq),
            spool.entries[cut:],
            [Sealed(batch.first - cut, batch.end - cut) for batch in spool.sealed[seq:]],
            closed=spool.closed,
            held_from=max(0, spool.held_from - seq),
        )
        rest.sync()
        kept = spool.copy()
        del kept.entries[cut:]
        del kept.sealed[seq:]
        kept.closed = True
        kept.sync()
        at = self.spools.index(spool)
        self.spools[at : at + 1] = [kept, rest] if kept.sealed else [rest]
        self.sending[kept.stream] = Sending(cursor=seq)

    def stream_after(self, spool: Spool, seq: int) -> str:
        """The new stream's name follows from what diverged.

        So two clones that hold the same unsent batches take them to the same place, where they are told apart
        from repeats again; a random name would store them twice.
        """
        return str(uuid5(UUID(spool.stream), f"{seq} {bodies.digest(spool.body(seq)).hex()}"))

    def note_acked(self) -> None:
        """The sender writes down, now and then, how far it is."""
        for spool in self.spools:
            spool.acked_mark = max(spool.acked_mark, self.memory_of(spool).cursor)

    def trim(self, spool: Spool) -> None:
        """Give back disk space: acknowledged batches, but never the last one sealed."""
        spool.held_from = max(spool.held_from, min(self.trimmable(spool), len(spool.sealed) - 1))

    def trimmable(self, spool: Spool) -> int:
        return self.memory_of(spool).cursor

    def overflow(self, spool: Spool) -> int | None:
        """The spool is at its cap while the server is away: the oldest unsent batch goes. Return its seq.

        The boundary is synced before: nobody else remembers which seq is gone.
        """
        spool.sync()
        memory = self.memory_of(spool)
        if memory.cursor >= len(spool.sealed) - 1:
            return None
        seq = memory.cursor
        spool.held_from = memory.cursor = seq + 1
        memory.lost = (memory.lost[0] if memory.lost else seq, seq)
        return seq
