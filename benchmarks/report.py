"""What a question prints: a table, and beside it how busy the machine was with other things."""

from __future__ import annotations

import os
import statistics
from collections.abc import Iterable, Sequence

import psutil


def is_quick() -> bool:
    """Short forms were asked for."""
    return bool(os.environ.get("BENCHMARKS_QUICK"))


def table(question: str, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print one question's answer."""
    cells = [[str(cell) for cell in row] for row in (header, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    print(f"\n## {question}\n")
    for number, row in enumerate(cells):
        print("| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |")
        if number == 0:
            print("|" + "|".join("-" * (width + 2) for width in widths) + "|")
    load = ", ".join(f"{value:.1f}" for value in psutil.getloadavg())
    print(f"\n(load averages at the end: {load} on {os.cpu_count()} cores)", flush=True)


def percentile(values: Sequence[float], percent: float) -> float:
    """The nearest-rank percentile; NaN without values."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def spread_ms(seconds: Sequence[float]) -> str:
    """Median, p95 and worst of some durations."""
    if not seconds:
        return "–"
    worst = max(seconds) * 1e3
    return (
        f"p50 {statistics.median(seconds) * 1e3:.1f}, p95 {percentile(seconds, 95) * 1e3:.1f}, "
        f"max {worst:.1f} ms"
    )


def rate(count: float, seconds: float) -> str:
    """Per second, readable."""
    per_s = count / seconds if seconds else float("nan")
    if per_s >= 1e6:
        return f"{per_s / 1e6:.2f} M/s"
    if per_s >= 1e4:
        return f"{per_s / 1e3:.0f} k/s"
    return f"{per_s:.0f}/s"


def ratio(ours: float, theirs: float) -> str:
    """How many times theirs is ours."""
    return f"{ours / theirs:.1f}×" if theirs else "–"
