"""A line on the terminal that says how far a long piece of work has come."""

from __future__ import annotations

import shutil
import sys
import time
from types import TracebackType

EVERY_S = 0.1
WIDTH = 24


class Progress:
    """Rewrites one line of standard error, if that is a terminal; else it is silent.

    label: what is being done. total: of `unit`s; None if nobody knows.
    """

    def __init__(self, label: str, *, total: float | None = None, unit: str = "") -> None:
        self.total = total
        self.done = 0.0
        self._label = label
        self._unit = unit
        self._is_shown = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._began_at = time.monotonic()

    def advance(self, by: float = 1) -> None:
        """Count on."""
        self.reach(self.done + by)

    def reach(self, done: float, *, note: str = "") -> None:
        """Say how much is done."""
        self.done = done
        now = time.monotonic()
        if self._is_shown and now - self._drawn_at >= EVERY_S:
            self._drawn_at = now
            self._draw(note)

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        if self._is_shown and self._drawn_at:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()

    def _draw(self, note: str) -> None:
        if self.total:
            part = min(1.0, self.done / self.total)
            bar = "█" * round(part * WIDTH)
            shown = f"{bar:░<{WIDTH}} {part:4.0%}"
        else:
            elapsed_s = time.monotonic() - self._began_at
            shown = f"{_amount(self.done, self._unit)}, {elapsed_s:.0f} s"
        line = f"{self._label} {shown} {note}".rstrip()
        width = shutil.get_terminal_size().columns - 1
        sys.stderr.write(f"\r\x1b[K{line[:width]}")
        sys.stderr.flush()


def _amount(count: float, unit: str) -> str:
    if unit == "B":
        return size(count)
    return f"{count:,.0f} {unit}".strip()


def size(count_bytes: float) -> str:
    """Return a number of bytes for people."""
    for name in ("B", "KB", "MB"):
        if count_bytes < 1000:
            return f"{count_bytes:.0f} {name}" if name == "B" else f"{count_bytes:.1f} {name}"
        count_bytes /= 1000
    return f"{count_bytes:.1f} GB"
