"""Stores packed blocks of records: adds, replaces, merges. The caller's transaction holds the run's lock.

Cost: a row is packed once as it arrives and at most three times more while blocks grow (blocks.py). Adding
to a stream is one look for lines that are replaced, one insert, one look for blocks to merge, whatever the
run's length.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import Count, Q

from . import blocks
from .blocks import Row
from .models import RecordSegment

Kind = RecordSegment.Kind
# Whose rows, of what kind.
Slot = tuple[str, UUID]

OUTPUTS = (Kind.STDOUT, Kind.STDERR)


def store(run: int, rows: Mapping[Slot, Sequence[Row]]) -> None:
    """Add rows. A console line whose number is there already takes the older one's place."""
    if not rows:
        return
    lines = {slot: {row.number for row in added} for slot, added in rows.items() if slot[0] in OUTPUTS}
    if lines:
        _drop(run, lines)
    RecordSegment.objects.bulk_create(
        segment for slot, added in rows.items() for segment in _segments(run, slot, added)
    )
    _merge(run, list(rows))


def _drop(run: int, lines: Mapping[Slot, set[int]]) -> None:
    """Take lines out of the segments that hold them."""
    holding = reduce(
        or_,
        (
            Q(kind=kind, stream=stream, number_max__gte=min(numbers), number_min__lte=max(numbers))
            for (kind, stream), numbers in lines.items()
        ),
    )
    for segment in RecordSegment.objects.filter(holding, run=run):
        numbers = lines[segment.kind, segment.stream]
        old = blocks.unpack(segment.data)
        kept = [row for row in old if row.number not in numbers]
        if len(kept) == len(old):
            continue
        segment.delete()
        RecordSegment.objects.bulk_create(_segments(run, (segment.kind, segment.stream), kept))


def _merge(run: int, slots: Sequence[Slot]) -> None:
    """Make one of sixteen, as long as sixteen of one level are there."""
    ours = reduce(or_, (Q(kind=kind, stream=stream) for kind, stream in slots))
    open_ = RecordSegment.objects.filter(ours, run=run, level__lt=blocks.SEALED)
    while full := list(
        open_.values_list("kind", "stream", "level")
        .annotate(many=Count("id"))
        .filter(many__gte=blocks.FAN_IN)
        .order_by()
    ):
        for kind, stream, level, _ in full:
            group = list(RecordSegment.objects.filter(run=run, kind=kind, stream=stream, level=level))
            rows = [row for segment in group for row in blocks.unpack(segment.data)]
            RecordSegment.objects.filter(pk__in=[segment.pk for segment in group]).delete()
            RecordSegment.objects.bulk_create(_segments(run, (kind, stream), rows))


def _segments(run: int, slot: Slot, rows: Sequence[Row]) -> list[RecordSegment]:
    kind, stream = slot
    return [
        RecordSegment(
            run_id=run,
            kind=kind,
            stream=stream,
            level=block.level,
            count=block.count,
            raw_bytes=block.raw_bytes,
            number_min=min(row.number for row in block.rows),
            number_max=max(row.number for row in block.rows),
            time_min=block.rows[0].time,
            time_max=block.rows[-1].time,
            levels=block.levels,
            keys=sorted({row.content["key"] for row in block.rows}) if kind == Kind.VALUE else [],
            data=block.data,
        )
        for block in blocks.pack(rows)
    ]
