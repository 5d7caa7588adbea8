"""The pyramid: buckets of buckets above sealed segments, so that a wide chart reads few rows.

A row stands on 16 stretches of the tier below that have the same members and follow one another in order. Segments
are tier 0, with a bucket for 256 rows; each bucket of a tier is the union of 16 of the one below.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.metrics import envelope
from apps.metrics.codec import KIND_OF_LETTER
from apps.metrics.envelope import FAN_OUT, Buckets, Spans
from apps.metrics.locks import lock_heads
from apps.metrics.segments import widest
from apps.metrics.session import Row, Session

# Rows of the pyramid made by one transaction.
AT_ONCE = 64


def build(session: Session, run: int, block: int) -> int:
    """Build rows on the bare stretches of a block, at most AT_ONCE; return how many. The caller has the lock."""
    made = 0
    tier = 0
    while True:
        bare = _bare(session, run, block, tier)
        if not bare:
            return made
        lanes: dict[tuple[int, ...], list[Row]] = {}
        for row in bare:
            lanes.setdefault(tuple(row[1]), []).append(row)
        for lane in lanes.values():
            for start in range(0, len(lane) - FAN_OUT + 1, FAN_OUT):
                _stand_on(session, run, block, tier, [row[0] for row in lane[start : start + FAN_OUT]])
                made += 1
                if made >= AT_ONCE:
                    return made
        tier += 1


def _bare(session: Session, run: int, block: int, tier: int) -> list[Row]:
    table, which = (
        ("metrics_segment", "level = 100") if tier == 0 else ("metrics_envelope", "tier = %(tier)s")
    )
    return session.rows(
        f"SELECT id, members FROM {table} WHERE run = %(run)s AND block = %(block)s AND parent IS NULL AND {which}"
        " ORDER BY step_min, first_time, id",
        {"run": run, "block": block, "tier": tier},
    )


@dataclass(frozen=True, slots=True)
class _Below:
    """A stretch that is to carry a row of the pyramid."""

    members: list[int]
    kinds: str
    rows: int
    bounds: tuple[int, int, int, int, int, int]
    buckets: int
    envelope: bytes
    offsets: list[int]


def _stand_on(session: Session, run: int, block: int, tier: int, ids: Sequence[int]) -> None:
    table = "metrics_envelope" if tier else "metrics_segment"
    buckets = "buckets" if tier else f"(rows + {envelope.TIER_0_ROWS - 1}) / {envelope.TIER_0_ROWS}"
    found = session.rows(
        f"SELECT members, kinds, rows, step_min, step_max, time_min, time_max, first_time, last_time, {buckets},"
        f" envelope, envelope_offsets FROM {table} WHERE run = %(run)s AND block = %(block)s AND id = ANY(%(ids)s)"
        " ORDER BY step_min, first_time, id",
        {"run": run, "block": block, "ids": list(ids)},
    )
    below = [_Below(row[0], row[1], row[2], tuple(row[3:9]), *row[9:]) for row in found]
    spans, pieces = _coarser(below)
    widest_step, widest_time = widest(spans)
    step_max = max(each.bounds[1] for each in below)
    lock_heads(session, [run])
    head = session.row(
        "UPDATE metrics_head SET generation = generation + 1, next_segment = next_segment + 1"
        " WHERE run = %(run)s RETURNING next_segment - 1",
        {"run": run},
    )
    assert head is not None
    session.copy(
        "metrics_envelope",
        _COLUMNS,
        [
            (
                run,
                block,
                head[0],
                tier + 1,
                below[0].members,
                below[0].kinds,
                sum(each.rows for each in below),
                len(spans),
                min(each.bounds[0] for each in below),
                step_max,
                min(each.bounds[2] for each in below),
                max(each.bounds[3] for each in below),
                below[0].bounds[4],
                max((each.bounds[1], each.bounds[5]) for each in below)[1],
                widest_step,
                widest_time,
                b"".join(pieces),
                np.cumsum([0, *map(len, pieces)]).tolist(),
            )
        ],
    )
    session.execute(
        f"UPDATE {table} SET parent = %(parent)s, parent_widest_step = %(widest_step)s,"
        " parent_widest_time = %(widest_time)s, parent_step_max = %(step_max)s"
        " WHERE run = %(run)s AND block = %(block)s AND id = ANY(%(ids)s)",
        {
            "run": run,
            "block": block,
            "ids": list(ids),
            "parent": head[0],
            "widest_step": widest_step,
            "widest_time": widest_time,
            "step_max": step_max,
        },
    )


def _coarser(below: Sequence[_Below]) -> tuple[Spans, list[bytes]]:
    """Return the spans of the next tier over these stretches, and the pieces of their envelope: spans, then metrics."""
    spans = [
        envelope.decode_spans(memoryview(each.envelope)[: each.offsets[1]], each.buckets) for each in below
    ]
    columns: list[Buckets] = []
    for number, member in enumerate(below[0].members):
        kind = KIND_OF_LETTER[below[0].kinds[number]]
        parts = []
        for each, own in zip(below, spans, strict=True):
            piece = memoryview(each.envelope)[each.offsets[number + 1] : each.offsets[number + 2]]
            parts.append(envelope.decode_column(piece, kind, member, own).coarser())
        columns.append(envelope.concat(parts))
    pieces = [envelope.encode_spans(columns[0].spans), *(envelope.encode_column(each, 0) for each in columns)]
    return columns[0].spans, pieces


_COLUMNS = {
    "run": "int8",
    "block": "int4",
    "id": "int8",
    "tier": "int2",
    "members": "int2[]",
    "kinds": "text",
    "rows": "int8",
    "buckets": "int4",
    "step_min": "int8",
    "step_max": "int8",
    "time_min": "int8",
    "time_max": "int8",
    "first_time": "int8",
    "last_time": "int8",
    "widest_step": "int8",
    "widest_time": "int8",
    "envelope": "bytea",
    "envelope_offsets": "int4[]",
}


def drop_above(session: Session, run: int, segment_ids: Sequence[int]) -> None:
    """Delete all that is built on these segments; what else it was built on stands free again."""
    values = {"run": run, "ids": list(segment_ids)}
    gone = [
        number
        for (number,) in session.rows(
            "WITH RECURSIVE above (id) AS ("
            " SELECT parent FROM metrics_segment WHERE run = %(run)s AND id = ANY(%(ids)s) AND parent IS NOT NULL"
            " UNION SELECT e.parent FROM above JOIN metrics_envelope e ON e.run = %(run)s AND e.id = above.id"
            " WHERE e.parent IS NOT NULL"
            ") DELETE FROM metrics_envelope e USING above WHERE e.run = %(run)s AND e.id = above.id RETURNING e.id",
            values,
        )
    ]
    if gone:
        for table in ("metrics_segment", "metrics_envelope"):
            session.execute(
                f"UPDATE {table} SET parent = NULL, parent_widest_step = NULL, parent_widest_time = NULL,"
                " parent_step_max = NULL WHERE run = %(run)s AND parent = ANY(%(gone)s)",
                {"run": run, "gone": gone},
            )
