"""What a record of a known shape may say: the rules beyond `metrics.record_shapes`. Without Django.

`check` is asked at append, so that a writer hears at once what is refused; the consumer asks it again, so
that what it applies has always passed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from apps.metrics import record_shapes
from apps.metrics.wire import Rejected

RUN_NAME_LENGTH = 500
TAG_LENGTH = 256
UNIT_LENGTH = 64

LEVELS = ("debug", "info", "warning", "error", "critical")

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")
# The years 1 to 9999, in microseconds.
_CALENDAR = range(-62_135_596_800_000_000, 253_402_300_800_000_000)

Fault = tuple[str, str]


def check(record: Mapping[str, Any]) -> Rejected | None:
    """Return why the record is refused, or None. Looks at nothing but the record."""
    fault = record_shapes.fault(record)
    if fault is None:
        beyond = _RULES.get(record["type"])
        fault = beyond(record) if beyond else None
    if fault is None:
        return None
    code, message = fault
    kind = record.get("type") if isinstance(record, Mapping) else None
    return Rejected(code=code, key=_CONTROL.sub("", str(kind))[:64], count=1, message=message)


def _tags(record: Mapping[str, Any]) -> Fault | None:
    for tag in [*record.get("add", ()), *record.get("remove", ())]:
        if not tag.strip() or len(tag) > TAG_LENGTH or _CONTROL.search(tag):
            return "bad_tag", f"A tag has 1 to {TAG_LENGTH} characters and no control characters."
    return None


def _name(record: Mapping[str, Any]) -> Fault | None:
    text = record["text"]
    if not text.strip() or len(text) > RUN_NAME_LENGTH or _CONTROL.search(text):
        return "bad_name", f"A run's name has 1 to {RUN_NAME_LENGTH} characters and no control characters."
    return None


def _metric(record: Mapping[str, Any]) -> Fault | None:
    for name in (record["name"], record.get("x", "step")):
        if _CONTROL.search(name) or len(name.encode()) > 1024:
            return "bad_name", "A metric's name has 1 to 1024 bytes and no control characters."
    if len(record.get("unit", "")) > UNIT_LENGTH:
        return "bad_unit", f"A unit has at most {UNIT_LENGTH} characters."
    return None


def _value(record: Mapping[str, Any]) -> Fault | None:
    if _CONTROL.search(record["key"]) or len(record["key"].encode()) > 1024:
        return "bad_name", "A key has 1 to 1024 bytes and no control characters."
    return None


def _state(record: Mapping[str, Any]) -> Fault | None:
    if "time" in record and record["time"] not in _CALENDAR:
        return "out_of_range", "A time is in microseconds since 1970, in the years 1 to 9999."
    return None


_RULES: dict[str, Callable[[Mapping[str, Any]], Fault | None]] = {
    "tags": _tags,
    "name": _name,
    "metric": _metric,
    "value": _value,
    "state": _state,
}
