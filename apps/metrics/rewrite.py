"""Taking rows out of a run's history: they go to the archive, what stays is written anew.

Rare and thorough: the segments that lose rows are replaced, what was built above them is dropped (the compactor
builds it again), and the facts of their blocks are made from the points that are left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from apps.metrics import fact_rows, facts, pyramid, segments, sheaf
from apps.metrics.blocks import METRICS_PER_BLOCK
from apps.metrics.codec import decode_axis
from apps.metrics.groups import Axis, Group
from apps.metrics.locks import Lock, lock
from apps.metrics.segments import Draft
from apps.metrics.session import Session

# Segments held in memory at once: about 2 MB each.
_AT_ONCE = 32

Doomed = Callable[[Axis], NDArray[np.bool_]]


def remove_after(session: Session, run: int, step: int) -> int:
    """Archive all points with a greater step; return how many. The caller holds the fold lock."""
    found = session.rows(
        "SELECT block, id FROM metrics_segment WHERE run = %(run)s AND step_max > %(step)s",
        {"run": run, "step": step},
    )
    return _remove(session, run, found, lambda axis: axis.step > step, "truncate")


def remove_rows(session: Session, run: int, ranges: Sequence[tuple[int, int, int]]) -> int:
    """Archive the rows (stream, first, stop) of stored segments; return how many points. As remove_after."""

    def doomed(axis: Axis) -> NDArray[np.bool_]:
        mask = np.zeros(len(axis), np.bool_)
        for stream, first, stop in ranges:
            mask |= (axis.stream == stream) & (axis.row >= first) & (axis.row < stop)
        return mask

    found = session.rows("SELECT block, id FROM metrics_segment WHERE run = %(run)s", {"run": run})
    return _remove(session, run, found, doomed, "overwrite")


def _remove(
    session: Session, run: int, candidates: Sequence[tuple[int, ...]], doomed: Doomed, reason: str
) -> int:
    lock(session, Lock.COMPACT, run)
    hit = _hit(session, run, candidates, doomed)
    if not hit:
        return 0
    pyramid.drop_above(session, run, [number for _, number in hit])
    removed = 0
    for start in range(0, len(hit), _AT_ONCE):
        removed += _replace(session, run, hit[start : start + _AT_ONCE], doomed, reason)
    _renew_facts(session, run, sorted({block for block, _ in hit}))
    return removed


def _hit(
    session: Session, run: int, candidates: Sequence[tuple[int, ...]], doomed: Doomed
) -> list[tuple[int, int]]:
    """Return which candidates (block, id) hold a doomed row, reading only axes where that is possible."""
    hit = []
    for start in range(0, len(candidates), _AT_ONCE):
        rows = session.rows(
            "SELECT s.block, s.id, s.is_columnar, s.rows, CASE WHEN s.is_columnar THEN s.axis ELSE s.data END"
            " FROM unnest(%(blocks)s::int[], %(ids)s::bigint[]) AS w (block, id)"
            " JOIN metrics_segment s ON s.run = %(run)s AND s.block = w.block AND s.id = w.id",
            _places(run, candidates[start : start + _AT_ONCE]),
        )
        for block, number, is_columnar, count, stored in rows:
            if is_columnar:
                axes = [decode_axis(stored, count)]
            else:
                axes = [group.axis for group in sheaf.decode(stored, block * METRICS_PER_BLOCK)]
            if any(doomed(axis).any() for axis in axes):
                hit.append((block, number))
    return hit


def _replace(
    session: Session, run: int, places: Sequence[tuple[int, int]], doomed: Doomed, reason: str
) -> int:
    rows = session.rows(
        f"DELETE FROM metrics_segment s USING unnest(%(blocks)s::int[], %(ids)s::bigint[]) AS w (block, id)"
        f" WHERE s.run = %(run)s AND s.block = w.block AND s.id = w.id RETURNING s.id, {segments.WHOLE}",
        _places(run, places),
    )
    drafts: list[Draft] = []
    archived = []
    now = datetime.now(UTC)
    removed = 0
    for number, *row in rows:
        block = row[0]
        kept: list[Group] = []
        cut: list[Group] = []
        for group in segments.groups(tuple(row)):
            mask = doomed(group.axis)
            kept += [group.take(~mask)] if not mask.all() else []
            cut += [group.take(mask)] if mask.any() else []
        drafts += segments.draft(kept)
        points = sum(group.points for group in cut)
        removed += points
        members = sorted({int(i) - block * METRICS_PER_BLOCK for g in cut for p in g.columns for i in p.ids})
        archived.append(
            (
                run,
                block,
                number,
                members,
                sum(group.rows for group in cut),
                points,
                sheaf.encode(cut, block * METRICS_PER_BLOCK),
                reason,
                now,
            )
        )
    session.copy("metrics_archive", _ARCHIVE, archived)
    head = session.row(
        "UPDATE metrics_head SET generation = generation + 1, next_segment = next_segment + %(count)s,"
        " points = points - %(removed)s WHERE run = %(run)s RETURNING next_segment",
        {"run": run, "count": len(drafts), "removed": removed},
    )
    assert head is not None
    first = head[0] - len(drafts)
    segments.store(session, [(run, first + place, 1, first, each) for place, each in enumerate(drafts)])
    return removed


_ARCHIVE = {
    "run": "int8",
    "block": "int4",
    "id": "int8",
    "members": "int2[]",
    "rows": "int4",
    "points": "int8",
    "data": "bytea",
    "reason": "text",
    "archived_at": "timestamptz",
}


def _renew_facts(session: Session, run: int, wanted_blocks: Sequence[int]) -> None:
    for block in wanted_blocks:
        found = session.rows(
            "SELECT block, id FROM metrics_segment WHERE run = %(run)s AND block = %(block)s",
            {"run": run, "block": block},
        )
        ids = [np.empty(0, np.int32)]
        made: list[facts.Facts] = []
        for start in range(0, len(found), _AT_ONCE):
            rows = session.rows(
                f"SELECT {segments.WHOLE} FROM unnest(%(blocks)s::int[], %(ids)s::bigint[]) AS w (block, id)"
                " JOIN metrics_segment s ON s.run = %(run)s AND s.block = w.block AND s.id = w.id",
                _places(run, found[start : start + _AT_ONCE]),
            )
            some_ids, some = facts.from_groups([group for row in rows for group in segments.groups(row)])
            ids.append(some_ids)
            made.append(some)
        all_ids, collapsed = facts.collapse(np.concatenate(ids), facts.concat(made))
        fact_rows.replace(session, run, block, all_ids, collapsed)


def _places(run: int, places: Sequence[tuple[int, ...]]) -> dict[str, object]:
    return {"run": run, "blocks": [each[0] for each in places], "ids": [each[1] for each in places]}
