"""User values in a database column: any JSON structure, with every float as it was.

`jsonb` keeps numbers as decimals: it has no NaN, no infinity, no −0, and gives 1e22 back as an integer.
Such floats are stored as {"$float": "…"}; a user's own object that would read like one is wrapped in
{"$plain": …}. Text and structure around them stay ordinary JSON.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.db import models

_FLOAT = "$float"
_PLAIN = "$plain"


def pack(value: Any) -> Any:
    """Return the structure with floats that jsonb would change replaced by tagged text."""
    if isinstance(value, float):
        kept = math.isfinite(value) and abs(value) < 1e16 and not (value == 0 and math.copysign(1, value) < 0)
        return value if kept else {_FLOAT: repr(value)}
    if isinstance(value, dict):
        packed = {key: pack(item) for key, item in value.items()}
        return {_PLAIN: packed} if len(value) == 1 and next(iter(value)) in (_FLOAT, _PLAIN) else packed
    if isinstance(value, list | tuple):
        return [pack(item) for item in value]
    return value


def unpack(value: Any) -> Any:
    """Undo pack()."""
    if isinstance(value, dict):
        if len(value) == 1:
            if _FLOAT in value:
                return float(value[_FLOAT])
            if _PLAIN in value:
                return {key: unpack(item) for key, item in value[_PLAIN].items()}
        return {key: unpack(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unpack(item) for item in value]
    return value


def same(one: Any, other: Any) -> bool:
    """Whether two structures are equal to the last bit: NaN is NaN, 0 is not −0, 1 is not 1.0 or true."""
    if type(one) is not type(other):
        return False
    if isinstance(one, float):
        return repr(one) == repr(other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


Path = str | Sequence[str]


def merge(old: Mapping[str, Any], new: Mapping[str, Any], unset: Iterable[Path] = ()) -> dict[str, Any]:
    """Return old with new on top: objects merge key by key, anything else replaces. Then unset paths go.

    A path to unset is a list of keys, or a key of the top level, or keys joined by dots where there is no
    such key.
    """
    merged = dict(old)
    for key, value in new.items():
        was = merged.get(key)
        merged[key] = merge(was, value) if isinstance(value, Mapping) and isinstance(was, Mapping) else value
    for path in unset:
        merged = _without(merged, path)
    return merged


def _without(tree: dict[str, Any], path: Path) -> dict[str, Any]:
    if not isinstance(path, str):
        head, *rest = path
        if not rest:
            return {key: value for key, value in tree.items() if key != head}
        inner = tree.get(head)
        return {**tree, head: _without(inner, rest)} if isinstance(inner, dict) else tree
    if path in tree:
        return {key: value for key, value in tree.items() if key != path}
    parts = path.split(".")
    for cut in range(1, len(parts)):
        head = ".".join(parts[:cut])
        if isinstance(tree.get(head), dict):
            return {**tree, head: _without(tree[head], ".".join(parts[cut:]))}
    return tree


class StructureField(models.JSONField):
    """A JSONField through which NaN, ±Inf, −0 and great floats pass unchanged.

    It is not queried by key: filters go through RunField.
    """

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if isinstance(value, dict | list | float):
            value = pack(value)
        return super().get_db_prep_value(value, connection, prepared)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        return unpack(super().from_db_value(value, expression, connection))
