"""Points in segments, read column by column: which segments there are, and the bytes of them that are needed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from apps.metrics import sheaf
from apps.metrics.blocks import METRICS_PER_BLOCK
from apps.metrics.codec import KIND_OF_LETTER, decode_axis, decode_column
from apps.metrics.groups import Columns, Group
from apps.metrics.reading import Source, Stored, as_own
from apps.metrics.session import Row, Session

LEAST, GREATEST = -(2**63), 2**63 - 1


@dataclass(frozen=True, slots=True)
class Where:
    """A range of x in units of the axis, both ends included, by run."""

    axis: str = "step"
    ranges: Mapping[int, tuple[int, int]] | None = None

    def of(self, run: int) -> tuple[int, int]:
        return (LEAST, GREATEST) if self.ranges is None else self.ranges[run]


@dataclass(frozen=True, slots=True)
class Found:
    """A segment that may hold wanted columns of a source."""

    source: Source
    block: int
    id: int
    members: list[int]
    kinds: str
    rows: int
    is_columnar: bool
    step_min: int
    step_max: int
    first_time: int
    axis_size: int
    data_size: int
    offsets: list[int]
    envelope_offsets: list[int]
    widest: int


class Field(IntEnum):
    AXIS = 0
    DATA = 1
    ENVELOPE = 2


Wanted = dict[tuple[Source, int], dict[int, int]]
Piece = tuple[int, int, int, Field, int, int]  # source, block, segment, which bytes: from (0-based), how many


def wanted_members(stored: Iterable[Stored]) -> Wanted:
    """Return (source, block) → member → place."""
    wanted: Wanted = {}
    for each in stored:
        block, member = divmod(each.number, METRICS_PER_BLOCK)
        wanted.setdefault((each.source, block), {})[member] = each.place
    return wanted


def find(
    session: Session,
    stored: Sequence[Stored],
    where: Where,
    *,
    half_pixel: float | None = None,
    limit: int | None = None,
) -> list[Found]:
    """Return the segments that hold wanted columns and overlap the range, in order.

    half_pixel: leave out segments for which the pyramid has buckets no wider.
    """
    if not stored:
        return []
    covered = ""
    if half_pixel is not None:
        covered = f"""AND (s.parent IS NULL OR s.parent_widest_{where.axis} > %(half_pixel)s::float8
                           OR s.parent_step_max > w.upto_step)"""
    rows = session.rows(
        f"""{WANTED} SELECT {_FOUND}, s.widest_{where.axis}
FROM w JOIN metrics_segment s ON s.run = w.source AND s.block = w.block AND s.members && w.members
     AND s.step_min <= w.upto_step AND s.{where.axis}_max >= w.x_min AND s.{where.axis}_min <= w.x_max {covered}
ORDER BY s.step_min, s.first_time, s.id LIMIT %(limit)s""",
        wanted_values(stored, where) | {"half_pixel": half_pixel, "limit": limit},
    )
    return [_found(row) for row in rows]


_FOUND = """w.run, w.source, w.upto_step, w.depth, s.block, s.id, s.members, s.kinds, s.rows, s.is_columnar, s.step_min,
       s.step_max, s.first_time, octet_length(s.axis), octet_length(s.data), s.offsets, s.envelope_offsets"""


def find_beside(
    session: Session, stored: Sequence[Stored], where: Where, found: Sequence[Found]
) -> list[Found]:
    """Return for each run and block the nearest segment on either side of the range, if it is not in `found`."""
    if not stored:
        return []
    axis = where.axis
    of_segment = """FROM metrics_segment s WHERE s.run = w.source AND s.block = w.block
        AND s.members && w.members AND s.step_min <= w.upto_step"""
    rows = session.rows(
        f"""{WANTED} SELECT {_FOUND}, s.widest_{axis} FROM w CROSS JOIN LATERAL (
    (SELECT s.* {of_segment} AND s.{axis}_max < w.x_min ORDER BY s.{axis}_max DESC LIMIT 1)
    UNION ALL
    (SELECT s.* {of_segment} AND s.{axis}_min > w.x_max ORDER BY s.{axis}_min LIMIT 1)) s""",
        wanted_values(stored, where),
    )
    known = {(each.source, each.block, each.id) for each in found}
    return [each for each in map(_found, rows) if (each.source, each.block, each.id) not in known]


def _found(row: Row) -> Found:
    return Found(Source(*row[:4]), *row[4:])


def extents(session: Session, stored: Sequence[Stored], axis: str) -> list[tuple[int, int, int]]:
    """Return (run, least, greatest) of the axis for the wanted columns, or a little more than theirs."""
    if not stored:
        return []
    highest = "least(max(s.step_max), w.upto_step)" if axis == "step" else "max(s.time_max)"
    rows = session.rows(
        f"""{WANTED} SELECT w.run, min(s.{axis}_min), {highest}
FROM w JOIN metrics_segment s ON s.run = w.source AND s.block = w.block AND s.members && w.members
     AND s.step_min <= w.upto_step
GROUP BY w.run, w.source, w.upto_step""",
        wanted_values(stored, Where(axis)),
    )
    return [(run, low, high) for run, low, high in rows]


# One row per run, source and block: which members of the block are wanted, in which range.
WANTED = """
WITH w AS (
    SELECT run, source, upto_step, depth, block, x_min, x_max, array_agg(member::int2) AS members
    FROM unnest(%(runs)s::bigint[], %(sources)s::bigint[], %(uptos)s::bigint[], %(depths)s::int[],
                %(blocks)s::int[], %(members)s::int[], %(x_mins)s::bigint[], %(x_maxs)s::bigint[])
         AS u (run, source, upto_step, depth, block, member, x_min, x_max)
    GROUP BY run, source, upto_step, depth, block, x_min, x_max
)"""


def wanted_values(stored: Sequence[Stored], where: Where) -> dict[str, object]:
    ranges = [where.of(each.source.run) for each in stored]
    return {
        "runs": [each.source.run for each in stored],
        "sources": [each.source.source for each in stored],
        "uptos": [each.source.upto_step for each in stored],
        "depths": [each.source.depth for each in stored],
        "blocks": [each.number // METRICS_PER_BLOCK for each in stored],
        "members": [each.number % METRICS_PER_BLOCK for each in stored],
        "x_mins": [each[0] for each in ranges],
        "x_maxs": [each[1] for each in ranges],
    }


def fetch(session: Session, pieces: Sequence[Piece], table: str = "metrics_segment") -> list[bytes]:
    """Return the bytes of pieces of segments (or of the pyramid above), in one statement."""
    if not pieces:
        return []
    source = "s.envelope"
    if table == "metrics_segment":
        source = "CASE w.field WHEN 0 THEN s.axis WHEN 1 THEN s.data ELSE s.envelope END"
    rows = session.rows(
        f"""
SELECT w.place, substring({source} FROM w.first + 1 FOR w.size)
FROM unnest(%(runs)s::bigint[], %(blocks)s::int[], %(ids)s::bigint[], %(fields)s::int[], %(firsts)s::int[],
            %(sizes)s::int[]) WITH ORDINALITY AS w (run, block, id, field, first, size, place)
JOIN {table} s ON s.run = w.run AND s.block = w.block AND s.id = w.id""",
        {
            "runs": [piece[0] for piece in pieces],
            "blocks": [piece[1] for piece in pieces],
            "ids": [piece[2] for piece in pieces],
            "fields": [int(piece[3]) for piece in pieces],
            "firsts": [piece[4] for piece in pieces],
            "sizes": [piece[5] for piece in pieces],
        },
    )
    found: list[bytes] = [b""] * len(pieces)
    for place, stored in rows:
        found[place - 1] = stored
    return found


def load(session: Session, found: Sequence[Found], wanted: Wanted) -> dict[int, list[Group]]:
    """Return run → groups of exactly the wanted columns of these segments; their ids are places."""
    pieces: list[Piece] = []
    for each in found:
        place = each.source.source, each.block, each.id
        if not each.is_columnar:
            pieces.append((*place, Field.DATA, 0, each.data_size))
            continue
        pieces.append((*place, Field.AXIS, 0, each.axis_size))
        members = wanted[each.source, each.block]
        for number, member in enumerate(each.members):
            if member in members:
                start, stop = each.offsets[number], each.offsets[number + 1]
                pieces.append((*place, Field.DATA, start, stop - start))
    stored = iter(fetch(session, pieces))
    made: dict[int, list[Group]] = {}
    for each in found:
        members = wanted[each.source, each.block]
        groups = (
            [_of_columns(each, stored, members)] if each.is_columnar else _of_sheaf(next(stored), members)
        )
        made.setdefault(each.source.run, []).extend(as_own(groups, each.source))
    return made


def _of_columns(found: Found, stored: Iterator[bytes], members: Mapping[int, int]) -> Group:
    axis = decode_axis(next(stored), found.rows)
    columns = []
    for number, member in enumerate(found.members):
        if member in members:
            kind = KIND_OF_LETTER[found.kinds[number]]
            values = decode_column(next(stored), kind, found.rows)
            columns.append(Columns(kind, np.array([members[member]], np.int32), values[None]))
    return Group(axis, tuple(columns))


def _of_sheaf(stored: bytes, members: Mapping[int, int]) -> list[Group]:
    places = np.full(METRICS_PER_BLOCK, -1, np.int32)
    places[list(members)] = list(members.values())
    made = []
    for group in sheaf.decode(stored, 0):
        columns = []
        for part in group.columns:
            here = places[part.ids]
            if (here >= 0).all():
                columns.append(Columns(part.kind, here, part.values))
            elif (here >= 0).any():
                columns.append(Columns(part.kind, here[here >= 0], part.values[here >= 0]))
        if columns:
            made.append(Group(group.axis, tuple(columns)))
    return made
