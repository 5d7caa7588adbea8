"""Which row is the n-th of many blocks that overlap in time, and the other way round. Without Django.

A block's head tells its times and how many rows it has. Blocks that lie before a row count whole; only those
around it are opened, to count exactly.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

# What orders rows; its first element is the time.
Place = TypeVar("Place", bound=tuple[int, int, str, bytes])


@dataclass(frozen=True, slots=True)
class Head:
    """A block without its rows. time_min, time_max: of its first and last row."""

    pk: int
    kind: str
    stream: bytes
    time_min: int
    time_max: int
    count: int


# Opens blocks: the places of all their rows, in any order.
Open = Callable[[Sequence[Head]], list[Place]]


def nth(heads: Sequence[Head], number: int, open_: Open[Place]) -> tuple[Place | None, Place] | None:
    """Return the place of row `number` (from 0), and before it that of the row in front, if that one was read.

    Where it was not, no row of the same time is in front. None if there are not so many rows.

    The row lies after the last time before which no more rows can be, and before the first time up to which more
    rows must be: only blocks that reach in between are opened.
    """
    if number >= sum(head.count for head in heads):
        return None
    low = _last_beginning(heads, number)
    high = _first_end(heads, number)
    before = sum(head.count for head in heads if head.time_max < low)
    rows = sorted(open_([head for head in heads if head.time_max >= low and head.time_min <= high]))
    index = number - before
    if index >= len(rows):
        return None
    return (rows[index - 1] if index else None), rows[index]


def numbers(heads: Sequence[Head], places: Sequence[Place], open_: Open[Place]) -> list[int]:
    """Return the numbers (from 0) of rows, given their places in order."""
    times = [place[0] for place in places]
    around = [head for head in heads if _has_any(times, head.time_min, head.time_max)]
    opened = {head.pk for head in around}
    rows = sorted(open_(around))
    # Of a block that was not opened all rows are in front of a place, or none.
    ends = sorted((head.time_max, head.count) for head in heads if head.pk not in opened)
    found, passed, whole = [], 0, 0
    for place in places:
        while passed < len(ends) and ends[passed][0] < place[0]:
            whole += ends[passed][1]
            passed += 1
        found.append(whole + bisect_left(rows, place))
    return found


def _last_beginning(heads: Sequence[Head], number: int) -> int:
    """Return the greatest beginning of a block before which at most so many rows can be."""
    starts = sorted((head.time_min, head.count) for head in heads)
    total, found = 0, starts[0][0]
    for time, rows in starts:
        if total > number:
            break
        found = time
        total += rows
    return found


def _first_end(heads: Sequence[Head], number: int) -> int:
    """Return the least end of a block up to which more than so many rows are."""
    ends = sorted((head.time_max, head.count) for head in heads)
    total = 0
    for time, rows in ends:
        total += rows
        if total > number:
            return time
    return ends[-1][0]


def _has_any(times: Sequence[int], low: int, high: int) -> bool:
    """Whether one of the times, ascending, is in the range."""
    index = bisect_left(times, low)
    return index < len(times) and times[index] <= high
