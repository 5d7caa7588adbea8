"""Keeps processes running: starts them, starts them again when they die, stops them in order.

One thread and one loop: processes are tied to the thread that started them (PR_SET_PDEATHSIG), so that
none outlives a supervisor that was killed. No Django here: this process lives as long as the server.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from types import FrameType

# A process that lived this long was healthy: its end is an accident, not a fault of its start.
_HEALTHY_AFTER_S = 10.0
_LONGEST_PAUSE_S = 30.0

Say = Callable[[str, str, str], None]


class StopRequested(Exception):
    """SIGTERM or SIGINT came while something was being waited for."""


@dataclass
class Service:
    """A process that is to run all the time.

    start: makes the process; asked again each time it died.
    stop_signal: what asks it to end in good order.
    on_line: hears each line it writes, if its output is a pipe.
    """

    name: str
    start: Callable[[], subprocess.Popen[bytes]]
    stop_signal: signal.Signals = signal.SIGTERM
    on_line: Callable[[str], None] | None = None

    process: subprocess.Popen[bytes] | None = None
    last_lines: deque[str] = field(default_factory=lambda: deque(maxlen=5))
    # How often in a row it has ended soon after its start.
    failures: int = 0
    _started_at_s: float = 0.0
    _start_again_at_s: float | None = None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None


class Supervisor:
    """say(process, level, message): where news of the processes goes."""

    def __init__(self, say: Say) -> None:
        self._say = say
        self._services: list[Service] = []
        self._selector = selectors.DefaultSelector()
        self._stop_requested = False
        # A signal that arrives while we wait for pipes has to wake us.
        self._wake_reader, self._wake_writer = socket.socketpair()
        for end in (self._wake_reader, self._wake_writer):
            end.setblocking(False)
        self._selector.register(self._wake_reader, selectors.EVENT_READ, self._drain_wakes)
        signal.set_wakeup_fd(self._wake_writer.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, self._on_stop)
        signal.signal(signal.SIGINT, self._on_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def start(self, service: Service) -> None:
        """Start a service and watch it from now on."""
        self._services.append(service)
        self._launch(service)

    def wait_for(self, condition: Callable[[], bool], *, every_s: float = 0.03) -> None:
        """Look after the services until the condition holds.

        Raises StopRequested if that is asked for first.
        """
        while not condition():
            self._turn(every_s)
            if self._stop_requested:
                raise StopRequested

    def run(self) -> None:
        """Look after the services until SIGTERM or SIGINT."""
        while not self._stop_requested:
            self._turn(self._pause_s())

    def stop(self, *names: str, within_s: float) -> None:
        """Ask services to end, at the same time; kill what has not ended by then. Unknown names are fine."""
        leaving = [service for service in self._services if service.name in names]
        self._services = [service for service in self._services if service not in leaving]
        for service in leaving:
            if service.is_running and service.process:
                service.process.send_signal(service.stop_signal)
        deadline = time.monotonic() + within_s
        while any(service.is_running for service in leaving) and time.monotonic() < deadline:
            self._turn(0.05)
        for service in leaving:
            if service.is_running:
                self._say(service.name, "warning", f"has not ended within {within_s:.0f} s and is killed")
            self._kill_group(service)
            self._forget_output(service)

    def _turn(self, timeout_s: float) -> None:
        """Read what the processes say, notice who died, start whose pause is over."""
        for key, _ in self._selector.select(timeout_s):
            key.data()
        for service in self._services:
            if service.process and service.process.poll() is not None:
                self._on_death(service, service.process)
            if service._start_again_at_s is not None and time.monotonic() >= service._start_again_at_s:
                service._start_again_at_s = None
                self._launch(service)

    def _pause_s(self) -> float:
        due = [
            service._start_again_at_s for service in self._services if service._start_again_at_s is not None
        ]
        return max(0.0, min(due, default=float("inf")) - time.monotonic()) if due else 60.0

    def _launch(self, service: Service) -> None:
        service._started_at_s = time.monotonic()
        try:
            service.process = service.start()
        except Exception as failure:  # an engine's folder may be damaged: said, and tried again
            service.process = None
            self._schedule(service, f"could not be started: {failure}")
            return
        self._say(service.name, "info", f"starts as process {service.process.pid}")
        if service.process.stdout:
            os.set_blocking(service.process.stdout.fileno(), False)
            self._selector.register(
                service.process.stdout, selectors.EVENT_READ, _LineReader(self, service, service.process).read
            )

    def _on_death(self, service: Service, process: subprocess.Popen[bytes]) -> None:
        # Whatever the process had started itself must not run beside its successor.
        self._kill_group(service)
        self._forget_output(service)
        service.process = None
        self._schedule(service, f"process {process.pid} {_manner_of_death(process.returncode)}")

    def _schedule(self, service: Service, what_happened: str) -> None:
        """Start it again: at once after an accident, later and later when it fails every time."""
        now_s = time.monotonic()
        lived_s = now_s - service._started_at_s
        service.failures = 0 if lived_s > _HEALTHY_AFTER_S else service.failures + 1
        pause_s = min(_LONGEST_PAUSE_S, 0.25 * 2**service.failures) if service.failures > 1 else 0.0
        when = f"in {pause_s:.0f} s" if pause_s >= 1 else "now"
        self._say(service.name, "error", f"{what_happened}; starting it again {when}")
        service._start_again_at_s = now_s + pause_s

    def _kill_group(self, service: Service) -> None:
        if service.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(service.process.pid, signal.SIGKILL)
            service.process.wait()

    def _forget_output(self, service: Service) -> None:
        output = service.process.stdout if service.process else None
        if output and not output.closed:
            self._selector.unregister(output)
            output.close()

    def _drain_wakes(self) -> None:
        with contextlib.suppress(BlockingIOError):
            self._wake_reader.recv(4096)

    def _on_stop(self, number: int, frame: FrameType | None) -> None:
        self._stop_requested = True


class _LineReader:
    """Cuts what a process writes into lines."""

    def __init__(self, supervisor: Supervisor, service: Service, process: subprocess.Popen[bytes]) -> None:
        self._service = service
        self._process = process
        self._supervisor = supervisor
        self._rest = b""

    def read(self) -> None:
        assert self._process.stdout is not None
        chunk = os.read(self._process.stdout.fileno(), 65536)
        if not chunk:
            self._supervisor._forget_output(self._service)
            return
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            if text:
                self._service.last_lines.append(text)
                if self._service.on_line:
                    self._service.on_line(text)


def _manner_of_death(returncode: int) -> str:
    if returncode < 0:
        return f"was killed by {signal.Signals(-returncode).name}"
    return f"ended with exit code {returncode}"
