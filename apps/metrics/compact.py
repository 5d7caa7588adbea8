"""Compaction: many small segments become few large ones, sealed when they have their final size.

A level of a block is merged when so many folds or compactions have written to it that reading it costs more than
rewriting it. What comes out is one level higher or sealed, so a point is rewritten a few times in its life.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from apps.metrics import blocks, envelope, pyramid, segments
from apps.metrics.locks import Lock, lock_heads, try_lock
from apps.metrics.models import Segment
from apps.metrics.segments import Draft
from apps.metrics.session import Session, writing

# Writes of a level that are merged together; once they come to a sealed segment's rows, sooner, and while they
# are long enough to be cheap to read, later.
FAN = 16
FEWEST, MOST = 4, 64
LONG_ROWS = 4_096
# Points rewritten by one transaction, and by one call.
_POINTS_AT_ONCE = 2_000_000
BUDGET = 20_000_000


@dataclass(frozen=True, slots=True)
class _Due:
    run: int
    block: int
    level: int
    points: int


def compact(run: int, *, budget: int = BUDGET) -> int:
    """Compact a run as far as it is due, and build its pyramid; return how many points were rewritten."""
    return compact_many([run], budget=budget)


def compact_many(runs: Sequence[int], *, budget: int = BUDGET) -> int:
    """Compact what is due of these runs. Runs that somebody else is compacting are left to them."""
    rewritten = 0
    while rewritten < budget:
        with writing() as session:
            done = _compact_some(session, runs)
        if not done:
            break
        rewritten += done
    for run in runs:
        rewritten += _tidy(run)
    return rewritten


def _compact_some(session: Session, runs: Sequence[int]) -> int:
    """Merge one transaction's worth of levels that are due; return how many points."""
    locked = try_lock(session, Lock.COMPACT, runs)
    chosen: list[_Due] = []
    points = 0
    for due in _due(session, locked):
        if chosen and points + due.points > _POINTS_AT_ONCE:
            break
        chosen.append(due)
        points += due.points
    if chosen:
        _merge(session, chosen)
    return points


def _due(session: Session, runs: Sequence[int]) -> list[_Due]:
    rows = session.rows(
        _DUE,
        {
            "runs": list(runs),
            "fan": FAN,
            "few": FEWEST,
            "most": MOST,
            "long": LONG_ROWS,
            "sealed": segments.SEALED_ROWS,
        },
    )
    return [_Due(*row) for row in rows]


_DUE = """
SELECT run, block, level, sum(points)::bigint
FROM (SELECT run, block, level, epoch, max(longest) AS longest, sum(points) AS points
      FROM metrics_segment WHERE run = ANY(%(runs)s) AND level < 100 GROUP BY run, block, level, epoch) AS written
GROUP BY run, block, level
HAVING count(*) >= %(most)s OR (count(*) >= %(fan)s AND sum(longest) < %(long)s)
    OR (count(*) >= %(few)s AND sum(longest) >= %(sealed)s)
ORDER BY run, level, block
"""


def _merge(session: Session, chosen: Sequence[_Due]) -> None:
    rows = session.rows(
        f"""DELETE FROM metrics_segment s
USING unnest(%(runs)s::bigint[], %(blocks)s::int[], %(levels)s::int[]) AS due (run, block, level)
WHERE s.run = due.run AND s.block = due.block AND s.level = due.level
RETURNING s.run, s.level, {segments.WHOLE}""",
        {
            "runs": [due.run for due in chosen],
            "blocks": [due.block for due in chosen],
            "levels": [due.level for due in chosen],
        },
    )
    rows.sort(key=lambda row: row[:3])
    made: dict[int, list[tuple[int, Draft]]] = {}
    for (run, level, _), several in groupby(rows, key=lambda row: row[:3]):
        groups = [group for row in several for group in segments.groups(row[2:])]
        drafts = segments.draft(blocks.merge(groups))
        made.setdefault(run, []).extend((level, draft) for draft in drafts)
    _store(session, made)


def _store(session: Session, made: dict[int, list[tuple[int, Draft]]]) -> None:
    """Insert drafts, run → (level they were merged from, draft), one level higher unless they are sealed."""
    firsts = new_ids(session, {run: len(drafts) for run, drafts in made.items()})
    segments.store(
        session,
        [
            (run, firsts[run] + place, min(level + 1, Segment.SEALED - 1), firsts[run], draft)
            for run, drafts in made.items()
            for place, (level, draft) in enumerate(drafts)
        ],
    )


def new_ids(session: Session, counts: dict[int, int]) -> dict[int, int]:
    """Bump the Heads of runs and take so many segment ids of each; return run → the first of them."""
    lock_heads(session, list(counts))
    rows = session.rows(
        "UPDATE metrics_head h SET generation = h.generation + 1, next_segment = h.next_segment + new.count"
        " FROM unnest(%(runs)s::bigint[], %(counts)s::int[]) AS new (run, count)"
        " WHERE h.run = new.run RETURNING h.run, h.next_segment",
        {"runs": list(counts), "counts": list(counts.values())},
    )
    return {run: stop - counts[run] for run, stop in rows}


# Sealed segments


# So many sealed segments may overlap at a place before they are sorted into one another.
DEPTH = 4
_SORTED_AT_ONCE = 16
_HEAPS_AT_ONCE = 8


def _tidy(run: int) -> int:
    """Sort overlapping sealed segments and build the pyramid; return how many points were rewritten."""
    rewritten = 0
    with writing() as session:
        bare = session.rows(
            "SELECT block, count(*) FROM metrics_segment WHERE run = %(run)s AND level = 100 AND parent IS NULL"
            " GROUP BY block ORDER BY block",
            {"run": run},
        )
    for block, count in bare:
        for _ in range(_HEAPS_AT_ONCE if count > DEPTH else 0):
            with writing() as session:
                sorted_points = try_lock(session, Lock.COMPACT, [run]) and _sort_overlapping(
                    session, run, block
                )
            if not sorted_points:
                break
            rewritten += sorted_points
        if count >= envelope.FAN_OUT:
            while _build_some(run, block) >= pyramid.AT_ONCE:
                pass  # a transaction each: a reader's snapshot is not held up by the whole
    return rewritten


def _build_some(run: int, block: int) -> int:
    """Build one transaction's worth of the pyramid; return how many rows."""
    with writing() as session:
        return pyramid.build(session, run, block) if try_lock(session, Lock.COMPACT, [run]) else 0


def _sort_overlapping(session: Session, run: int, block: int) -> int:
    """Merge one heap of sealed segments that lie over one another more than DEPTH deep."""
    found = session.rows(
        """SELECT s.id, s.members, s.step_min, s.first_time, s.step_max, s.last_time, s.points
FROM metrics_segment s JOIN (
    SELECT min(step_min) AS step_min, max(step_max) AS step_max FROM metrics_segment
    WHERE run = %(run)s AND block = %(block)s AND level = 100 AND parent IS NULL
) AS bare ON s.step_max >= bare.step_min AND s.step_min <= bare.step_max
WHERE s.run = %(run)s AND s.block = %(block)s AND s.level = 100
ORDER BY s.step_min, s.first_time, s.id LIMIT 20000""",
        {"run": run, "block": block},
    )
    heap = _deepest([(number, tuple(members), tuple(rest)) for number, members, *rest in found])
    if not heap:
        return 0
    pyramid.drop_above(session, run, heap)
    rows = session.rows(
        "DELETE FROM metrics_segment s WHERE s.run = %(run)s AND s.block = %(block)s AND s.id = ANY(%(ids)s)"
        f" RETURNING {segments.WHOLE}",
        {"run": run, "block": block, "ids": heap},
    )
    groups = [group for row in rows for group in segments.groups(row)]
    drafts = segments.draft(blocks.merge(groups))
    _store(session, {run: [(1, draft) for draft in drafts]})
    return sum(draft.points for draft in drafts)


def _deepest(found: Sequence[tuple[int, tuple[int, ...], tuple[int, ...]]]) -> list[int]:
    """Return the first heap: segments of equal members, more than DEPTH of which share a place in the order.

    found: (id, members, (step_min, first_time, step_max, last_time, points)), sorted by where they begin.
    """
    open_by_lane: dict[tuple[int, ...], list[tuple[int, tuple[int, int]]]] = {}
    for number, members, (step_min, first_time, step_max, last_time, _) in found:
        lane = open_by_lane.setdefault(members, [])
        lane[:] = [each for each in lane if each[1] > (step_min, first_time)]
        lane.append((number, (step_max, last_time)))
        if len(lane) > DEPTH:
            return [each for each, _ in lane[:_SORTED_AT_ONCE]]
    return []
