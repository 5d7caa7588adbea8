"""Rows of JSON made into columns: what `curl` sends (docs/design/wire-format.md, "Rows").

Values arrive as Python objects, so a point costs about 2 µs here, most of it in the parser, where
in columns it costs nanoseconds. Still no statement here runs once per point: types are told, converted and
sorted as arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from apps.base import strict_json
from apps.base.errors import Malformed
from apps.metrics import limits, naming
from apps.metrics.cells import Cells, dense
from apps.metrics.groups import Axis, Group, Ids, Ints, Kind
from apps.metrics.rejections import Rejections
from apps.metrics.shape_faults import described

_INT64 = range(-(2**63), 2**63)
_MAX_ROW = 2**63 - 2
_SPELLED = {"NaN": float("nan"), "Infinity": float("inf"), "-Infinity": float("-inf")}
_FLOAT, _INT, _BOOL, _TEXT, _OTHER = range(5)
_CODE_OF_TYPE = {float: _FLOAT, int: _INT, bool: _BOOL, str: _TEXT}


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """Rows as columns: ids in the groups index names and kinds; each id is a (name, kind)."""

    names: list[str]
    kinds: list[Kind]
    groups: list[Group]
    records: list[Any]
    rows: int
    next_row: int


class _Row(msgspec.Struct, forbid_unknown_fields=True):
    values: dict[str, Any] = {}
    step: Any = None
    time: Any = None
    row: Any = None


class _Body(msgspec.Struct, forbid_unknown_fields=True):
    rows: list[_Row] = []
    records: list[Any] = []


def read(body: bytes, *, arrival_us: int, next_row: int, rejections: Rejections) -> Rows:
    """Return the rows of a JSON body as columns.

    Values that cannot be told as float64, int64 or bool go to `rejections`. Raises Malformed, TooLarge.
    """
    try:
        parsed = msgspec.convert(strict_json.loads(body), _Body)
    except msgspec.ValidationError as error:
        raise Malformed(f"The body does not have the shape of rows: {described(error)}.") from None
    limits.check("rows", len(parsed.rows), limits.MAX_ROWS)
    axis = _axis(parsed.rows, arrival_us, next_row)
    widths = np.fromiter((len(row.values) for row in parsed.rows), np.int64, len(parsed.rows))
    limits.check("points", int(widths.sum()), limits.MAX_POINTS)
    keys, key_of = _keys(parsed.rows)
    limits.check("names", len(keys), limits.MAX_NAMES)
    row_of = np.repeat(np.arange(len(parsed.rows)), widths)
    values = _objects([value for row in parsed.rows for value in row.values.values()])
    cells = _typed(values, key_of, row_of, keys, rejections)
    return _columns(axis, cells, keys, parsed.records, next_row)


def _axis(rows: Sequence[_Row], arrival_us: int, next_row: int) -> Axis:
    numbers: list[int] = []
    for row in rows:
        number = next_row if row.row is None else _integer(row.row, "row")
        if (number < next_row and numbers) or not 0 <= number <= _MAX_ROW:
            raise Malformed("The `row` numbers of a batch must rise and lie in 0 … 2^63 - 2.")
        numbers.append(number)
        next_row = number + 1
    steps = [
        number if row.step is None else _integer(row.step, "step")
        for row, number in zip(rows, numbers, strict=True)
    ]
    times = [arrival_us if row.time is None else _time_us(row.time) for row in rows]
    return Axis(
        np.array(steps, np.int64),
        np.array(times, np.int64),
        np.zeros(len(rows), np.int32),
        np.array(numbers, np.int64),
    )


def _integer(value: object, field: str) -> int:
    if type(value) is not int or value not in _INT64:
        raise Malformed(f"A `{field}` must be an integer of 64 bits.")
    return value


def _time_us(value: object) -> int:
    """Return microseconds since the epoch from seconds (a number) or an ISO 8601 text; no zone is UTC."""
    if isinstance(value, str):
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise Malformed("A `time` text must be ISO 8601, as in 2024-05-01T12:30:00.5Z.") from None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Malformed("A `time` must be seconds since the epoch or an ISO 8601 text.")
    moment_us = round(value * 1_000_000)
    if moment_us not in _INT64:
        raise Malformed("A `time` is outside what 64 bits of microseconds hold.")
    return moment_us


def _keys(rows: Sequence[_Row]) -> tuple[list[str], NDArray[np.int64]]:
    """Return the distinct keys in order of first use, and the index of each cell's key."""
    every = list(chain.from_iterable(row.values for row in rows))
    place = {key: number for number, key in enumerate(dict.fromkeys(every))}
    return list(place), np.fromiter(map(place.__getitem__, every), np.int64, len(every))


def _objects(values: list[Any]) -> NDArray[np.object_]:
    made = np.empty(len(values), np.object_)
    # Assigned, not converted: NumPy would look into values that are lists.
    made[:] = values
    return made


def _typed(
    values: NDArray[np.object_],
    key_of: NDArray[np.int64],
    row_of: NDArray[np.int64],
    keys: list[str],
    rejections: Rejections,
) -> dict[Kind, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]]:
    """Return (key, row, value) per kind. What has no kind is rejected."""
    codes = np.fromiter(
        map(_CODE_OF_TYPE.get, map(type, values), [_OTHER] * len(values)), np.int8, len(values)
    )
    unsound = naming.sound(keys)
    kept = np.ones(len(values), np.bool_) if unsound is None else unsound[key_of]
    _reject(
        rejections, "bad_name", "A name is 1 to 1024 bytes without control characters.", keys, key_of[~kept]
    )

    texts = np.flatnonzero(codes == _TEXT)
    for place in texts.tolist():
        if values[place] in _SPELLED:
            values[place], codes[place] = _SPELLED[values[place]], _FLOAT
    unfit = kept & (codes >= _TEXT)
    message = 'A value is a number, true, false, "NaN", "Infinity" or "-Infinity"; use a `value` record.'
    _reject(rejections, "bad_value", message, keys, key_of[unfit])
    kept &= ~unfit

    whole = kept & (codes == _INT)
    try:
        integers = values[whole].astype(np.int64)
    except OverflowError:
        outside = np.fromiter((value not in _INT64 for value in values[whole]), np.bool_, int(whole.sum()))
        beyond = np.flatnonzero(whole)[outside]
        _reject(rejections, "out_of_range", "An integer is outside int64.", keys, key_of[beyond])
        whole[beyond] = False
        integers = values[whole].astype(np.int64)

    # A key with both spellings is one float series wherever no digit is lost by it.
    has_floats = np.zeros(len(keys), np.bool_)
    broken = kept & (codes == _FLOAT)
    has_floats[key_of[broken]] = True
    joins = has_floats[key_of[whole]] & _exact_in_float(integers)
    at = np.flatnonzero(whole)
    of_float = np.concatenate([np.flatnonzero(broken), at[joins]])
    of_int = at[~joins]
    of_bool = np.flatnonzero(kept & (codes == _BOOL))
    floats = np.concatenate([values[broken].astype(np.float64), integers[joins].astype(np.float64)])
    return {
        "f64": (key_of[of_float], row_of[of_float], floats),
        "i64": (key_of[of_int], row_of[of_int], integers[~joins]),
        "bool": (key_of[of_bool], row_of[of_bool], values[of_bool].astype(np.bool_)),
    }


def _reject(
    rejections: Rejections, code: str, message: str, keys: list[str], key_of: NDArray[np.int64]
) -> None:
    for key, count in zip(*(part.tolist() for part in np.unique(key_of, return_counts=True)), strict=True):
        rejections.add(code, keys[key], count, message)


def _exact_in_float(integers: Ints) -> NDArray[np.bool_]:
    """Tell which int64 come back from float64 unchanged. 2^63 - 1 rounds up to 2^63, which int64 lacks."""
    floats = integers.astype(np.float64)
    inside = floats < 2.0**63
    exact: NDArray[np.bool_] = inside & (np.where(inside, floats, 0.0).astype(np.int64) == integers)
    return exact


def _columns(
    axis: Axis,
    typed: dict[Kind, tuple[NDArray[np.int64], NDArray[np.int64], NDArray[Any]]],
    keys: list[str],
    records: list[Any],
    next_row: int,
) -> Rows:
    """Number the (key, kind) pairs and gather the cells into groups."""
    column_names: list[str] = []
    kinds: list[Kind] = []
    cells = []
    for kind, (key_of, row_of, values) in typed.items():
        used, place = np.unique(key_of, return_inverse=True)
        ids: Ids = (place + len(column_names)).astype(np.int32)
        cells.append(Cells(kind, ids, row_of, values))
        column_names.extend(keys[key] for key in used)
        kinds.extend([kind] * len(used))
    groups = []
    for group in dense(axis, cells):
        groups.append(group)
        limits.check("sets of rows that different keys have", len(groups), limits.MAX_BLOCKS)
    return Rows(
        column_names, kinds, groups, records, len(axis), int(axis.row[-1]) + 1 if len(axis) else next_row
    )
