"""A comparison as rows of text to show, and the sentence above them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from apps.tracking.compare import ABSENT, Comparison, MetricRow, Row

from . import figures
from .config_tree import text_of

# So many cells a section shows; the search finds the others.
MOST_CELLS = 8000


@dataclass(frozen=True, slots=True)
class Cell:
    """delta: how far from the baseline, without a sign; towards: "up" or "down"; judged: "good", "bad", "muted"."""

    text: str
    css: str = ""
    delta: str = ""
    towards: str = ""
    judged: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """metric: where it is one, its name; how: which of its values, and its unit."""

    key: str
    cells: Sequence[Cell]
    differs: bool
    metric: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    name: str
    slug: str
    lines: Sequence[Line]
    differing: int
    total: int
    unlisted: int


def sections_of(comparison: Comparison, *, shows_all: bool, part: str = "") -> list[Section]:
    """Return the sections that have rows. part: what their keys contain, in any case."""
    given: list[tuple[str, Sequence[Row]]] = [
        ("Config", comparison.config),
        ("Metrics", comparison.metrics),
        ("Environment", comparison.environment),
        ("Packages", comparison.packages),
        ("System metrics", comparison.system),
    ]
    most = max(1, MOST_CELLS // len(comparison.runs))
    return [_section(name, rows, shows_all, part.strip().casefold(), most) for name, rows in given if rows]


def _section(name: str, rows: Sequence[Row], shows_all: bool, part: str, most: int) -> Section:
    differing = {id(row) for row in rows if row.differs}
    found = [
        row
        for row in rows
        if (shows_all or id(row) in differing) and (not part or part in row.key.casefold())
    ]
    lines = [_line(row, id(row) in differing) for row in found[:most]]
    return Section(
        name, name.lower().replace(" ", "-"), lines, len(differing), len(rows), len(found) - len(lines)
    )


def _line(row: Row, differs: bool) -> Line:
    if isinstance(row, MetricRow):
        best = row.best
        cells = [_metric_cell(row, at, at in best) for at in range(len(row.values))]
        how = f"{row.how}, {row.unit}" if row.unit else row.how
        return Line(row.key, cells, differs, metric=row.name, how=how)
    return Line(row.key, [_cell(row, at) for at in range(len(row.values))], differs)


def _cell(row: Row, at: int) -> Cell:
    value = row.values[at]
    if value is ABSENT:
        return Cell("not set", "none")
    return Cell(text_of(value), "changed" if at and row.changed(at) else "")


def _metric_cell(row: MetricRow, at: int, is_best: bool) -> Cell:
    value = row.values[at]
    if value is ABSENT:
        return Cell("not logged", "none")
    text = value if isinstance(value, str) else figures.value(value)
    css = "best" if is_best else ""
    delta = row.delta(at) if at else None
    if delta is None:
        return Cell(text, css)
    judged = {True: "good", False: "bad", None: "muted"}[row.is_better(at)]
    return Cell(text, css, figures.value(abs(delta)), "up" if delta > 0 else "down", judged)


def verdict(comparison: Comparison) -> tuple[str, str]:
    """Return of whom the sentence on top speaks, and what it says."""
    names = [run.name for run in comparison.runs]
    settings = sum(row.differs for row in comparison.config)
    said = (
        "No setting differs."
        if not settings
        else f"{settings} setting{'s' * (settings > 1)} differ{'s' * (settings == 1)}."
    )
    row = next((row for row in comparison.metrics if row.name in comparison.keys[:1] and row.differs), None)
    if len(names) == 2:
        delta = row.delta(1) if row else None
        told = (
            f" {_of(row)} is {figures.value(abs(delta))} {'higher' if delta > 0 else 'lower'}."
            if row and delta
            else ""
        )
        return f"{names[1]} against the baseline {names[0]}:", said + told
    if not row or not row.best:
        return f"{len(names)} runs against the baseline {names[0]}:", said
    at = min(row.best)
    if at == 0:
        return (
            f"{len(names)} runs:",
            f"{said} None beats the baseline {names[0]} by {_of(row)}, {figures.value(row.values[0])}.",
        )
    delta = row.delta(at)
    than = (
        f", {figures.value(abs(delta))} {'higher' if delta > 0 else 'lower'} than the baseline"
        if delta
        else ""
    )
    return (
        f"{len(names)} runs:",
        f"{said} {names[at]} is best by {_of(row)}: {figures.value(row.values[at])}{than}.",
    )


def _of(row: MetricRow) -> str:
    return row.name if row.how == "last" else f"{row.name} ({row.how})"
