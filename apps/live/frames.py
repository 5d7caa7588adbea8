"""From a hint to the `points` or `changed` frame of those who want the same metrics."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from apps.metrics import wire

from .groups import BatchAppended
from .messages import MAX_POINTS_BYTES, Changed, Points, ServerFrame, render

# A point is at least this long in JSON, so that more of them need not be tried.
MIN_POINT_BYTES = 4


def points_frame(
    hint: BatchAppended, run: str, *, wanted: Iterable[frozenset[str] | None]
) -> dict[frozenset[str] | None, ServerFrame]:
    """Return the frame of each set of metrics: None is all, an empty set gets none.

    A set none of whose metrics is in the batch gets `points` without groups, so that its readers
    count on without a gap.
    """
    at: dict[str, Any] = {"run": run, "stream": hint.stream, "seq": hint.seq, "version": hint.version}
    changed = Changed(**at, many=hint.points)
    batch = wire.decode_stored(hint.payload, hint.encoding) if hint.payload else None
    frames: dict[frozenset[str] | None, ServerFrame] = {}
    for names in wanted:
        if names is not None and not names:
            continue
        groups = _groups(batch, names) if batch is not None else None
        if batch is None and not hint.points:
            groups = []
        if groups is None:
            frames[names] = changed
            continue
        points = Points(**at, groups=groups)
        frames[names] = points if len(render(points)) <= MAX_POINTS_BYTES else changed
    return frames


def _groups(batch: wire.Decoded, names: frozenset[str] | None) -> list[dict[str, Any]] | None:
    """The wanted columns of a batch for JSON; None if there are certainly too many."""
    groups, count = [], 0
    for group in batch.groups:
        columns = []
        for block in group.columns:
            for position, id in enumerate(block.ids):
                name = batch.names[id]
                if names is None or name in names:
                    values = block.values[position].tolist()
                    count += len(values)
                    columns.append({"metric": name, "kind": block.kind, "values": [_json(v) for v in values]})
                    if count * MIN_POINT_BYTES > MAX_POINTS_BYTES:
                        return None
        if columns:
            groups.append(
                {"step": group.axis.step.tolist(), "time": group.axis.time.tolist(), "columns": columns}
            )
    return groups


def _json(value: float | int | bool) -> float | int | bool | str:
    """JSON has no NaN and no infinity: they travel as text, as on the wire."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value
