"""Folding: what waits in the inbox becomes segments and facts.

One transaction for a slice of many runs, in about a dozen statements however many they are. What a fold writes and
how far it has come are committed together, so a worker killed anywhere has done all or nothing of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from apps.metrics import blocks, fact_rows, hints, known_points, names, pending, rewrite, segments, signals
from apps.metrics.groups import Group
from apps.metrics.locks import Lock, lock, lock_heads, try_lock
from apps.metrics.models import Batch, Receipt
from apps.metrics.names import MANY_NAMES, MAX_NAMES, Registrar
from apps.metrics.pending import Waiting
from apps.metrics.rejections import Rejections
from apps.metrics.segments import Draft
from apps.metrics.session import Session, writing
from apps.metrics.wire import Decoded

# What one transaction takes at most: of bytes as stored, of points, of batches.
MAX_BYTES = 64 * 1024 * 1024
MAX_POINTS = 1_000_000
MAX_BATCHES = 20_000
# A run is due for a look by the compactor each time it has been folded so often, or got so many sealed segments.
COMPACT_EVERY = 16

# The ledger's rows of a batch that append wrote come before.
_FIRST_ORDINAL = 10_000
_WARNING_ORDINAL = 9_999


@dataclass(frozen=True, slots=True)
class Folded:
    """What a fold has done. behind: whether more was waiting than one slice takes, or the lock was taken."""

    batches: int = 0
    points: int = 0
    behind: bool = False


@dataclass(frozen=True, slots=True)
class FoldedMany:
    """behind: runs with more to fold. due: runs the compactor should look at."""

    batches: int
    points: int
    behind: tuple[int, ...]
    due: tuple[int, ...]


def fold(run: int, *, wait: bool = False) -> Folded:
    """Fold all that waited for a run when this began.

    wait: wait for whoever is folding it now; else leave it to them.
    """
    batches = points = 0
    while True:
        done = fold_many([run], wait=wait)
        batches, points = batches + done.batches, points + done.points
        if not done.behind or not done.batches:
            return Folded(batches, points, behind=bool(done.behind))


def fold_many(runs: Sequence[int], *, wait: bool = False) -> FoldedMany:
    """Fold one slice of what waits for these runs. Runs that somebody else is folding are left to them."""
    with writing() as session:
        if wait:
            for run in sorted(set(runs)):
                lock(session, Lock.FOLD, run)
            locked = sorted(set(runs))
        else:
            locked = try_lock(session, Lock.FOLD, runs)
        done = _Slice(session, locked).fold() if locked else FoldedMany(0, 0, tuple(runs), ())
    # Readers and verbs fold as well, and leave compacting to the worker.
    hints.mark_due(done.due)
    return done


@dataclass(slots=True)
class _RunFold:
    """What one run's part of a slice comes to."""

    registrar: Registrar
    names_before: int = 0
    groups: list[Group] = field(default_factory=list)
    unique: list[Group] = field(default_factory=list)
    # Rows (stream, first, stop) that an overwriting batch replaces in what is stored.
    replaced: list[tuple[int, int, int]] = field(default_factory=list)
    drafts: list[Draft] = field(default_factory=list)
    points: int = 0


class _Slice:
    """One transaction of folding: read, compute, then write, the run's Head last locked and soon released."""

    def __init__(self, session: Session, runs: Sequence[int]) -> None:
        self._session = session
        self._locked = runs
        self._runs: dict[int, _RunFold] = {}
        self._rejected: list[tuple[int, int, int, Rejections]] = []

    def fold(self) -> FoldedMany:
        batches, behind = self._choose()
        if not batches:
            return FoldedMany(0, 0, behind, ())
        self._read(batches)
        self._compute()
        due = self._write(batches)
        return FoldedMany(len(batches), sum(each.points for each in self._runs.values()), behind, due)

    def _choose(self) -> tuple[list[Waiting], tuple[int, ...]]:
        """Return the batches of this slice, and the runs of which some are left for the next."""
        found = pending.waiting(self._session, self._locked, limit=MAX_BATCHES)
        size_bytes = points = 0
        for number, batch in enumerate(found):
            size_bytes += batch.size_bytes
            points += batch.points
            if number and (size_bytes > MAX_BYTES or points > MAX_POINTS):
                return found[:number], tuple(sorted({each.run for each in found[number:]}))
        # More may wait than were looked at: of the last run, and of all behind it.
        rest = [run for run in self._locked if run >= found[-1].run] if len(found) == MAX_BATCHES else ()
        return found, tuple(rest)

    def _read(self, batches: Sequence[Waiting]) -> None:
        runs = sorted({batch.run for batch in batches})
        heads = self._session.rows(
            "SELECT run, names_digest FROM metrics_head WHERE run = ANY(%(runs)s)", {"runs": runs}
        )
        tables = names.load(self._session, dict(heads))
        self._runs = {run: _RunFold(Registrar(table), table.names) for run, table in tables.items()}
        held: dict[tuple[int, int], int] = {}
        for batch, content in pending.load(self._session, batches):
            place = batch.run, batch.stream
            self._take(batch, content, held.setdefault(place, batch.cursor_row))
            held[place] = max(held[place], batch.row_offset + batch.row_span)

    def _take(self, batch: Waiting, content: Decoded, held_rows: int) -> None:
        """Sort a batch's points to those of its run. held_rows: rows of its stream below were there before."""
        run = self._runs[batch.run]
        ids = run.registrar.ids(content.names, content.kinds)
        if (ids < 0).any():
            self._reject(batch, content, ids.tolist())
        made = list(pending.groups(batch, content, ids))
        if batch.mode == Batch.Mode.APPEND_AT:
            made = blocks.take_rows(made, [group.axis.row >= held_rows for group in made])
        elif batch.mode == Batch.Mode.OVERWRITE and batch.row_offset < held_rows:
            self._replace(run, batch)
        (run.unique if batch.unique_points else run.groups).extend(made)

    def _replace(self, run: _RunFold, batch: Waiting) -> None:
        first, stop = batch.row_offset, batch.row_offset + batch.row_span
        run.replaced.append((batch.stream, first, stop))
        for waiting in (run.groups, run.unique):
            waiting[:] = blocks.take_rows(
                waiting,
                [
                    (group.axis.stream != batch.stream) | (group.axis.row < first) | (group.axis.row >= stop)
                    for group in waiting
                ],
            )

    def _reject(self, batch: Waiting, content: Decoded, ids: Sequence[int]) -> None:
        rejections = Rejections()
        for group in content.groups:
            for part in group.columns:
                for place in part.ids.tolist():
                    if ids[place] < 0:
                        rejections.add(
                            "too_many_keys",
                            content.names[place],
                            group.rows,
                            f"The run has {MAX_NAMES:,} distinct keys; points of any other are not stored.",
                        )
        self._rejected.append((batch.run, batch.stream, batch.seq, rejections))

    def _compute(self) -> None:
        for number, run in self._runs.items():
            if run.replaced:
                rewrite.remove_rows(self._session, number, run.replaced)
        unique = {number: run.unique for number, run in self._runs.items() if run.unique}
        if unique:
            beside = {number: self._runs[number].groups for number in unique}
            for number, fresh in known_points.fresh(self._session, unique, beside).items():
                self._runs[number].groups += fresh
        for run in self._runs.values():
            run.groups = blocks.merge(run.groups)
            run.drafts = segments.draft(run.groups)
            run.points = sum(group.points for group in run.groups)

    def _write(self, batches: Sequence[Waiting]) -> tuple[int, ...]:
        session = self._session
        lock_heads(session, list(self._runs))
        heads = self._advance_heads()
        names.store(session, {run: each.registrar for run, each in self._runs.items()})
        placed = [
            (run, first + place, 1, first, each)
            for run, (first, _) in heads.items()
            for place, each in enumerate(self._runs[run].drafts)
        ]
        if placed:
            segments.store(session, placed)
        with_points = {run: each.groups for run, each in self._runs.items() if each.groups}
        if with_points:
            fact_rows.add(session, with_points)
        self._write_rejections(batches)
        self._write_receipts(batches)
        self._advance_cursors(batches)
        self._tell(heads)
        return tuple(
            run
            for run, (_, folds) in heads.items()
            if folds % COMPACT_EVERY == 0
            or sum(draft.is_sealed for draft in self._runs[run].drafts) >= COMPACT_EVERY
        )

    def _advance_heads(self) -> dict[int, tuple[int, int]]:
        """Bump the Heads; return for each run its first segment id of this fold and how often it was folded."""
        runs = list(self._runs)
        rows = self._session.rows(
            _ADVANCE_HEADS,
            {
                "runs": runs,
                "segments": [len(each.drafts) for each in self._runs.values()],
                "metrics": [each.registrar.table.next_number for each in self._runs.values()],
                "digests": [each.registrar.table.digest for each in self._runs.values()],
                "points": [each.points for each in self._runs.values()],
            },
        )
        return {run: (stop - len(self._runs[run].drafts), folds) for run, stop, folds in rows}

    def _write_rejections(self, batches: Sequence[Waiting]) -> None:
        rows = [
            (run, stream, seq, _FIRST_ORDINAL + ordinal, each.code, each.key, each.count, each.message, False)
            for run, stream, seq, rejections in self._rejected
            for ordinal, each in enumerate(rejections.told())
        ]
        rows += self._warnings(batches)
        if rows:
            self._session.copy("metrics_rejection", _REJECTION, rows)

    def _warnings(
        self, batches: Iterable[Waiting]
    ) -> list[tuple[int, int, int, int, str, str, int, str, bool]]:
        """Return the ledger's rows of runs that have come to many keys: nothing is refused, nobody is answered it."""
        last = {batch.run: batch for batch in batches}
        return [
            (
                number,
                last[number].stream,
                last[number].seq,
                _WARNING_ORDINAL,
                "many_keys",
                "",
                names,
                message,
                True,
            )
            for number, run in self._runs.items()
            if run.names_before < MANY_NAMES <= (names := run.registrar.table.names)
            for message in [f"The run has {names:,} distinct keys; from {MAX_NAMES:,} on no other is stored."]
        ]

    def _write_receipts(self, batches: Sequence[Waiting]) -> None:
        runs, streams, parts, digests = [], [], [], []
        for (run, stream, part), several in groupby(
            (batch for batch in batches if not batch.is_numbered_here),
            key=lambda batch: (batch.run, batch.stream, batch.seq // Receipt.SEQS),
        ):
            # From the part's beginning: zeros stand for what is there already, or lost.
            row = bytearray()
            for batch in several:
                row += bytes(8 * (batch.seq % Receipt.SEQS) - len(row)) + batch.digest
            runs.append(run)
            streams.append(stream)
            parts.append(part)
            digests.append(bytes(row))
        if runs:
            self._session.execute(
                _RECEIPTS, {"runs": runs, "streams": streams, "parts": parts, "digests": digests}
            )

    def _advance_cursors(self, batches: Iterable[Waiting]) -> None:
        runs, streams, seqs, rows = [], [], [], []
        for (run, stream), several in groupby(batches, key=lambda batch: (batch.run, batch.stream)):
            taken = list(several)
            runs.append(run)
            streams.append(stream)
            seqs.append(taken[-1].seq + 1)
            rows.append(max(batch.row_offset + batch.row_span for batch in taken))
        values = {"runs": runs, "streams": streams, "seqs": seqs, "rows": rows}
        self._session.execute(_ADVANCE_CURSORS, values)
        self._session.execute(_DELETE_FOLDED, values)

    def _tell(self, heads: Mapping[int, tuple[int, int]]) -> None:
        if not signals.run_folded.has_listeners():
            return
        for run, version in versions(self._session, list(heads)).items():
            signals.after_commit(signals.run_folded, run=run, version=version)


def versions(session: Session, runs: Sequence[int]) -> dict[int, str]:
    """Return the version of each run as this session sees it: Σ next_seq and the generation of its segments."""
    rows = session.rows(_VERSIONS, {"runs": list(runs)})
    return {run: f"{total}-{generation}" for run, total, generation in rows}


_VERSIONS = """
SELECT wanted.run, coalesce((SELECT sum(next_seq) FROM metrics_stream s WHERE s.run = wanted.run), 0)::bigint,
       coalesce((SELECT generation FROM metrics_head h WHERE h.run = wanted.run), 0)
FROM unnest(%(runs)s::bigint[]) AS wanted (run)
"""

_ADVANCE_HEADS = """
UPDATE metrics_head h
SET generation = h.generation + 1, next_segment = h.next_segment + new.segments, next_metric = new.metrics,
    names_digest = new.digest, folds = h.folds + 1, points = h.points + new.points
FROM unnest(%(runs)s::bigint[], %(segments)s::int[], %(metrics)s::int[], %(digests)s::bytea[], %(points)s::bigint[])
     AS new (run, segments, metrics, digest, points)
WHERE h.run = new.run
RETURNING h.run, h.next_segment, h.folds
"""

_REJECTION = {
    "run": "int8",
    "stream": "int4",
    "seq": "int8",
    "ordinal": "int4",
    "code": "text",
    "key": "text",
    "count": "int8",
    "message": "text",
    "is_told": "bool",
}

_RECEIPTS = """
INSERT INTO metrics_receipt AS r (run, stream, part, digests)
SELECT * FROM unnest(%(runs)s::bigint[], %(streams)s::int[], %(parts)s::bigint[], %(digests)s::bytea[])
ON CONFLICT (run, stream, part) DO UPDATE
SET digests = r.digests || substring(excluded.digests FROM octet_length(r.digests) + 1)
"""

_ADVANCE_CURSORS = """
INSERT INTO metrics_cursor AS c (run, stream, seq, next_row)
SELECT * FROM unnest(%(runs)s::bigint[], %(streams)s::int[], %(seqs)s::bigint[], %(rows)s::bigint[])
ON CONFLICT (run, stream) DO UPDATE SET seq = excluded.seq, next_row = greatest(c.next_row, excluded.next_row)
"""

_DELETE_FOLDED = """
DELETE FROM metrics_batch b
USING unnest(%(runs)s::bigint[], %(streams)s::int[], %(seqs)s::bigint[]) AS folded (run, stream, seq), metrics_stream s
WHERE b.run = folded.run AND b.stream = folded.stream AND b.seq < folded.seq
  AND s.run = b.run AND s.number = b.stream AND (NOT b.has_records OR b.seq < s.records_seq)
"""
