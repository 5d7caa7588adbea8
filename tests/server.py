"""A real `manage.py up` for tests that need whole processes: started in a home of its own, killed at will."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import psutil

ROOT = Path(__file__).parent.parent


def environment(**more: str) -> dict[str, str]:
    """The developer's shell without its Isoline: a server under test starts from nothing."""
    ours = re.compile(
        r"ISOLINE_|DJANGO_|PYTEST_|.*DATABASE_.*URL$|(REDIS|BLOB|PUBLIC)_URL$|SECRET_KEY$|ALLOWED_HOSTS$"
    )
    return {**{name: value for name, value in os.environ.items() if not ours.match(name)}, **more}


def wait_until(condition: Callable[[], Any], *, timeout_s: float = 30, what: str = "") -> Any:
    """Return the condition's first true value. Fails the test if none comes in time."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if value := condition():
            return value
        time.sleep(0.05)
    raise AssertionError(f"not within {timeout_s} s: {what or condition}")


class Server:
    """`up` on a free port; entered, it waits for the ready line. out, err: its lines so far."""

    def __init__(self, home: Path, *options: str, **more: str) -> None:
        self.home = home
        self.out: list[str] = []
        self.err: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "manage.py", "up", "--home", str(home), "--port", "0", *options],
            cwd=ROOT,
            env=environment(**more),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._readers = [
            threading.Thread(target=self._read, args=(stream, lines), daemon=True)
            for stream, lines in ((self.process.stdout, self.out), (self.process.stderr, self.err))
        ]
        for reader in self._readers:
            reader.start()

    def wait_until_ready(self) -> Server:
        wait_until(lambda: self.url or self.process.poll() is not None, timeout_s=60, what="the ready line")
        assert self.url, "\n".join(self.err)
        return self

    @property
    def url(self) -> str:
        return next((line.rsplit(" ", 1)[1] for line in list(self.out) if "is ready at" in line), "")

    def pids(self) -> dict[str, int]:
        """The newest process of each service, by its name in the logs."""
        starts = (
            re.match(r"\S+ (\S+(?: \d)?) +info +starts as process (\d+)$", line) for line in list(self.err)
        )
        return {start[1]: int(start[2]) for start in starts if start}

    def kill(self, name: str) -> int:
        """kill -9 a service; return the process that was."""
        pid = self.pids()[name]
        os.kill(pid, signal.SIGKILL)
        return pid

    def wait_for_successor(self, name: str, pid: int) -> int:
        wait_until(lambda: self.pids()[name] != pid, what=f"a new {name}")
        return self.pids()[name]

    def processes(self) -> list[psutil.Process]:
        """Itself and everything it has started."""
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def manage(self, *argv: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Run a command beside it."""
        return manage(*argv, "--home", str(self.home), stdin=stdin)

    def get(self, path: str, **options: Any) -> httpx.Response:
        return httpx.get(self.url + path, timeout=15, **options)

    def is_ready(self) -> bool:
        try:
            return self.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> int:
        """SIGTERM, and wait for the end."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=45)
        for reader in self._readers:
            reader.join(timeout=5)
        return code

    def __enter__(self) -> Server:
        try:
            return self.wait_until_ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(self, *failure: object) -> None:
        self.stop()

    @staticmethod
    def _read(stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                lines.append(line.rstrip("\n"))  # noqa: PERF401 - whoever waits sees each line at once


def manage(*argv: str, stdin: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *argv],
        cwd=ROOT,
        env=environment(**more),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
    )
