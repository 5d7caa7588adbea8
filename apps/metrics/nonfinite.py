"""Where a metric first was no finite number, found by zooming in: the cost of a few tiles, however long the run."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from apps.metrics.downsample import Marks
from apps.metrics.tiles import tiles

_PIXELS = 512
# Each round narrows a thousandfold: seven reach a single step of the whole int64 range.
_ROUNDS = 7


@dataclass(frozen=True, slots=True)
class NonFinite:
    """The step of the first point that is not finite, and what it is: "NaN", "Infinity" or "-Infinity"."""

    name: str
    step: int
    value: str


def first_nonfinite(run: int, names: Collection[str]) -> list[NonFinite]:
    """Return where each metric first was not finite, the earliest first; one that always is stays out."""
    found: list[NonFinite] = []
    windows: dict[tuple[float, float] | None, list[str]] = {None: list(names)} if names else {}
    for _ in range(_ROUNDS):
        finer: dict[tuple[float, float] | None, list[str]] = {}
        for window, of_window in windows.items():
            x_min, x_max = window or (None, None)
            made = tiles([run], of_window, x_min=x_min, x_max=x_max, pixels=_PIXELS)
            for series in made.series:
                mark = _first(series.marks, x_min)
                if mark is None:
                    continue
                first, last = int(series.marks.x_first[mark]), int(series.marks.x_last[mark])
                if first == last:
                    found.append(NonFinite(series.name, first, _value(series.marks, mark)))
                else:
                    finer.setdefault((first, last), []).append(series.name)
        windows = finer
        if not windows:
            break
    return sorted(found, key=lambda each: each.step)


def _first(marks: Marks, x_min: float | None) -> int | None:
    """Return the first mark that holds a value which is not finite; a tile's neighbours on the left are not asked."""
    bad = (marks.nan + marks.pinf + marks.ninf) > 0
    if x_min is not None:
        bad &= marks.x_last >= x_min
    places = np.flatnonzero(bad)
    return int(places[0]) if len(places) else None


def _value(marks: Marks, mark: int) -> str:
    if marks.nan[mark]:
        return "NaN"
    return "Infinity" if marks.pinf[mark] else "-Infinity"
