"""Reading console lines, and the other packed records of a run, a page at a time in either direction.

All streams of a run are one text, in the order (time, number, output, stream). A page merges the blocks that
overlap in time, opening each only when its turn comes, so memory holds a block per stream that prints at the
same time, however long the run is. A search looks at a bounded number of blocks and says how far it came.
"""

from __future__ import annotations

import heapq
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.db.models import F, QuerySet

from apps.base.errors import Malformed

from . import blocks
from .models import RecordSegment
from .record_types import LEVELS
from .segments import OUTPUTS

MOST_ROWS = 5000
# Blocks one page may unpack: about half a million lines.
MOST_BLOCKS = 256


@dataclass(frozen=True, slots=True)
class Record:
    """One line, value or alert. level: "" if its writer gave none."""

    time: int
    number: int
    kind: str
    stream: UUID
    level: str
    content: Any

    @property
    def text(self) -> str:
        return self.content if isinstance(self.content, str) else ""

    @property
    def place(self) -> str:
        return Place(self.time, self.number, self.kind, self.stream.bytes).encode()


@dataclass(frozen=True, slots=True)
class Page:
    """Records in order. before, after: where to go on in each direction; None where nothing is left.

    A page can hold fewer than were asked for and still say where to go on: the search came so far.
    """

    records: tuple[Record, ...]
    before: str | None
    after: str | None


class Place(msgspec.Struct, frozen=True, array_like=True, order=True):
    """A position in the order of all records of a run."""

    time: int
    number: int
    kind: str
    stream: bytes

    def encode(self) -> str:
        return urlsafe_b64encode(msgspec.msgpack.encode(self)).decode().rstrip("=")

    @classmethod
    def decode(cls, cursor: str) -> Place:
        try:
            return msgspec.msgpack.decode(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)), type=cls)
        except (ValueError, msgspec.DecodeError):
            raise Malformed("That is no cursor of this list.", code="bad_cursor") from None


START = Place(-(1 << 63), -(1 << 63), "", b"")
END = Place((1 << 63) - 1, (1 << 63) - 1, "\uffff", b"\xff" * 17)


def lines(
    run: int,
    *,
    after: str | None = None,
    before: str | None = None,
    tail: bool = False,
    limit: int = 500,
    level: str | None = None,
    text: str = "",
    stream: UUID | None = None,
    output: str | None = None,
) -> Page:
    """Return console lines behind `after`, in front of `before`, the last ones (tail), or the first.

    level: the least level; lines without a level then stay out. text: must occur in the line, whatever its
    case. output: `stdout` or `stderr`.

    Raises Malformed `bad_cursor`, `bad_level`.
    """
    if level is not None and level not in LEVELS:
        raise Malformed(f"A level is one of {', '.join(LEVELS)}.", code="bad_level")
    wanted = _Wanted(
        kinds=OUTPUTS if output is None else (output,),
        stream=stream,
        least_level=0 if level is None else 1 + LEVELS.index(level),
        text=text.casefold(),
    )
    return _page(run, wanted, after=after, before=before, tail=tail, limit=limit)


def values(
    run: int,
    key: str | None = None,
    *,
    after: str | None = None,
    before: str | None = None,
    tail: bool = False,
    limit: int = 100,
) -> Page:
    """Return `value` records in order of time: content is {key, step, value}, number the row."""
    wanted = _Wanted(kinds=(RecordSegment.Kind.VALUE,), key=key)
    return _page(run, wanted, after=after, before=before, tail=tail, limit=limit)


def value_keys(run: int) -> list[str]:
    """Return the keys the run has `value` records of."""
    held = RecordSegment.objects.filter(run=run, kind=RecordSegment.Kind.VALUE).values_list("keys", flat=True)
    return sorted({key for keys in held.iterator() for key in keys})


def alerts(
    run: int, *, after: str | None = None, before: str | None = None, tail: bool = False, limit: int = 100
) -> Page:
    """Return alerts in order of time: content is {title, text}."""
    wanted = _Wanted(kinds=(RecordSegment.Kind.ALERT,))
    return _page(run, wanted, after=after, before=before, tail=tail, limit=limit)


@dataclass(frozen=True)
class _Wanted:
    kinds: Sequence[str]
    stream: UUID | None = None
    least_level: int = 0
    text: str = ""
    key: str | None = None

    def segments(self, run: int) -> QuerySet[RecordSegment]:
        found = RecordSegment.objects.filter(run=run, kind__in=self.kinds)
        if self.stream is not None:
            found = found.filter(stream=self.stream)
        if self.least_level:
            mask = sum(1 << level for level in range(self.least_level, len(LEVELS) + 1))
            found = found.annotate(hit=F("levels").bitand(mask)).exclude(hit=0)
        if self.key is not None:
            found = found.filter(keys__contains=[self.key])
        return found

    def takes(self, row: blocks.Row) -> bool:
        return (
            row.level >= self.least_level
            and (not self.text or self.text in row.content.casefold())
            and (self.key is None or row.content["key"] == self.key)
        )


def _page(
    run: int, wanted: _Wanted, *, after: str | None, before: str | None, tail: bool, limit: int
) -> Page:
    limit = max(1, min(limit, MOST_ROWS))
    backward = before is not None or tail
    start = Place.decode(after) if after else START
    end = Place.decode(before) if before else END
    walk = _Walk(run, wanted, start, end, backward=backward)
    found: list[Record] = []
    for record in walk:
        found.append(record)
        if len(found) > limit:
            break
    more = len(found) > limit
    found = found[:limit]
    # Where a bounded search stopped is as good a place to go on from as the last record.
    onward = found[-1].place if more else walk.stopped_at
    if backward:
        found.reverse()
        newer = (found[-1].place if found else before) if before else None
        return Page(tuple(found), before=onward, after=newer)
    older = (found[0].place if found else after) if after else None
    return Page(tuple(found), before=older, after=onward)


class _Walk:
    """Records between two places (exclusive), in order or against it, from blocks opened one by one."""

    def __init__(self, run: int, wanted: _Wanted, start: Place, end: Place, *, backward: bool) -> None:
        self.stopped_at: str | None = None
        self._wanted = wanted
        self._start = start
        self._end = end
        self._backward = backward
        found = wanted.segments(run).filter(time_max__gte=start.time, time_min__lte=end.time)
        order = "-time_max" if backward else "time_min"
        self._heads = found.order_by(order, "pk").values_list("pk", "time_max" if backward else "time_min")

    def __iter__(self) -> Iterator[Record]:
        sign = -1 if self._backward else 1
        heads = self._heads.iterator(chunk_size=64)
        upcoming = next(heads, None)
        # Of each open block its next record, and the rest of it. The counter keeps the rest from being
        # compared.
        opened: list[tuple[_Key, int, Record, Iterator[Record]]] = []
        budget = MOST_BLOCKS
        while upcoming is not None or opened:
            while upcoming is not None and (not opened or sign * upcoming[1] <= sign * opened[0][2].time):
                if budget == 0:
                    self.stopped_at = self._resting_place(upcoming[1])
                    return
                budget -= 1
                rest = self._open(upcoming[0])
                first = next(rest, None)
                if first is not None:
                    heapq.heappush(opened, (_Key(first, self._backward), budget, first, rest))
                upcoming = next(heads, None)
            if not opened:
                continue
            _, number, record, rest = opened[0]
            yield record
            following = next(rest, None)
            if following is None:
                heapq.heappop(opened)
            else:
                heapq.heapreplace(opened, (_Key(following, self._backward), number, following, rest))

    def _open(self, pk: int) -> Iterator[Record]:
        # One that is gone has been merged or replaced since its head was read: its rows are in a newer one,
        # which the next page finds.
        segment = RecordSegment.objects.filter(pk=pk).first()
        if segment is None:
            return
        rows = blocks.unpack(segment.data)
        for row in reversed(rows) if self._backward else rows:
            place = Place(row.time, row.number, segment.kind, segment.stream.bytes)
            if self._start < place < self._end and self._wanted.takes(row):
                level = LEVELS[row.level - 1] if row.level else ""
                yield Record(row.time, row.number, segment.kind, segment.stream, level, row.content)

    def _resting_place(self, time: int) -> str:
        """Everything before this time (after it, going backward) has been looked at."""
        at = END if self._backward else START
        return Place(time, at.number, at.kind, at.stream).encode()


class _Key:
    """A record as the heap compares it: the least is the next one of the walk."""

    __slots__ = ("_backward", "_place")

    def __init__(self, record: Record, backward: bool) -> None:
        self._place = (record.time, record.number, record.kind, record.stream.bytes)
        self._backward = backward

    def __lt__(self, other: _Key) -> bool:
        return other._place < self._place if self._backward else self._place < other._place
