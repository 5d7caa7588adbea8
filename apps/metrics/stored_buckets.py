"""Buckets read back: those of segments, and of the pyramid above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.metrics import envelope, stored_points
from apps.metrics.codec import KIND_OF_LETTER
from apps.metrics.envelope import Buckets
from apps.metrics.reading import Source, Stored
from apps.metrics.session import Session
from apps.metrics.stored_points import Field, Found, Wanted, Where


@dataclass(frozen=True, slots=True)
class Above:
    """A row of the pyramid that holds wanted columns."""

    source: Source
    block: int
    id: int
    members: list[int]
    kinds: str
    buckets: int
    offsets: list[int]


def find(session: Session, stored: Sequence[Stored], where: Where, half_pixel: float) -> list[Above]:
    """Return the coarsest rows whose buckets are no wider than half a pixel, and that need not be cut."""
    if not stored:
        return []
    axis = where.axis
    rows = session.rows(
        f"""{stored_points.WANTED} SELECT w.run, w.source, w.upto_step, w.depth, e.block, e.id,
       e.members, e.kinds, e.buckets, e.envelope_offsets
FROM w JOIN metrics_envelope e ON e.run = w.source AND e.block = w.block AND e.members && w.members
     AND e.{axis}_max >= w.x_min AND e.{axis}_min <= w.x_max
     AND e.widest_{axis} <= %(half_pixel)s::float8 AND e.step_max <= w.upto_step
     AND (e.parent IS NULL OR e.parent_widest_{axis} > %(half_pixel)s::float8 OR e.parent_step_max > w.upto_step)""",
        stored_points.wanted_values(stored, where) | {"half_pixel": half_pixel},
    )
    return [Above(Source(*row[:4]), *row[4:]) for row in rows]


def load(
    session: Session,
    segments: Sequence[Found],
    above: Sequence[Above],
    wanted: Wanted,
) -> dict[tuple[int, int], Buckets]:
    """Return (run, place) → the buckets of segments and of rows above them, one after the other."""
    rows: list[tuple[Found | Above, list[int], int, str]] = [
        (each, each.envelope_offsets, envelope.bucket_count(each.rows), "metrics_segment")
        for each in segments
    ]
    rows += [(each, each.offsets, each.buckets, "metrics_envelope") for each in above]
    pieces: dict[str, list[stored_points.Piece]] = {"metrics_segment": [], "metrics_envelope": []}
    for each, offsets, _, table in rows:
        place = each.source.source, each.block, each.id
        members = wanted[each.source, each.block]
        pieces[table].append((*place, Field.ENVELOPE, 0, offsets[1]))
        for number, member in enumerate(each.members):
            if member in members:
                start, stop = offsets[number + 1], offsets[number + 2]
                pieces[table].append((*place, Field.ENVELOPE, start, stop - start))
    fetched = {table: iter(stored_points.fetch(session, asked, table)) for table, asked in pieces.items()}
    made: dict[tuple[int, int], list[Buckets]] = {}
    for each, _, count, table in rows:
        spans = envelope.decode_spans(next(fetched[table]), count)
        members = wanted[each.source, each.block]
        for number, member in enumerate(each.members):
            if member in members:
                kind = KIND_OF_LETTER[each.kinds[number]]
                column = envelope.decode_column(next(fetched[table]), kind, members[member], spans)
                made.setdefault((each.source.run, members[member]), []).append(column)
    return {key: envelope.concat(parts) for key, parts in made.items()}
