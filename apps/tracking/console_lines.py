"""Line numbers of a run's console: how many lines there are, a page at a line, which lines hold a text.

A line's number is its place, from 1, in the order all streams of a run are read in (console.py). What is printed
later may come in between, or take the place of an earlier line: numbers hold for as long as nothing does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet, Sum

from . import blocks, console
from .console import START, Page, Place
from .line_numbers import Head, nth, numbers
from .models import RecordSegment
from .segments import OUTPUTS

_Row = tuple[int, int, str, bytes]


def count(run: int, *, output: str | None = None) -> int:
    """Return how many lines the console has, or one output of it."""
    return _segments(run, output).aggregate(lines=Sum("count"))["lines"] or 0


def page_at(run: int, line: int, *, limit: int = 500, output: str | None = None) -> Page:
    """Return a page that begins with this line; empty if there are not so many."""
    found = nth(_heads(run, output), max(line, 1) - 1, _open)
    if found is None:
        return Page((), None, None)
    before, row = found
    after = Place(*before) if before else Place(row[0], START.number, START.kind, START.stream)
    return console.lines(run, after=after.encode(), limit=limit, output=output)


@dataclass(frozen=True, slots=True)
class Found:
    """lines: the numbers of those that match, ascending. after: where to go on; None where all was searched."""

    lines: tuple[int, ...]
    after: str | None


def find(
    run: int, text: str, *, after: str | None = None, limit: int = 1000, output: str | None = None
) -> Found:
    """Return which lines contain a text, whatever the case.

    A search looks at a bounded part of the console, so that it can find nothing and still say where to go on.
    """
    page = console.lines(run, after=after, limit=limit, text=text, output=output)
    if not page.records:
        return Found((), page.after)
    places = [(each.time, each.number, each.kind, each.stream.bytes) for each in page.records]
    return Found(tuple(n + 1 for n in numbers(_heads(run, output), places, _open)), page.after)


def _segments(run: int, output: str | None) -> QuerySet[RecordSegment, Any]:
    return RecordSegment.objects.filter(run=run, kind__in=OUTPUTS if output is None else (output,))


def _heads(run: int, output: str | None) -> list[Head]:
    rows = _segments(run, output).values_list("pk", "kind", "stream", "time_min", "time_max", "count")
    return [Head(pk, kind, stream.bytes, low, high, lines) for pk, kind, stream, low, high, lines in rows]


def _open(heads: Sequence[Head]) -> list[_Row]:
    data = dict(RecordSegment.objects.filter(pk__in=[head.pk for head in heads]).values_list("pk", "data"))
    # A block that is gone has been merged since: its rows are counted by whoever asks next.
    return [
        (row.time, row.number, head.kind, head.stream)
        for head in heads
        if head.pk in data
        for row in blocks.unpack(data[head.pk])
    ]
