"""What a value is filtered and sorted by: a number, a text, or both, under a path. Without Django."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

PATH_BYTES = 1024
TEXT_LENGTH = 8000
# What is indexed of a text, and kept apart from the whole of a longer one.
HEAD_LENGTH = 128

_NUMBER = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entry:
    path: str
    number: float | None
    text: str | None

    @property
    def head(self) -> str | None:
        return self.text if self.text is None else self.text[:HEAD_LENGTH]

    @property
    def long_text(self) -> str | None:
        return self.text if self.text is not None and len(self.text) > HEAD_LENGTH else None


def leaves(
    scope: str, tree: Mapping[str, Any], *, leave_out: Iterable[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yield (path, value) of the leaves; a list is a leaf."""
    for key, value in tree.items():
        if key in leave_out:
            continue
        path = f"{scope}.{key}"
        if isinstance(value, dict) and value:
            yield from leaves(path, value)
        else:
            yield path, value


def add(entries: dict[str, Entry], path: str, value: Any) -> None:
    if value is None or len(path.encode()) > PATH_BYTES:
        return
    entries.setdefault(path, entry_of(path, value))


def entry_of(path: str, value: Any) -> Entry:
    """Return how a value is filtered and sorted by.

    A text that reads as a decimal number has a number too: MLflow sends every param as text.
    """
    if isinstance(value, bool):
        return Entry(path, float(value), "true" if value else "false")
    if isinstance(value, int | float):
        return Entry(path, to_float(value), _number_text(value))
    if isinstance(value, str):
        number = to_float(float(value)) if len(value) <= 400 and _NUMBER.fullmatch(value) else None
        return Entry(path, number, value[:TEXT_LENGTH].replace("\0", ""))
    return Entry(path, None, msgspec.json.encode(value).decode()[:TEXT_LENGTH].replace("\0", ""))


def to_float(value: float) -> float | None:
    try:
        return float(value)
    except OverflowError:
        return None


def _number_text(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    return repr(value)
