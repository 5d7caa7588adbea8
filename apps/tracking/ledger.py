"""What became of everything a run was sent: points from the engine, records from here, told as one."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from apps.metrics import inbox

from .models import RecordRefusal, Run

MOST_ENTRIES = 1000


@dataclass(frozen=True, slots=True)
class Refusal:
    """Points or a record of one batch that were not stored, and why."""

    stream: UUID
    seq: int
    code: str
    key: str
    count: int
    message: str


@dataclass(frozen=True, slots=True)
class Ledger:
    """batches: accepted. points: stored, those that are not folded yet included. pending_*: of them, what still waits.

    rejected: points and records that were refused; rejections: the newest of them, at most MOST_ENTRIES.
    lost: batches a writer no longer had.
    """

    streams: int
    batches: int
    points: int
    pending_batches: int
    pending_points: int
    pending_records: int
    rejected: int
    rejections: tuple[Refusal, ...]
    lost: tuple[inbox.LostRange, ...]

    @property
    def lost_batches(self) -> int:
        return sum(lost.last - lost.first + 1 for lost in self.lost)

    @property
    def sent_batches(self) -> int:
        return self.batches + self.lost_batches


def of_run(run: Run, *, limit: int = MOST_ENTRIES) -> Ledger:
    of_points = inbox.ledger(run.pk, limit=limit)
    of_records = RecordRefusal.objects.filter(run=run)
    rejections = [
        Refusal(
            entry.stream,
            entry.seq,
            entry.rejected.code,
            entry.rejected.key,
            entry.rejected.count,
            entry.rejected.message,
        )
        for entry in of_points.entries
    ]
    newest = of_records.order_by("-pk").values_list("stream", "seq", "code", "key", "message")[:limit]
    rejections += [Refusal(stream, seq, code, key, 1, message) for stream, seq, code, key, message in newest]
    return Ledger(
        streams=of_points.streams,
        batches=of_points.batches,
        points=of_points.points + of_points.pending_points,
        pending_batches=of_points.pending_batches,
        pending_points=of_points.pending_points,
        pending_records=of_points.pending_records,
        rejected=of_points.rejected + of_records.count(),
        rejections=tuple(rejections[:limit]),
        lost=of_points.lost,
    )
