"""Ways of getting the protocol wrong, each of which the simulation must notice.

A mutant that survives says the simulation is blind there, whatever it says about the real thing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from . import bodies
from .server import Answer, Backup, ModelServer, Nothing, Reading, Request, Stream
from .writer import Machine, Sending, Spool


class AcksBeforeCommit(ModelServer):
    def append(self, asked: Request, reply: Callable[[Answer], None]) -> None:
        with self.metrics.transaction():
            reply(self.admit(asked))
            self._may_die()
        self._may_die()


class StoresRepeats(ModelServer):
    """No deduplication."""

    def repeated(self, asked: Request, stream: Stream) -> Answer:
        run_wide = [key for key in self.metrics.tables["segments"] if key[0] == asked.run]
        points = tuple(bodies.open_body(asked.stream, asked.body)[0])
        self.metrics.put("segments", (asked.run, f"again {len(run_wide)}"), points)
        return Answer("acked")


class IgnoresGaps(ModelServer):
    def gap(self, asked: Request, stream: Stream) -> Answer:
        self.store(asked, stream)
        return Answer("acked")


class ForgetsLostRanges(ModelServer):
    def record_lost(self, asked: Request, lost: tuple[int, int]) -> None:
        return


class BelievesLostRanges(ModelServer):
    """Records what the writer says is lost, though part of it is here."""

    def record_lost(self, asked: Request, lost: tuple[int, int]) -> None:
        assert asked.lost is not None
        super().record_lost(asked, asked.lost)


class CallsLostDuplicate(ModelServer):
    """A clone that still holds a batch another gave up is told it is here."""

    def repeated(self, asked: Request, stream: Stream) -> Answer:
        return Answer("duplicate") if self.is_lost(asked) else super().repeated(asked, stream)


class TrustsTheSeq(ModelServer):
    """Takes any repeat for a duplicate, whatever its digest."""

    def repeated(self, asked: Request, stream: Stream) -> Answer:
        return Answer("duplicate")


class DeletesAboveTheLowestCursor(ModelServer):
    def deletable_below(self, stream: Stream) -> int:
        return max(stream.points_seq, stream.records_seq)


class AdvancesThePointsCursorLater(ModelServer):
    def fold(self, run: str, *, die_at: int | None = None) -> None:
        self._die_at = die_at
        with self.metrics.transaction():
            self.write_segment(run)
        self._may_die()
        with self.metrics.transaction():
            self.advance_points(run)
            self.sweep(run)


class AdvancesThePointsCursorFirst(ModelServer):
    def fold(self, run: str, *, die_at: int | None = None) -> None:
        self._die_at = die_at
        waiting = [
            p for (name, _), body in self.waiting(run, "points_seq") for p in bodies.open_body(name, body)[0]
        ]
        with self.metrics.transaction():
            self.advance_points(run)
        self._may_die()
        with self.metrics.transaction():
            number = self.metrics.get("counters", run, 0)
            self.metrics.put("counters", run, number + 1)
            self.metrics.put("segments", (run, number), tuple(waiting))
            self.sweep(run)


class AdvancesTheRecordsCursorLater(ModelServer):
    def apply_batch(self, run: str, stream: str, seq: int, tokens: list[int], cursor: object) -> None:
        with self.tracking.transaction():
            self.write_records(run, stream, seq, tokens)
        self._may_die()
        with self.tracking.transaction():
            self.tracking.put("cursors", cursor, seq + 1)


class AcknowledgesBeforeApplying(ModelServer):
    def apply_records(self, run: str, *, die_at: int | None = None) -> None:
        self._die_at = die_at
        waiting = list(self.waiting(run, "records_seq"))
        self.acknowledge(run, {name: seq + 1 for (name, seq), _ in waiting})
        for (name, seq), body in waiting:
            self.apply_batch(run, name, seq, bodies.open_body(name, body)[1], (run, name))


class TrustsTheEnginesCursor(ModelServer):
    """The records consumer keeps no cursor of its own."""

    def cursor_of(self, run: str, stream: str) -> object:
        return object()


class KnowsStreamsByNumber(ModelServer):
    """The records consumer's cursor is kept under a number that a restored engine gives out again."""

    def cursor_of(self, run: str, stream: str) -> object:
        return run, self.metrics.get("streams", (run, stream)).number


class DropsReceiptsEarly(ModelServer):
    def leave_receipt(self, key: tuple[str, str, int], digest: bytes) -> None:
        return


class CompactsInTwoTransactions(ModelServer):
    def between_merge_and_delete(self) -> None:
        assert self.metrics._undo is not None
        self.metrics._undo.clear()  # what was written so far is committed
        self._may_die()


class ReadsTwoSnapshots(ModelServer):
    """READ COMMITTED: segments as of one moment, the inbox as of the next."""

    def read(self, run: str, meanwhile: Nothing) -> Reading:
        folded = self._segments(self.metrics.snapshot(), run)
        meanwhile()
        return self._reading(run, folded, self.metrics.snapshot())


class BacksUpTrackingFirst(ModelServer):
    def back_up(self, meanwhile: Nothing) -> Backup:
        tracking = self.tracking.snapshot()
        meanwhile()
        return Backup(self.metrics.snapshot(), tracking)


class SendsUnsynced(Machine):
    def before_sending(self, spool: Spool) -> None:
        return


class ForgetsBoundaries(Machine):
    """Seals anew after a restart instead of resending what was sealed."""

    def kill_sender(self) -> None:
        for spool in self.spools:
            keep = min(self.memory_of(spool).cursor, len(spool.sealed))
            del spool.sealed[keep:]
        super().kill_sender()


class BuffersInMemory(Machine):
    """log() returns before the entry is written to the spool."""

    def log(self, entry: bodies.Entry) -> None:
        self.buffer.append(entry)
        if len(self.buffer) >= 4:
            self.spools[-1].entries += self.buffer
            self.buffer.clear()


class SkipsOnGap(Machine):
    def rewind(self, spool: Spool, memory: Sending, expected: int) -> None:
        memory.cursor += 1


class TrimsUnacknowledged(Machine):
    def trimmable(self, spool: Spool) -> int:
        return len(spool.sealed)


class TakesDivergedForDuplicate(Machine):
    def move(self, spool: Spool, seq: int) -> None:
        memory = self.memory_of(spool)
        memory.cursor = max(memory.cursor, seq + 1)


class MovesTheWholeSpool(Machine):
    """On `diverged` sends everything it still holds into the new stream, not only what diverged."""

    def move(self, spool: Spool, seq: int) -> None:
        super().move(spool, min(seq, spool.held_from))


class NamesTheNewStreamByChance(Machine):
    def stream_after(self, spool: Spool, seq: int) -> str:
        return self.new_stream()


class Pipelines(Machine):
    """Sends the next batch before the last is answered.

    Harmless alone; with a cloned spool it stores twice: seq 5 is answered `diverged` while seq 6, already
    under way, has found its place behind the other writer's 5, and is then sent again in the new stream.
    So a stream has one batch under way.
    """

    window = 3


@dataclass(frozen=True)
class Mutant:
    server: type[ModelServer] = ModelServer
    machine: type[Machine] = Machine

    def __str__(self) -> str:
        return (self.machine if self.server is ModelServer else self.server).__name__


MUTANTS = [
    # Those of this file: the real engine is driven through a subclass too.
    *(Mutant(server=kind) for kind in ModelServer.__subclasses__() if kind.__module__ == __name__),
    *(Mutant(machine=kind) for kind in Machine.__subclasses__() if kind.__module__ == __name__),
]
