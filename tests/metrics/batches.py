"""Batches for the engine's tests, made the way a client makes them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import numpy as np

from apps.metrics.groups import DTYPES, Axis, Columns, Group, Kind
from apps.metrics.wire import MSGPACK, Decoded, decode, encode

STREAM = UUID(int=1)
OTHER_STREAM = UUID(int=2)
START_US = 1_700_000_000_000_000
_KINDS: dict[str, Kind] = {"f": "f64", "i": "i64", "b": "bool"}


def make_group(
    values: Mapping[str, Any],
    names: list[str],
    *,
    first_row: int = 0,
    step: Any = None,
    time: Any = None,
    row: Any = None,
) -> Group:
    """One group with the given columns; names gets what it lacks. Steps count like rows, a second apart."""
    by_kind: dict[Kind, list[tuple[int, Any]]] = {}
    rows = 0
    for name, given in values.items():
        column = np.atleast_1d(np.asarray(given))
        names.append(name)
        by_kind.setdefault(_KINDS[column.dtype.kind], []).append((len(names) - 1, column))
        rows = len(column)
    columns = [
        Columns(
            kind,
            np.array([number for number, _ in several], np.int32),
            np.stack([column.astype(DTYPES[kind]) for _, column in several]),
        )
        for kind, several in by_kind.items()
    ]
    at = np.arange(first_row, first_row + rows, dtype=np.int64) if row is None else np.asarray(row, np.int64)
    steps = at if step is None else np.broadcast_to(np.asarray(step, np.int64), rows).copy()
    times = (
        START_US + at * 1_000_000
        if time is None
        else np.broadcast_to(np.asarray(time, np.int64), rows).copy()
    )
    return Group(Axis(steps, times, np.zeros(rows, np.int32), at), tuple(columns))


def make_batch(
    values: Mapping[str, Any] | None = None, *, records: Sequence[dict[str, Any]] = (), **axis: Any
) -> Decoded:
    """A batch of one group."""
    names: list[str] = []
    groups = [make_group(values, names, **axis)] if values else []
    return received(encode(groups, names, list(records)))


def received(body: bytes) -> Decoded:
    return decode(body, content_type=MSGPACK, content_encoding="", arrival_us=START_US)
