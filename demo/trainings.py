"""Which trainings the demo runs, and running them: each a process of its own, a few at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from .server import ROOT

AT_ONCE = 3
SEEDS = 5
DIGITS_RATES = (0.003, 0.02, 0.2, 1.0)
BREAST_CANCER_RATES = (0.0001, 0.001, 0.03, 3.0)
# One at which a network without a limit to its activations is thrown off after a hundred iterations.
DIVERGING_RATE = 0.42

_ENDS_WITHIN_S = 10


@dataclass(frozen=True)
class Training:
    project: str
    argv: tuple[str, ...]
    is_to_fail: bool = False


def plan(round_number: int, *, share: float) -> list[Training]:
    """Return what is trained in a round. Each round has seeds of its own, so that groups grow.

    share: of the whole work, in (0, 1].
    """
    count = max(1, round(SEEDS * share))
    seeds = range(SEEDS * (round_number - 1) + 1, SEEDS * (round_number - 1) + 1 + count)
    trainings = []
    if round_number == 1:
        steps = str(round(2_000_000 * share))
        trainings.append(Training("breast-cancer", ("demo.one_at_a_time", "--steps", steps)))
    diverging = ("--rate", str(DIVERGING_RATE), "--activation", "identity", "--seed", str(seeds[0]))
    trainings.append(Training("digits", ("demo.digits", *diverging), is_to_fail=True))
    for seed in map(str, seeds):
        for digits_rate, cancer_rate in zip(DIGITS_RATES, BREAST_CANCER_RATES, strict=True):
            epochs = str(max(2, round(40 * share)))
            digits = ("demo.digits", "--rate", str(digits_rate), "--seed", seed, "--epochs", epochs)
            trainings.append(Training("digits", digits))
            epochs = str(max(2, round(80 * share)))
            cancer = ("demo.breast_cancer", "--rate", str(cancer_rate), "--seed", seed, "--epochs", epochs)
            trainings.append(Training("breast-cancer", cancer))
    return trainings


class Runner:
    """Runs trainings one after another, AT_ONCE beside one another."""

    def __init__(self, trainings: list[Training], *, url: str, key: str, team: str, folder: Path) -> None:
        self.waiting = list(trainings)
        self.running: list[tuple[Training, subprocess.Popen[bytes]]] = []
        self.done: list[tuple[Training, int]] = []
        self._spool = folder / "spool"
        self._log = folder / "trainings.log"
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ISOLINE_")},
            # The client of this very clone; elsewhere it is `pip install isoline`.
            "PYTHONPATH": os.pathsep.join((str(ROOT / "sdk" / "src"), str(ROOT))),
            "ISOLINE_URL": url,
            "ISOLINE_API_KEY": key,
            "ISOLINE_TEAM": team,
            "ISOLINE_SPOOL": str(self._spool),
            "ISOLINE_SYSTEM_INTERVAL_S": "2",
            "ISOLINE_QUIET": "1",
            # Three small trainings share a laptop with a server: one thread each is fastest.
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }

    def turn(self) -> None:
        """Note who has ended, and start who is next. Call it now and then."""
        for training, process in list(self.running):
            if process.poll() is not None:
                self.running.remove((training, process))
                self.done.append((training, process.returncode))
        while self.waiting and len(self.running) < AT_ONCE:
            training = self.waiting.pop(0)
            with self._log.open("ab") as log:
                process = subprocess.Popen(
                    [sys.executable, "-m", *training.argv],
                    cwd=ROOT,
                    env=self._environment,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )
            self.running.append((training, process))

    def stop(self) -> None:
        """Interrupt what runs, as Ctrl+C would, so that it says how it ended; then end its sender."""
        self.waiting.clear()
        for _, process in self.running:
            process.send_signal(signal.SIGINT)
        deadline = time.monotonic() + _ENDS_WITHIN_S
        for _, process in self.running:
            try:
                process.wait(timeout=max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        for sender in self._senders():
            with suppress(psutil.NoSuchProcess):
                sender.terminate()
        _, left = psutil.wait_procs(self._senders(), timeout=_ENDS_WITHIN_S)
        for sender in left:
            with suppress(psutil.NoSuchProcess):
                sender.kill()

    def _senders(self) -> list[psutil.Process]:
        """The process that delivers what our trainings have spooled: it outlives each of them."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                argv = process.cmdline()
                if "isoline._sender" in argv and str(self._spool) in argv:
                    found.append(process)
        return found
