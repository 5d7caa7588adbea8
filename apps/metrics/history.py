"""The whole history of a run, page by page, in order, at constant memory, however long it is.

A page is a read of its own that goes on after the last row of the one before, so that a slow reader holds up
nothing, and folds and compactions in between change nothing of what it gets. Rows that arrive
late, before the place a reader has come to, are not shown to that reader.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.metrics import blocks, stored_points
from apps.metrics.blocks import LoggedRow
from apps.metrics.groups import Axis, Group, Kind
from apps.metrics.reading import Reading, Source, reading
from apps.metrics.stored_points import GREATEST, LEAST, Found, Where

# Rows of a page, if its reader does not say, and points it holds at most (one row may hold more).
PAGE_ROWS = 65_536
PAGE_POINTS = 2_000_000
_SEGMENTS_AT_ONCE = 64

Key = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A stretch of history. Ids of the groups index `columns`; a row may be spread over several groups.

    last: the key (step, time in µs, stream, row) of its last row: the next page's `after`; None at the end.
    """

    version: str
    columns: tuple[tuple[str, Kind], ...]
    groups: tuple[Group, ...]
    last: Key | None


def page(
    run: int, names: Collection[str] | None = None, *, after: Key | None = None, limit: int = PAGE_ROWS
) -> Page:
    """Return up to `limit` rows of some metrics (None: all) in order of (step, time, stream, row)."""
    with reading([run], names) as opened:
        columns = tuple(opened.columns[run].keys)
        widened = 1
        while True:
            groups, frontier = _ahead(opened, run, after, limit, widened)
            groups = _between(groups, after, frontier)
            if groups or frontier is None:
                break
            # So many segments overlap that no row of them is surely the next.
            widened *= 2
    made, last = _first_rows(groups, limit, len(columns))
    return Page(opened.versions[run], columns, tuple(made), last)


def pages(
    run: int, names: Collection[str] | None = None, *, after: Key | None = None, rows: int = PAGE_ROWS
) -> Iterator[Page]:
    """Yield all pages after a key that have a row."""
    while True:
        made = page(run, names, after=after, limit=rows)
        if made.last is None:
            return
        yield made
        after = made.last


def rows(run: int, names: Collection[str] | None = None, *, after: Key | None = None) -> Iterator[LoggedRow]:
    """Yield the calls of `log()` in order, each with all of the metrics that it logged."""
    for each in pages(run, names, after=after):
        yield from blocks.rows(each.groups, dict(enumerate(name for name, _ in each.columns)))


def _ahead(
    opened: Reading, run: int, after: Key | None, limit: int, widened: int
) -> tuple[list[Group], tuple[int, int] | None]:
    """Return groups from `after` on, and the (step, time) before which they are complete; None: for ever."""
    where = Where("step", {run: (LEAST if after is None else after[0], GREATEST)})
    at_once = _SEGMENTS_AT_ONCE * widened
    found = stored_points.find(opened.session, opened.stored, where, limit=at_once + 1)
    wanted = stored_points.wanted_members(opened.stored)
    sizes = {key: len(members) for key, members in wanted.items()}
    taken = _enough(found[:at_once], sizes, rows=limit * widened, points=PAGE_POINTS * widened)
    rest = found[len(taken) :]
    groups = stored_points.load(opened.session, taken, wanted).get(run, []) + opened.waiting[run]
    return groups, (rest[0].step_min, rest[0].first_time) if rest else None


def _enough(
    found: Sequence[Found], sizes: dict[tuple[Source, int], int], *, rows: int, points: int
) -> Sequence[Found]:
    """Return the first segments that likely hold so many rows, or as many points as memory should."""
    longest: dict[int, int] = {}
    held = 0
    for number, each in enumerate(found):
        # Blocks lie beside one another: only within one do rows add up.
        longest[each.block] = longest.get(each.block, 0) + each.rows
        held += each.rows * min(sizes[each.source, each.block], len(each.members))
        if held > points or min(longest.values()) > rows + each.rows:
            return found[: number + 1]
    return found


def _between(groups: Sequence[Group], after: Key | None, frontier: tuple[int, int] | None) -> list[Group]:
    masks = []
    for group in groups:
        axis = group.axis
        mask = np.ones(len(axis), np.bool_)
        if after is not None:
            mask &= _is_after(axis, after)
        if frontier is not None:
            mask &= (axis.step < frontier[0]) | ((axis.step == frontier[0]) & (axis.time < frontier[1]))
        masks.append(mask)
    return blocks.take_rows(groups, masks)


def _is_after(axis: Axis, key: Key) -> NDArray[np.bool_]:
    step, time, stream, row = key
    later: NDArray[np.bool_] = (axis.stream > stream) | ((axis.stream == stream) & (axis.row > row))
    later = (axis.time > time) | ((axis.time == time) & later)
    after: NDArray[np.bool_] = (axis.step > step) | ((axis.step == step) & later)
    return after


def _first_rows(groups: Sequence[Group], limit: int, columns: int) -> tuple[list[Group], Key | None]:
    """Return the groups cut to their first distinct rows together, and the key of the last of these."""
    if not groups:
        return [], None
    axis = blocks.calls(groups)
    limit = max(1, min(limit, len(axis), PAGE_POINTS // max(columns, 1)))
    last = (
        int(axis.step[limit - 1]),
        int(axis.time[limit - 1]),
        int(axis.stream[limit - 1]),
        int(axis.row[limit - 1]),
    )
    if limit == len(axis):
        return list(groups), last
    return blocks.take_rows(groups, [~_is_after(group.axis, last) for group in groups]), last
