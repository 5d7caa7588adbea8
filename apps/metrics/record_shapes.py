"""The shapes of records: what a batch may carry beside points (docs/design/wire-format.md, "Records").

Only shapes. What a record does to a run is `tracking`'s affair.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
import orjson
from msgspec import UNSET, Meta, Struct, UnsetType

from apps.base.errors import TooLarge
from apps.base.strict_json import MAX_DEPTH
from apps.metrics import limits
from apps.metrics.shape_faults import described

MAX_TEXT_BYTES = 100_000
MAX_RECORD_BYTES = 1_048_576

Int64 = Annotated[int, Meta(ge=-(2**63), le=2**63 - 1)]
Count = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Name = Annotated[str, Meta(min_length=1, max_length=1024)]
Path = Name | Annotated[list[Name], Meta(min_length=1)]
Statistic = Literal["last", "min", "max", "best", "mean", "first", "none"]


class _Record(Struct, forbid_unknown_fields=True, tag_field="type"):
    pass


class Config(_Record, tag="config"):
    set: dict[str, Any] | UnsetType = UNSET
    unset: list[Path] | UnsetType = UNSET


class Summary(_Record, tag="summary"):
    set: dict[str, Any] | UnsetType = UNSET
    unset: list[Path] | UnsetType = UNSET


class Tags(_Record, tag="tags"):
    add: list[Name] | UnsetType = UNSET
    remove: list[Name] | UnsetType = UNSET


class Note(_Record, tag="note"):
    text: str


class Rename(_Record, tag="name"):
    text: Name


class Metadata(_Record, tag="metadata"):
    set: dict[str, Any]


class Metric(_Record, tag="metric"):
    name: Name
    x: Name | UnsetType = UNSET
    direction: Literal["min", "max"] | UnsetType = UNSET
    unit: str | UnsetType = UNSET
    summary: list[Statistic] | UnsetType = UNSET
    last_k: Annotated[int, Meta(ge=1, le=1_000_000)] | UnsetType = UNSET
    hidden: bool | UnsetType = UNSET


class ConsoleLine(Struct, forbid_unknown_fields=True):
    n: Count
    time: Int64
    fd: Literal["stdout", "stderr"]
    text: str
    level: Literal["debug", "info", "warning", "error", "critical"] | UnsetType = UNSET


class Console(_Record, tag="console"):
    lines: list[ConsoleLine]


class Value(_Record, tag="value"):
    key: Name
    row: Count
    step: Int64
    time: Int64
    value: Any


class Alert(_Record, tag="alert"):
    title: Name
    time: Int64
    text: str | UnsetType = UNSET
    level: Literal["info", "warning", "error"] | UnsetType = UNSET


class State(_Record, tag="state"):
    state: Literal["running", "finished", "failed", "killed"]
    exit_code: Int64 | UnsetType = UNSET
    time: Int64 | UnsetType = UNSET


Record = Config | Summary | Tags | Note | Rename | Metadata | Metric | Console | Value | Alert | State
TYPES = frozenset(
    str(kind.__struct_config__.tag)
    for kind in (Config, Summary, Tags, Note, Rename, Metadata, Metric, Console, Value, Alert, State)
)


def fault(record: object) -> tuple[str, str] | None:
    """Return (code, message) saying why a decoded record is refused, or None.

    record: as msgpack or JSON decoded it. The message quotes nothing of it but names of our own fields.
    """
    if not isinstance(record, dict):
        return "bad_record", "A record is a map with a `type`."
    if type_of(record) is None:
        return "unknown_record", "The record's `type` is not one this server knows."
    found = _unstorable(record)
    if found is not None:
        return found
    try:
        msgspec.convert(record, Record)
    except msgspec.ValidationError as error:
        return "bad_record", f"The record does not have its shape: {described(error)}."
    return None


def type_of(record: object) -> str | None:
    """Return the type of a record if it has a known one."""
    kind = record.get("type") if isinstance(record, dict) else None
    return kind if isinstance(kind, str) and kind in TYPES else None


def count_values(record: object, most: int) -> int:
    """Return how many values and keys a record has, all levels together.

    Raises TooLarge as soon as there are more than `most`.
    """
    count = 1
    nodes = [record]
    while nodes:
        value = nodes.pop()
        if isinstance(value, dict):
            count += 2 * len(value)
            nodes.extend(value.values())
        elif isinstance(value, list):
            count += len(value)
            nodes.extend(value)
        if count > most:
            raise TooLarge(f"The records of a batch hold at most {limits.MAX_RECORD_VALUES} values.")
    return count


def _unstorable(record: dict[Any, Any]) -> tuple[str, str] | None:
    """Return (code, message) for what no store could hold: depth, size, NUL, bytes, keys that are no text."""
    nodes: list[tuple[Any, int]] = [(record, 1)]
    while nodes:
        value, depth = nodes.pop()
        if isinstance(value, str):
            if "\0" in value:
                return "bad_value", "A text holds a NUL character."
            # A character takes at most four bytes. (Lone surrogates, which have none, are told below.)
            if len(value) * 4 > MAX_TEXT_BYTES and len(value.encode(errors="replace")) > MAX_TEXT_BYTES:
                return "too_long", f"A text is longer than {MAX_TEXT_BYTES} bytes."
        elif isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                return "bad_value", f"A record nests deeper than {MAX_DEPTH} levels."
            if isinstance(value, dict):
                nodes.extend((key, depth) for key in value)
                nodes.extend((inner, depth + 1) for inner in value.values())
            else:
                nodes.extend((inner, depth + 1) for inner in value)
    try:
        # A msgpack timestamp has become a datetime, for which JSON has no word either.
        size = len(orjson.dumps(record, option=orjson.OPT_PASSTHROUGH_DATETIME))
    except TypeError:
        return (
            "bad_value",
            "A record holds bytes, an extension, a key that is no text, a lone surrogate, or an integer over"
            " 64 bits.",
        )
    # Console lines are many values, each of them bounded as a text.
    if size > MAX_RECORD_BYTES and record["type"] != "console":
        return "too_long", f"A record is larger than {MAX_RECORD_BYTES} bytes as JSON."
    return None
