"""What a table of runs shows: the values that runs have at picked paths."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.models import TextField
from django.db.models.functions import Coalesce

from ..models import Run, RunField
from .attributes import ATTRIBUTES
from .parse import parse_field

Cells = dict[str, Any]

_NOT_NUMBERS = {"nan": "NaN", "inf": "Infinity", "-inf": "-Infinity"}


def cells(runs: Sequence[Run], paths: Sequence[str]) -> list[Cells]:
    """Return of each run path → value, where it has one. Two queries at most.

    paths: as a query writes them. Values go into JSON as they are: what is not finite is a text, a duration
    is in seconds. Raises QueryError.
    """
    fields = {path: parse_field(path) for path in paths}
    attributes = {path: ATTRIBUTES[field.name] for path, field in fields.items() if field.scope == "run"}
    asked_as = {field.path: path for path, field in fields.items() if field.scope != "run"}
    ids = [run.pk for run in runs]
    values: dict[int, Cells] = {pk: {} for pk in ids}
    if attributes and ids:
        columns = {f"column_{n}": attribute.column for n, attribute in enumerate(attributes.values())}
        for pk, *row in Run.with_removed.filter(pk__in=ids).annotate(**columns).values_list("pk", *columns):
            values[pk] |= {
                path: value.total_seconds() if isinstance(value, timedelta) else value
                for path, value in zip(attributes, row, strict=True)
                if value is not None
            }
    if asked_as and ids:
        stored = RunField.objects.filter(run__in=ids, field__path__in=list(asked_as))
        whole_text = Coalesce("long_text", "text", output_field=TextField())
        for pk, path, number, text in stored.values_list("run_id", "field__path", "number", whole_text):
            values[pk][asked_as[path]] = _value(number, text)
    return [values[pk] for pk in ids]


def _value(number: float | None, text: str | None) -> Any:
    """A text that reads as a number stays a text, unless it is how that number is written."""
    if number is None or text in ("true", "false"):
        return text == "true" if text in ("true", "false") and number is not None else text
    if text is None:
        return _plain(number)
    try:
        written = int(text)
    except ValueError:
        return _plain(number) if text in (repr(number), "NaN", "Infinity", "-Infinity") else text
    return written if str(written) == text else text


def _plain(number: float) -> float | str:
    return number if math.isfinite(number) else _NOT_NUMBERS[repr(number)]
