"""Capturing what a program prints, line by line, with progress bars collapsed.

A line of the log is replaced as long as the program goes back to it (carriage return, cursor up), as on a
terminal: a progress bar of ten thousand updates is one line in the log.
"""

from __future__ import annotations

import re
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO

from isoline._secrets import mask_text
from isoline._values import clean_text

LINE_MAX_CHARACTERS = 10_000

# How far up a program may go back: more bars than that nobody can watch.
REACH_LINES = 64

_TOKENS = re.compile(
    r"\r\n|\n|\r|\x1b\[(?P<up>\d*)A|\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-_])"
)

Line = dict[str, Any]


class LineAssembler:
    """Turns pieces of output into numbered lines. Plain arithmetic; not safe for threads."""

    def __init__(self, source: str) -> None:
        """
        source: `stdout` or `stderr`.
        """
        self._source = source
        self._row = 0
        self._lines: dict[int, str] = {0: ""}
        self._dirty: dict[int, int] = {}
        self._is_fresh = False
        self.is_settled = True

    def feed(self, text: str, time_us: int) -> None:
        """Take output.

        Afterwards `is_settled` says whether everything dirty is complete lines that will hardly change.
        """
        position = 0
        self.is_settled = True
        for found in _TOKENS.finditer(text):
            self._put(text[position : found.start()], time_us)
            position = found.end()
            piece = found.group()
            if piece in ("\n", "\r\n"):
                self._move_to(self._row + 1)
            elif piece == "\r":
                self._is_fresh = True
                self.is_settled = False
            elif found["up"] is not None:
                self._move_to(max(self._row - int(found["up"] or 1), min(self._lines)))
                self._is_fresh = True
                self.is_settled = False
        self._put(text[position:], time_us)
        if self._row in self._dirty:
            self.is_settled = False

    def take(self) -> list[Line]:
        """Return the lines that have changed since the last call."""
        changed = [
            {"n": number, "time": time_us, "fd": self._source, "text": self._lines.get(number, "")}
            for number, time_us in sorted(self._dirty.items())
        ]
        self._dirty = {}
        for number in [number for number in self._lines if number < self._row - REACH_LINES]:
            del self._lines[number]
        return changed

    def _put(self, text: str, time_us: int) -> None:
        if not text:
            return
        before = "" if self._is_fresh else self._lines.get(self._row, "")
        self._is_fresh = False
        self._lines[self._row] = (before + text)[:LINE_MAX_CHARACTERS]
        self._dirty[self._row] = time_us

    def _move_to(self, row: int) -> None:
        if row not in self._lines:
            self._lines[row] = ""
        if row > self._row and self._row not in self._dirty and not self._lines.get(self._row):
            # An empty line is a line as well.
            self._dirty[self._row] = time.time_ns() // 1000
        self._row = row
        self._is_fresh = False


class Capture:
    """Stands in for `sys.stdout` and `sys.stderr` from `start` to `stop`, and passes everything on."""

    def __init__(self, send: Callable[[list[Line]], None]) -> None:
        """
        send: takes lines of a console record; called under a lock, from any thread that prints.
        """
        self._send = send
        self._tees: list[tuple[str, _Tee]] = []

    def start(self) -> None:
        """Begin. Output that bypasses Python's streams (other processes, C code) is not seen."""
        for name in ("stdout", "stderr"):
            stream = getattr(sys, name)
            if stream is not None:
                tee = _Tee(stream, LineAssembler(name), self._send)
                setattr(sys, name, tee)
                self._tees.append((name, tee))

    def stop(self) -> None:
        """Give the streams back, where nobody else has replaced them since."""
        for name, tee in self._tees:
            if getattr(sys, name) is tee:
                setattr(sys, name, tee.stream)
            tee.is_open = False
        self.flush()

    def after_fork(self) -> None:
        """In a forked child: another thread of the parent's may have held a lock."""
        for _, tee in self._tees:
            tee.free()

    def flush(self) -> None:
        """Send what has changed: unfinished lines, and bars on their way."""
        for _, tee in self._tees:
            tee.send_lines()


class _Tee:
    def __init__(self, stream: TextIO, assembler: LineAssembler, send: Callable[[list[Line]], None]) -> None:
        self.stream = stream
        self.is_open = True
        self._assembler = assembler
        self._send = send
        self.free()

    def free(self) -> None:
        # Reentrant: sending may print, and a signal handler may print in the middle of a print.
        self._lock = threading.RLock()
        self._is_busy = False

    def write(self, text: str) -> int:
        count = self.stream.write(text)
        if self.is_open and isinstance(text, str):
            with self._lock:
                if not self._is_busy:
                    self._assembler.feed(text, time.time_ns() // 1000)
                    if self._assembler.is_settled:
                        self.send_lines()
        return count

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def send_lines(self) -> None:
        with self._lock:
            if self._is_busy:
                return
            self._is_busy = True
            try:
                lines = self._assembler.take()
                for line in lines:
                    line["text"] = mask_text(clean_text(line["text"]))
                if lines:
                    self._send(lines)
            finally:
                self._is_busy = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self.stream, name)
