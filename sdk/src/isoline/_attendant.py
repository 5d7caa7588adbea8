"""The thread beside a training: syncs the spool, watches disk and sender, samples the system.

Nothing here is needed for a record to be safe from a kill; it may be late, or never run.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import NamedTuple

PULSE_S = 1.0


class Duty(NamedTuple):
    """Something to be done every so many seconds. It may raise nothing that it does not want swallowed."""

    every_s: float
    act: Callable[[], None]


class Attendant:
    """Runs duties in a daemon thread, each at its own pace, the first time at once."""

    def __init__(self, duties: list[Duty], *, on_fault: Callable[[Exception], None]) -> None:
        self._duties = duties
        self._on_fault = on_fault
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="isoline", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the duty under way for at most a second."""
        self._stop.set()
        if self._thread is not threading.current_thread():
            self._thread.join(timeout=1.0)

    def _run(self) -> None:
        due = dict.fromkeys(range(len(self._duties)), 0.0)
        while not self._stop.is_set():
            for index, duty in enumerate(self._duties):
                now = time.monotonic()
                if now < due[index] or self._stop.is_set():
                    continue
                due[index] = now + duty.every_s
                try:
                    duty.act()
                except Exception as error:  # the thread must go on for the other duties
                    self._on_fault(error)
            self._stop.wait(PULSE_S)
