"""The last points of metrics, read backward: only the segments that hold them.

The last k points lie in the segments with the greatest keys (step, time) that surely have k of them
together, and in those that reach back over the least key of these. Which ones that are the database tells from
the segments' bounds, for all runs and metrics in one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from apps.metrics import stored_points
from apps.metrics.blocks import METRICS_PER_BLOCK, ordering
from apps.metrics.groups import Axis, Group, Values, concat_axes
from apps.metrics.reading import Reading, Source, Stored, reading
from apps.metrics.stored_points import Found

# Values asked for at once: what one set of statements holds in memory.
_AT_ONCE = 1_000_000
# Points read of one metric beyond its k. Where writers ran side by side, or all points have one step and one
# time, any number of segments overlap; of a segment that packs whole groups all points count.
_BEYOND = 262_144

Key = tuple[int, str]


def tail(wanted: Mapping[int, Mapping[str, int]]) -> dict[int, dict[str, Values]]:
    """Return run → name → its last k values as float64, in order of (step, time, stream, row).

    wanted: run → name → k. A metric without a point is left out. Where the last k overlap with more than a
    quarter of a million others, or are strewn over as many, fewer segments are read: the newest.

    Cost: a fixed number of statements for each million values; memory O(values + segments that hold them).
    """
    found: dict[int, dict[str, Values]] = {}
    for part in _parts(wanted):
        names = {name for _, name in part}
        with reading(list(dict.fromkeys(run for run, _ in part)), names) as opened:
            for (run, name), points in _points(opened, part).items():
                found.setdefault(run, {})[name] = _last(points, part[run, name])
    return found


def _parts(wanted: Mapping[int, Mapping[str, int]]) -> Iterator[dict[Key, int]]:
    part: dict[Key, int] = {}
    held = 0
    for run, names in wanted.items():
        for name, k in names.items():
            if part and held + k > _AT_ONCE:
                yield part
                part, held = {}, 0
            part[run, name] = k
            held += k
    if part:
        yield part


_Points = list[tuple[Axis, Values]]


def _points(opened: Reading, wanted: Mapping[Key, int]) -> dict[Key, _Points]:
    """Return at least the last k points of each metric, from segments and from the inbox."""
    stored = [each for each in opened.stored if _key(opened, each) in wanted]
    segments = _last_segments(opened, stored, wanted)
    loaded = stored_points.load(opened.session, segments, stored_points.wanted_members(stored))
    points: dict[Key, _Points] = {}
    for run, columns in opened.columns.items():
        for axis, place, values in _single(loaded.get(run, []) + opened.waiting[run]):
            key = run, columns.keys[place][0]
            if key in wanted and len(axis):
                points.setdefault(key, []).append((axis, values))
    return points


def _key(opened: Reading, stored: Stored) -> Key:
    run = stored.source.run
    return run, opened.columns[run].keys[stored.place][0]


def _last_segments(opened: Reading, stored: Sequence[Stored], wanted: Mapping[Key, int]) -> list[Found]:
    if not stored:
        return []
    number = {key: place for place, key in enumerate(wanted)}
    rows = opened.session.rows(
        _LAST,
        {
            "series": [number[_key(opened, each)] for each in stored],
            "ks": [wanted[_key(opened, each)] for each in stored],
            "beyond": _BEYOND,
            "runs": [each.source.run for each in stored],
            "sources": [each.source.source for each in stored],
            "uptos": [each.source.upto_step for each in stored],
            "depths": [each.source.depth for each in stored],
            "blocks": [each.number // METRICS_PER_BLOCK for each in stored],
            "members": [each.number % METRICS_PER_BLOCK for each in stored],
        },
    )
    return [Found(Source(*row[:4]), *row[4:]) for row in rows]


# `sure` counts what a metric surely has in newer segments: what is left of their points if all others had one in
# each row, which in columns is every row; none where a parent's points end inside. `read` counts what reading
# them costs.
_LAST = """
WITH w AS (
    SELECT * FROM unnest(%(series)s::int[], %(ks)s::bigint[], %(runs)s::bigint[], %(sources)s::bigint[],
                         %(uptos)s::bigint[], %(depths)s::int[], %(blocks)s::int[], %(members)s::int[])
         AS u (series, k, run, source, upto_step, depth, block, member)
), segment AS (
    SELECT w.series, w.k, w.run, w.source, w.upto_step, w.depth, w.block, s.id,
           ARRAY[s.step_min, s.first_time] AS first_key,
           CASE WHEN s.step_max > w.upto_step THEN ARRAY[w.upto_step, 9223372036854775807]
                ELSE ARRAY[s.step_max, s.last_time] END AS last_key,
           CASE WHEN s.step_max > w.upto_step THEN 0
                ELSE greatest(1, s.points - (cardinality(s.members) - 1) * s.rows) END AS sure,
           CASE WHEN s.is_columnar THEN s.rows ELSE s.points END AS read
    FROM w JOIN metrics_segment s ON s.run = w.source AND s.block = w.block
         AND s.members && ARRAY[w.member::int2] AND s.step_min <= w.upto_step
), counted AS (
    SELECT segment.*, sum(sure) OVER newer - sure AS sure_before, sum(read) OVER newer - read AS read_before
    FROM segment
    WINDOW newer AS (PARTITION BY series ORDER BY last_key DESC, source, id DESC ROWS UNBOUNDED PRECEDING)
), edge AS (
    SELECT series, min(first_key) AS key FROM counted WHERE sure_before < k GROUP BY series
), chosen AS (
    SELECT DISTINCT run, source, upto_step, depth, block, id
    FROM counted JOIN edge USING (series)
    WHERE read_before < k + %(beyond)s AND (sure_before < k OR last_key >= key)
)
SELECT c.run, c.source, c.upto_step, c.depth, c.block, c.id, s.members, s.kinds, s.rows, s.is_columnar,
       s.step_min, s.step_max, s.first_time, octet_length(s.axis), octet_length(s.data), s.offsets,
       s.envelope_offsets, 0
FROM chosen c JOIN metrics_segment s ON s.run = c.source AND s.block = c.block AND s.id = c.id
"""


def _single(groups: Iterable[Group]) -> Iterator[tuple[Axis, int, Values]]:
    for group in groups:
        for part in group.columns:
            for place, values in zip(part.ids.tolist(), part.values, strict=True):
                yield group.axis, place, values


def _last(points: _Points, k: int) -> Values:
    axis = concat_axes([axis for axis, _ in points])
    values = np.concatenate([values.astype(np.float64) for _, values in points])
    order = ordering(axis)
    return values[-k:] if order is None else values[order][-k:]
