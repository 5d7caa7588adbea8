"""Batches of the inbox that are not folded yet, as metadata first and as arrays when asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from apps.metrics.groups import Columns, Group, Ids
from apps.metrics.models import Batch
from apps.metrics.session import Session
from apps.metrics.wire import Decoded, decode_stored


@dataclass(frozen=True, slots=True)
class Waiting:
    """A batch above the points cursor of its stream. cursor_row: the stream's rows below are held."""

    run: int
    stream: int
    seq: int
    points: int
    size_bytes: int
    digest: bytes
    mode: int
    unique_points: bool
    row_offset: int
    row_span: int
    has_records: bool
    cursor_seq: int
    cursor_row: int
    records_seq: int
    is_numbered_here: bool

    @property
    def needs_fold(self) -> bool:
        """Whether only a fold can tell which of its points count."""
        return self.unique_points or self.mode != Batch.Mode.PLAIN


def waiting(session: Session, runs: Sequence[int], *, limit: int | None = None) -> list[Waiting]:
    """Return the batches of runs that are not folded, in order of (run, stream, seq).

    Writers commit a stream's batches in order, so what is visible of a stream has no gap but a lost one.
    """
    rows = session.rows(_WAITING, {"runs": list(runs), "limit": limit})
    return [Waiting(*row) for row in rows]


_WAITING = """
SELECT b.run, b.stream, b.seq, b.points, octet_length(b.payload), b.digest, b.mode, b.unique_points, b.row_offset,
       b.row_span, b.has_records, coalesce(c.seq, 0), coalesce(c.next_row, 0), s.records_seq, s.is_numbered_here
FROM metrics_batch b
JOIN metrics_stream s ON s.run = b.run AND s.number = b.stream
LEFT JOIN metrics_cursor c ON c.run = b.run AND c.stream = b.stream
WHERE b.run = ANY(%(runs)s) AND b.seq >= coalesce(c.seq, 0)
ORDER BY b.run, b.stream, b.seq
LIMIT %(limit)s
"""


# Payloads held at once while they are decoded: what one fold takes fits.
_LOADED_BYTES = 64 * 1024 * 1024


def load(
    session: Session, batches: Sequence[Waiting], names: Collection[str] | None = None
) -> Iterator[tuple[Waiting, Decoded]]:
    """Yield batches (in order, of each stream without a gap) with their content, or what it has of some metrics."""
    with_points = [batch for batch in batches if batch.points or batch.mode == Batch.Mode.OVERWRITE]
    start = size_bytes = 0
    for stop, batch in enumerate(with_points):
        size_bytes += batch.size_bytes
        if size_bytes > _LOADED_BYTES and stop > start:
            yield from _load(session, with_points[start:stop], names)
            start, size_bytes = stop, batch.size_bytes
    yield from _load(session, with_points[start:], names)


def _load(
    session: Session, with_points: Sequence[Waiting], names: Collection[str] | None
) -> Iterator[tuple[Waiting, Decoded]]:
    runs, streams, firsts, lasts = [], [], [], []
    for (run, stream), several in groupby(with_points, key=lambda batch: (batch.run, batch.stream)):
        seqs = [batch.seq for batch in several]
        runs.append(run)
        streams.append(stream)
        firsts.append(seqs[0])
        lasts.append(seqs[-1])
    if not runs:
        return
    rows = session.rows(_LOAD, {"runs": runs, "streams": streams, "firsts": firsts, "lasts": lasts})
    payloads = {(run, stream, seq): (payload, encoding) for run, stream, seq, payload, encoding in rows}
    for batch in with_points:
        yield batch, decode_stored(*payloads.pop((batch.run, batch.stream, batch.seq)), names)


_LOAD = """
SELECT b.run, b.stream, b.seq, b.payload, b.encoding
FROM unnest(%(runs)s::bigint[], %(streams)s::int[], %(firsts)s::bigint[], %(lasts)s::bigint[])
     AS wanted (run, stream, first, last)
JOIN metrics_batch b ON b.run = wanted.run AND b.stream = wanted.stream
     AND b.seq BETWEEN wanted.first AND wanted.last AND (b.points > 0 OR b.mode = 2)
"""


def groups(batch: Waiting, content: Decoded, ids: Ids) -> Iterable[Group]:
    """Yield the batch's groups as rows of its stream; ids[i] is the column i's number, -1 to leave it out."""
    for group in content.groups:
        made = group.relabelled(stream=batch.stream, ids=ids)
        if (ids < 0).any():
            kept = [part for part in map(_known, made.columns) if len(part.ids)]
            if not kept:
                continue
            made = Group(made.axis, tuple(kept))
        if batch.row_offset:
            made = Group(replace(made.axis, row=made.axis.row + batch.row_offset), made.columns)
        yield made


def _known(part: Columns) -> Columns:
    if (part.ids >= 0).all():
        return part
    here = part.ids >= 0
    return replace(part, ids=part.ids[here], values=part.values[here])
