"""Points that a run has already, for writers that may send a point twice under another number (MLflow).

Only segments that overlap the new points in step and in time are read: for who logs forward, none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.metrics import blocks, segments
from apps.metrics.blocks import MS_US
from apps.metrics.groups import Group
from apps.metrics.session import Session


def fresh(
    session: Session, new: Mapping[int, Sequence[Group]], beside: Mapping[int, Sequence[Group]]
) -> dict[int, list[Group]]:
    """Return for each run the groups of `new` without the points it has, each point once.

    new: run → groups. beside: run → what is about to be stored with them and counts as had.
    The caller holds the runs' fold locks.
    """
    had: dict[int, list[Group]] = {run: list(beside.get(run, ())) for run in new}
    bounds = {run: _bounds(groups) for run, groups in new.items() if groups}
    rows = session.rows(
        _OVERLAPPING,
        {
            "runs": list(bounds),
            "step_mins": [each[0] for each in bounds.values()],
            "step_maxs": [each[1] for each in bounds.values()],
            "time_mins": [each[2] for each in bounds.values()],
            "time_maxs": [each[3] for each in bounds.values()],
        },
    )
    for run, *row in rows:
        ids = np.concatenate([part.ids for group in new[run] for part in group.columns])
        step_min, step_max, time_min, time_max = bounds[run]
        found = blocks.select(segments.groups(tuple(row)), ids)
        near = [
            (group.axis.step >= step_min)
            & (group.axis.step <= step_max)
            & (group.axis.time >= time_min)
            & (group.axis.time <= time_max)
            for group in found
        ]
        had[run] += blocks.take_rows(found, near)
    return {run: blocks.without_known(groups, had[run]) for run, groups in new.items()}


def _bounds(groups: Sequence[Group]) -> tuple[int, int, int, int]:
    """Return the range of steps, and of times widened to whole milliseconds."""
    return (
        min(int(group.axis.step.min()) for group in groups),
        max(int(group.axis.step.max()) for group in groups),
        min(int(group.axis.time.min()) for group in groups) - MS_US,
        max(int(group.axis.time.max()) for group in groups) + MS_US,
    )


_OVERLAPPING = f"""
SELECT s.run, {segments.WHOLE}
FROM unnest(%(runs)s::bigint[], %(step_mins)s::bigint[], %(step_maxs)s::bigint[], %(time_mins)s::bigint[],
            %(time_maxs)s::bigint[]) AS new (run, step_min, step_max, time_min, time_max)
JOIN metrics_segment s ON s.run = new.run AND s.step_max >= new.step_min AND s.step_min <= new.step_max
     AND s.time_max >= new.time_min AND s.time_min <= new.time_max
"""
