"""The inbox: batches in, durable before they are acknowledged; read by two consumers, then deleted.

A batch in order costs one statement, which is the whole transaction: it takes the stream's row, stores the
payload, advances the stream and tells what folds have rejected since. Everything else (a new stream, a
repeat, a gap, a refusal) takes the careful way with a few statements more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID, uuid5

from apps.base.errors import Conflict, Gone
from apps.metrics import hints, signals
from apps.metrics.models import Batch, Receipt
from apps.metrics.rejections import Rejected
from apps.metrics.session import Session, autocommitted, writing
from apps.metrics.snapshot import snapshot
from apps.metrics.wire import Decoded, decode_stored, inflate

Status = Literal["acked", "duplicate"]
Mode = Literal["append", "overwrite"]

# The namespace of streams that dialects name by text.
_NAMED_STREAMS = UUID("6f1d6dd2-5a0e-4f5c-9a53-15c1a0b7d0c1")


@dataclass(frozen=True, slots=True)
class Appended:
    """The answer to a writer. lost: the range (inclusive) recorded with this batch."""

    status: Status
    next_seq: int
    rejected: tuple[Rejected, ...]
    lost: tuple[int, int] | None
    version: str


def append(
    run: int,
    stream: UUID,
    seq: int,
    batch: Decoded,
    *,
    lost: tuple[int, int] | None = None,
    unique_points: bool = False,
    base: int | None = None,
    mode: Mode = "append",
    now: datetime | None = None,
) -> Appended:
    """Store a batch that its writer has numbered; when this returns it is on disk.

    lost: seqs (inclusive) that the writer no longer has, up to seq - 1.
    unique_points: points equal to one the run already has are dropped (MLflow's rule, in folding).
    base: the batch's rows count from here; rows the stream already has are repeats, skipped with mode
    `append`, archived and replaced with `overwrite`.

    Raises Conflict `gap` or `diverged`, with the seq that is expected, and Gone `expired` or `purged`;
    then nothing has changed.
    """
    values = _values(batch, unique_points, base, mode, now) | {"run": run, "key": stream, "seq": seq}
    found = autocommitted().row(_NEXT, values, is_prepared=True)
    if found is not None:
        number, _, told, total, generation, _ = found
        return _accepted(run, number, seq, batch, told, f"{total + 1}-{generation}", lost=None)
    return _append_carefully(run, stream, seq, batch, values, lost)


def append_points(
    run: int,
    stream_name: str,
    batch: Decoded,
    *,
    unique_points: bool = False,
    base: int | None = None,
    mode: Mode = "append",
    now: datetime | None = None,
) -> Appended:
    """Store a batch of a dialect whose writer numbers nothing: the server counts its batches and rows.

    The batch's rows count from 0; they are put behind the stream's, or at `base`. Otherwise as `append`.
    """
    key = uuid5(_NAMED_STREAMS, stream_name)
    values = _values(batch, unique_points, base, mode, now) | {"run": run, "key": key}
    statement = _NUMBERED if base is None else _NUMBERED_AT_BASE
    found = autocommitted().row(statement, values, is_prepared=True)
    if found is None:
        with writing() as session:
            _open_for_writing(session, run)
            _make_stream(session, run, key, is_numbered_here=True)
            found = session.row(statement, values, is_prepared=True)
            assert found is not None
            number, seq, told, total, generation, _ = found
            return _accepted(run, number, seq, batch, told, f"{total + 1}-{generation}", lost=None)
    number, seq, told, total, generation, _ = found
    return _accepted(run, number, seq, batch, told, f"{total + 1}-{generation}", lost=None)


def open_run(run: int) -> None:
    """Make the run known to the engine. Repeating it changes nothing."""
    autocommitted().execute(_OPEN, {"run": run})


def next_row(run: int, stream: UUID) -> int:
    """Return the row number that the next row of a stream has by default."""
    found = autocommitted().row(
        "SELECT next_row FROM metrics_stream WHERE run = %(run)s AND key = %(key)s",
        {"run": run, "key": stream},
    )
    return found[0] if found else 0


def stream_rows(run: int, stream_name: str) -> int:
    """Return how many rows a stream of `append_points` has: where its next line goes."""
    return next_row(run, uuid5(_NAMED_STREAMS, stream_name))


def check_durability() -> list[str]:
    """Return which of the database's settings would let an acknowledged batch be lost; empty is good."""
    rows = autocommitted().rows(
        "SELECT name, setting FROM pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')"
    )
    return [f"{name} = {value}" for name, value in sorted(rows) if value in {"off", "local"}]


# The way of a batch that is the next. Prepared: to plan such a statement takes PostgreSQL longer than to run it.


_OPEN = "INSERT INTO metrics_head (run, generation, next_segment, next_metric, names_digest, folds, points) \
VALUES (%(run)s, 0, 0, 0, '', 0, 0) ON CONFLICT DO NOTHING"

# `synchronous_commit` is set for this transaction whatever the role's or the pool's setting is. A writer
# that waited for the row sees the seq which the other left there, and then matches nothing.
_STORE = """
stored AS (
    INSERT INTO metrics_batch (run, stream, seq, payload, encoding, digest, rows, points, has_records, mode,
                               unique_points, row_offset, row_span, received_at)
    SELECT %(run)s, number, seq, %(payload)s, %(encoding)s, %(digest)s, %(rows)s, %(points)s, %(has_records)s,
           %(mode)s, %(unique_points)s, row_offset, %(row_span)s, %(now)s
    FROM advanced
), told AS (
    UPDATE metrics_rejection r SET is_told = true FROM advanced
    WHERE r.run = %(run)s AND r.stream = advanced.number AND NOT r.is_told
    RETURNING r.code, r.key, r.count, r.message
), noted AS (
    INSERT INTO metrics_rejection (run, stream, seq, ordinal, code, key, count, message, is_told)
    SELECT %(run)s, number, seq, ordinal, code, key, count, message, true
    FROM advanced, unnest(%(codes)s::text[], %(keys)s::text[], %(counts)s::bigint[], %(messages)s::text[])
        WITH ORDINALITY AS bad (code, key, count, message, ordinal)
)
SELECT number, seq,
       (SELECT json_agg(json_build_array(code, key, count, message)) FROM told),
       (SELECT sum(next_seq)::bigint FROM metrics_stream WHERE run = %(run)s),
       (SELECT generation FROM metrics_head WHERE run = %(run)s),
       set_config('synchronous_commit', 'on', true)
FROM advanced
"""


def _advance(*, next_row: str, row_offset: str, where: str) -> str:
    return f"""
WITH advanced AS (
    UPDATE metrics_stream SET next_seq = next_seq + 1, next_row = {next_row}
    WHERE run = %(run)s AND key = %(key)s AND {where}
    RETURNING number, next_seq - 1 AS seq, {row_offset} AS row_offset
), {_STORE}"""


_NEXT = _advance(
    next_row="greatest(next_row, %(row_offset)s::bigint + %(row_span)s::bigint)",
    row_offset="%(row_offset)s::bigint",
    where="next_seq = %(seq)s AND NOT is_numbered_here",
)
_NUMBERED = _advance(
    next_row="next_row + %(row_span)s::bigint",
    row_offset="next_row - %(row_span)s::bigint",
    where="is_numbered_here",
)
_NUMBERED_AT_BASE = _advance(
    next_row="greatest(next_row, %(row_offset)s::bigint + %(row_span)s::bigint)",
    row_offset="%(row_offset)s::bigint",
    where="is_numbered_here",
)


def _values(
    batch: Decoded, unique_points: bool, base: int | None, mode: Mode, now: datetime | None
) -> dict[str, Any]:
    told = batch.rejected
    placed = Batch.Mode.OVERWRITE if mode == "overwrite" else Batch.Mode.APPEND_AT
    return {
        "payload": batch.payload,
        "encoding": batch.encoding,
        "digest": batch.digest,
        "rows": batch.rows,
        "points": batch.points,
        "has_records": bool(batch.records),
        "mode": int(Batch.Mode.PLAIN if base is None else placed),
        "unique_points": unique_points,
        "row_offset": base or 0,
        "row_span": batch.next_row,
        "now": now or datetime.now(UTC),
        "codes": [each.code for each in told],
        "keys": [each.key for each in told],
        "counts": [each.count for each in told],
        "messages": [each.message for each in told],
    }


def _accepted(
    run: int,
    number: int,
    seq: int,
    batch: Decoded,
    told: list[list[Any]] | None,
    version: str,
    *,
    lost: tuple[int, int] | None,
) -> Appended:
    """Tell the folder and the listeners, once it is committed, and make the answer."""
    hints.mark_after_commit(run)
    signals.after_commit(
        signals.batch_appended,
        run=run,
        stream=number,
        seq=seq,
        version=version,
        names=batch.names,
        decoded=batch,
    )
    if batch.records:
        signals.after_commit(signals.records_pending, run=run)
    since = tuple(Rejected(*each) for each in told or ())
    return Appended("acked", seq + 1, batch.rejected + since, lost, version)


# The careful way


def _append_carefully(
    run: int, key: UUID, seq: int, batch: Decoded, values: dict[str, Any], lost: tuple[int, int] | None
) -> Appended:
    with writing() as session:
        _open_for_writing(session, run)
        stream = _make_stream(session, run, key, is_numbered_here=False)
        expected = stream.next_seq
        if seq < expected:
            return _repeated(session, run, stream, seq, batch)
        newly_lost = None
        if seq > expected:
            if lost is None or lost[1] != seq - 1 or not lost[0] <= expected:
                # Rolls back the stream, if it is new: a refused request changes nothing.
                raise Conflict(
                    f"Batch {seq} came before batch {expected}: send that one first.",
                    code="gap",
                    details={"expected": expected},
                )
            newly_lost = (expected, seq - 1)
            session.execute(_LOSE, values | {"number": stream.number, "first": expected, "last": seq - 1})
        found = session.row(_NEXT, values, is_prepared=True)
        assert found is not None, "the stream is locked and stands at this seq"
        number, _, told, total, generation, _ = found
        return _accepted(run, number, seq, batch, told, f"{total + 1}-{generation}", lost=newly_lost)


def _open_for_writing(session: Session, run: int) -> None:
    """Make the run's Head if need be and keep a purge out, which a fold never notices. Raises Gone."""
    asked = "SELECT purged_at FROM metrics_head WHERE run = %(run)s FOR KEY SHARE"
    found = session.row(asked, {"run": run})
    if found is None:
        session.execute(_OPEN, {"run": run})
        found = session.row(asked, {"run": run})
    if found is None or found[0] is not None:
        raise Gone("The run's data has been deleted.", code="purged")


@dataclass(frozen=True, slots=True)
class _Stream:
    number: int
    next_seq: int
    is_numbered_here: bool


def _make_stream(session: Session, run: int, key: UUID, *, is_numbered_here: bool) -> _Stream:
    """Return the stream, locked; a new one gets the run's next number."""
    values = {"run": run, "key": key, "is_numbered_here": is_numbered_here}
    while True:
        found = session.row(
            "SELECT number, next_seq, is_numbered_here FROM metrics_stream"
            " WHERE run = %(run)s AND key = %(key)s FOR UPDATE",
            values,
        )
        if found is not None:
            return _Stream(*found)
        # Two writers who begin at once may want the same number: one of them looks again.
        session.execute(
            "INSERT INTO metrics_stream (run, number, key, next_seq, next_row, records_seq, is_numbered_here)"
            " SELECT %(run)s, coalesce(max(number) + 1, 0), %(key)s, 0, 0, 0, %(is_numbered_here)s"
            " FROM metrics_stream WHERE run = %(run)s ON CONFLICT DO NOTHING",
            values,
        )


_LOSE = """
WITH noted AS (
    INSERT INTO metrics_lost (run, stream, first, last, noticed_at)
    VALUES (%(run)s, %(number)s, %(first)s, %(last)s, %(now)s)
)
UPDATE metrics_stream SET next_seq = %(last)s + 1 WHERE run = %(run)s AND number = %(number)s
"""


# What fills a receipt's place where there was no batch, or where it has expired.
_NO_DIGEST = bytes(8)


def _repeated(session: Session, run: int, stream: _Stream, seq: int, batch: Decoded) -> Appended:
    """Answer a batch below the position: the one we have, another one, or one too old to tell."""
    part, place = divmod(seq, Receipt.SEQS)
    found = session.row(
        "SELECT (SELECT digest FROM metrics_batch WHERE run = %(run)s AND stream = %(stream)s AND seq = %(seq)s),"
        " (SELECT substring(digests FROM %(place)s FOR 8) FROM metrics_receipt"
        "  WHERE run = %(run)s AND stream = %(stream)s AND part = %(part)s),"
        " EXISTS (SELECT FROM metrics_lost"
        "  WHERE run = %(run)s AND stream = %(stream)s AND first <= %(seq)s AND last >= %(seq)s),"
        " (SELECT json_agg(json_build_array(code, key, count, message) ORDER BY ordinal) FROM metrics_rejection"
        "  WHERE run = %(run)s AND stream = %(stream)s AND seq = %(seq)s AND code <> 'many_keys'),"
        " (SELECT sum(next_seq)::bigint FROM metrics_stream WHERE run = %(run)s),"
        " (SELECT generation FROM metrics_head WHERE run = %(run)s)",
        {"run": run, "stream": stream.number, "seq": seq, "part": part, "place": place * 8 + 1},
    )
    assert found is not None
    waiting, receipt, is_lost, rejected, total, generation = found
    digest = waiting or receipt
    # What one writer gave up another may still hold (a cloned spool): it is not here, whatever was expired.
    is_known = bool(digest) and digest != _NO_DIGEST
    if not is_known and not is_lost and not stream.is_numbered_here:
        raise Gone(f"Batch {seq} is too old to tell whether it is a repeat.", code="expired")
    if digest != batch.digest:
        raise Conflict(
            f"Batch {seq} was stored with another content: go on in a new stream.",
            code="diverged",
            details={"expected": stream.next_seq},
        )
    told = tuple(Rejected(*each) for each in rejected or ())
    return Appended("duplicate", stream.next_seq, told, None, f"{total}-{generation}")


# The second consumer


@dataclass(frozen=True, slots=True)
class PendingRecords:
    """The records of one batch, for the consumer that applies them in its own database.

    size: bytes of the batch, inflated.
    """

    run: int
    stream: int
    stream_key: UUID
    seq: int
    records: tuple[dict[str, Any], ...]
    received_at: datetime
    size: int


def pending_records(
    run: int | None = None, *, limit: int = 100, max_bytes: int | None = None
) -> list[PendingRecords]:
    """Return batches whose records are not acknowledged, run by run.

    Those of a stream come in order of seq; those of several streams as they arrived, as far as that order
    allows, and by the stream's number where they arrived at once.

    max_bytes: no further batch is read once those before have so many bytes inflated.
    """
    rows = autocommitted().rows(_PENDING, {"run": run, "limit": limit, "max_bytes": max_bytes})
    found: list[PendingRecords] = []
    held = 0
    for place, row in enumerate(rows):
        if max_bytes is not None and held >= max_bytes:
            break
        run, stream, key, seq, payload, encoding, received_at = row
        rows[place] = ()
        inflated = inflate(payload, encoding) if encoding else payload
        size = max(len(payload), len(inflated))
        held += size
        found.append(
            PendingRecords(run, stream, key, seq, decode_stored(inflated, "").records, received_at, size)
        )
    return found


# A stream's batch arrives no earlier than those before it, whatever the clocks of web processes say.
# The sizes are asked before the payloads: a payload that is not returned is not read either.
_PENDING = """
WITH waiting AS (
    SELECT b.run, b.stream, s.key, b.seq,
           max(b.received_at) OVER (PARTITION BY b.run, b.stream ORDER BY b.seq) AS arrived_at
    FROM metrics_batch b JOIN metrics_stream s ON s.run = b.run AND s.number = b.stream
    WHERE b.has_records AND b.seq >= s.records_seq AND (%(run)s::bigint IS NULL OR b.run = %(run)s::bigint)
    ORDER BY b.run, arrived_at, b.stream, b.seq LIMIT %(limit)s
), sized AS (
    SELECT w.*, sum(octet_length(b.payload)) OVER (ORDER BY w.run, w.arrived_at, w.stream, w.seq)
                - octet_length(b.payload) AS before
    FROM waiting w JOIN metrics_batch b ON b.run = w.run AND b.stream = w.stream AND b.seq = w.seq
)
SELECT w.run, w.stream, w.key, w.seq, b.payload, b.encoding, b.received_at
FROM sized w JOIN metrics_batch b ON b.run = w.run AND b.stream = w.stream AND b.seq = w.seq
WHERE %(max_bytes)s::bigint IS NULL OR w.before < %(max_bytes)s::bigint
ORDER BY w.run, w.arrived_at, w.stream, w.seq
"""


def runs_with_pending_records(limit: int = 100) -> list[int]:
    """Return runs that have records to apply."""
    rows = autocommitted().rows(
        "SELECT DISTINCT b.run FROM metrics_batch b"
        " JOIN metrics_stream s ON s.run = b.run AND s.number = b.stream"
        " WHERE b.has_records AND b.seq >= s.records_seq LIMIT %(limit)s",
        {"limit": limit},
    )
    return [run for (run,) in rows]


def acknowledge_records(run: int, stream: int, seq: int) -> None:
    """Note that the records of all batches below seq are applied and committed; forget what both consumers have.

    Repeating it, or with a lower seq, changes nothing.
    """
    values = {"run": run, "stream": stream, "seq": seq}
    session = autocommitted()
    moved = session.execute(
        "UPDATE metrics_stream SET records_seq = %(seq)s"
        " WHERE run = %(run)s AND number = %(stream)s AND records_seq < %(seq)s",
        values,
    )
    if moved:
        # A statement of its own, after the cursor: whichever consumer comes last sees the other's cursor.
        session.execute(_DELETE_CONSUMED, {"runs": [run]})


def sweep(runs: Sequence[int]) -> int:
    """Delete batches that both consumers are past, left over where these passed each other."""
    return autocommitted().execute(_DELETE_CONSUMED, {"runs": list(runs)})


_DELETE_CONSUMED = """
DELETE FROM metrics_batch b USING metrics_stream s, metrics_cursor c
WHERE b.run = ANY(%(runs)s) AND s.run = b.run AND s.number = b.stream AND c.run = b.run AND c.stream = b.stream
  AND b.seq < c.seq AND (NOT b.has_records OR b.seq < s.records_seq)
"""


# The ledger


@dataclass(frozen=True, slots=True)
class LostRange:
    stream: UUID
    first: int
    last: int
    noticed_at: datetime


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What was not stored, of which batch."""

    stream: UUID
    seq: int
    rejected: Rejected


@dataclass(frozen=True, slots=True)
class Ledger:
    """What became of all that a run was sent.

    batches: accepted. points: folded into segments, rejected ones not counted. pending: batches, and the points in
    them, that are not folded yet. pending_records: batches whose records are not acknowledged.
    rejected: the sum over the whole ledger; entries: its newest rows.
    """

    streams: int
    batches: int
    points: int
    pending_batches: int
    pending_points: int
    pending_records: int
    rejected: int
    entries: tuple[LedgerEntry, ...]
    lost: tuple[LostRange, ...]


def ledger(run: int, *, limit: int = 1000) -> Ledger:
    """Return the run's ledger, with at most `limit` rejections and lost ranges."""
    with snapshot() as session:
        values = {"run": run, "limit": limit}
        counted = session.row(_COUNT, values)
        assert counted is not None
        entries = session.rows(
            "SELECT s.key, r.seq, r.code, r.key, r.count, r.message"
            " FROM metrics_rejection r JOIN metrics_stream s ON s.run = r.run AND s.number = r.stream"
            " WHERE r.run = %(run)s ORDER BY r.stream, r.seq DESC, r.ordinal LIMIT %(limit)s",
            values,
        )
        lost = session.rows(
            "SELECT s.key, l.first, l.last, l.noticed_at"
            " FROM metrics_lost l JOIN metrics_stream s ON s.run = l.run AND s.number = l.stream"
            " WHERE l.run = %(run)s ORDER BY l.stream, l.first LIMIT %(limit)s",
            values,
        )
    streams, batches, points, pending_batches, pending_points, pending_records, rejected = counted
    return Ledger(
        streams=streams,
        batches=batches,
        points=points,
        pending_batches=pending_batches,
        pending_points=pending_points,
        pending_records=pending_records,
        rejected=rejected,
        entries=tuple(LedgerEntry(key, seq, Rejected(*rest)) for key, seq, *rest in entries),
        lost=tuple(LostRange(*each) for each in lost),
    )


_COUNT = """
SELECT (SELECT count(*) FROM metrics_stream WHERE run = %(run)s),
       (SELECT coalesce(sum(next_seq), 0)::bigint FROM metrics_stream WHERE run = %(run)s)
     - (SELECT coalesce(sum(last - first + 1), 0)::bigint FROM metrics_lost WHERE run = %(run)s),
       coalesce((SELECT points FROM metrics_head WHERE run = %(run)s), 0),
       count(b.seq), coalesce(sum(b.points), 0)::bigint,
       (SELECT count(*) FROM metrics_batch b JOIN metrics_stream s ON s.run = b.run AND s.number = b.stream
        WHERE b.run = %(run)s AND b.has_records AND b.seq >= s.records_seq),
       (SELECT coalesce(sum(count), 0)::bigint FROM metrics_rejection WHERE run = %(run)s AND code <> 'many_keys')
FROM metrics_batch b LEFT JOIN metrics_cursor c ON c.run = b.run AND c.stream = b.stream
WHERE b.run = %(run)s AND b.seq >= coalesce(c.seq, 0)
"""


# The end of a run


def keep_receipts_until(moments: Mapping[int, datetime | None]) -> None:
    """Say how long repeats of runs' batches can come. None: the run goes on. Repeating it changes nothing."""
    autocommitted().execute(
        "UPDATE metrics_head h SET receipts_until = told.moment"
        " FROM unnest(%(runs)s::bigint[], %(moments)s::timestamptz[]) AS told (run, moment)"
        " WHERE h.run = told.run AND h.receipts_until IS DISTINCT FROM told.moment",
        {"runs": list(moments), "moments": list(moments.values())},
    )


def expire_receipts(moment: datetime, *, limit: int = 1000) -> int:
    """Forget the digests of runs whose time is up; return how many runs."""
    return autocommitted().execute(
        "WITH over AS (UPDATE metrics_head SET receipts_until = NULL WHERE run IN"
        " (SELECT run FROM metrics_head WHERE receipts_until < %(moment)s LIMIT %(limit)s) RETURNING run),"
        " gone AS (DELETE FROM metrics_receipt r USING over WHERE r.run = over.run)"
        " SELECT run FROM over",
        {"moment": moment, "limit": limit},
    )
