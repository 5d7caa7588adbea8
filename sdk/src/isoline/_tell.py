"""What is said to the person at the terminal: short lines on the standard error stream, beside the captured
one.
"""

from __future__ import annotations

import sys
import threading


class Teller:
    """Says things; each warning once."""

    def __init__(self, *, is_quiet: bool) -> None:
        self._is_quiet = is_quiet
        self._said: set[str] = set()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        """Print a line, unless quiet."""
        if not self._is_quiet:
            _print(text)

    def warn(self, text: str, *, once: str | None = None) -> None:
        """Print a line, quiet or not.

        once: a word for the matter; the second warning of the same matter is swallowed.
        """
        if once is not None:
            with self._lock:
                if once in self._said:
                    return
                self._said.add(once)
        _print(text)


def _print(text: str) -> None:
    stream = sys.__stderr__
    if stream is None:
        return
    try:
        stream.write(f"isoline: {text}\n")
        stream.flush()
    except (OSError, ValueError):
        return  # the terminal has gone; there is nobody to tell
