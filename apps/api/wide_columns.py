"""The columns of runs that may be large: measured in the database, and read only as far as an answer may grow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from django.db.models import BigIntegerField, F, Func, QuerySet, Sum, TextField
from django.db.models.functions import Cast, Coalesce

from apps.tracking.models import Run, RunField

# What an answer with many runs holds at most, the rest of their rows apart.
MOST_BYTES = 8 << 20
# Given only where they are asked for by name.
ON_REQUEST = ("config", "summary", "metadata")
ALWAYS = ("notes", "labels", "tags")
WIDE = (*ON_REQUEST, *ALWAYS)


class _Stored(Func):
    """Bytes of a value as it is kept, compressed: told without reading it."""

    function = "pg_column_size"
    output_field = BigIntegerField()


class _Written(Func):
    """Bytes of a value written out."""

    function = "octet_length"
    output_field = BigIntegerField()


def fitting(ids: Sequence[int], columns: Sequence[str], paths: Sequence[str] = ()) -> int:
    """Return how many of these runs, from the first on, an answer has room for: one at least.

    columns: of WIDE, that are to be answered. paths: of RunField, likewise.
    """
    if not ids:
        return 0
    written = dict.fromkeys(ids, 0)
    if columns:
        rows = Run.with_removed.all()
        stored = _sizes(rows, ids, {column: _Stored(F(column)) for column in columns})
        # What is too much compressed is not unpacked to be measured.
        near = ids[: _first(stored, ids)]
        texts = {column: _Written(Cast(F(column), TextField())) for column in columns}
        ids, written = near, _sizes(rows, near, texts)
    if paths:
        values = RunField.objects.filter(run__in=ids, field__path__in=list(paths))
        text = Coalesce("long_text", "text", output_field=TextField())
        sizes = values.values("run").annotate(bytes=Sum(_Written(text)))
        for pk, size in sizes.values_list("run", "bytes"):
            written[pk] += size or 0
    return _first(written, ids)


def read(runs: Sequence[Run], columns: Sequence[str]) -> None:
    """Give these runs, which were read without, their columns. One query."""
    if not columns:
        return
    by_id = {run.pk: run for run in runs}
    for pk, *values in Run.with_removed.filter(pk__in=list(by_id)).values_list("pk", *columns):
        for column, value in zip(columns, values, strict=True):
            setattr(by_id[pk], column, value)


def _sizes(rows: QuerySet[Run], ids: Sequence[int], columns: Mapping[str, Func]) -> dict[int, int]:
    measured: dict[str, Any] = {f"bytes_{name}": size for name, size in columns.items()}
    found = rows.filter(pk__in=ids).annotate(**measured).values_list("pk", *measured)
    return dict.fromkeys(ids, 0) | {pk: sum(sizes) for pk, *sizes in found}


def _first(sizes: Mapping[int, int], ids: Sequence[int]) -> int:
    return max(1, sum(total <= MOST_BYTES for total in accumulate(sizes[pk] for pk in ids)))
