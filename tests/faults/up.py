"""A real `manage.py up` in a home of its own, and what a fault may do to its processes."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg

from apps.operations.layout import APPLICATION_ROLE, DATABASE_NAME, OWNER_ROLE, Layout

ROOT = Path(__file__).parents[2]
_DEPLOYMENT = {
    "ALLOWED_HOSTS",
    "BLOB_URL",
    "DATABASE_URL",
    "DJANGO_SETTINGS_MODULE",
    "ISOLINE_HOME",
    "ISOLINE_PROCESS",
    "METRICS_DATABASE_URL",
    "PUBLIC_URL",
    "REDIS_URL",
    "SECRET_KEY",
}


def wait_until(condition: Callable[[], Any], *, within_s: float, what: str) -> Any:
    """Return the first true answer. Raises AssertionError after the deadline."""
    deadline = time.monotonic() + within_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"{what} did not happen within {within_s:.0f} s"
        time.sleep(0.02)
    return answer


class Up:
    """environment: settings on top of an environment without any."""

    def __init__(self, home: Path, environment: dict[str, str] | None = None) -> None:
        self.home = home
        self.layout = Layout(home)
        bare = {name: value for name, value in os.environ.items() if name not in _DEPLOYMENT}
        self.environment = {**bare, **(environment or {})}
        self.host, self.port = "127.0.0.1", 0
        self.ready_after_s = 0.0
        self.metrics_database = DATABASE_NAME
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> Path:
        return self.home.with_suffix(".log")

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self, *, within_s: float = 180) -> None:
        """Start it and wait for the ready line. Started again, it has the port it had."""
        begun = time.monotonic()
        with self.log.open("ab") as log:
            start = log.tell()
            self._process = subprocess.Popen(
                [sys.executable, "manage.py", "up", "--port", str(self.port), "--home", str(self.home)],
                cwd=ROOT,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        ready = re.compile(rb"Isoline is ready at http://([^:]+):(\d+)")

        def found() -> re.Match[bytes] | None:
            said = self.log.read_bytes()[start:]
            assert self._process is not None
            assert self._process.poll() is None, f"`up` ended:\n{said.decode(errors='replace')[-3000:]}"
            return ready.search(said)

        match = wait_until(found, within_s=within_s, what="the ready line")
        self.host, self.port = match[1].decode(), int(match[2])
        self.ready_after_s = time.monotonic() - begun

    def wait_ready(self, *, within_s: float = 180) -> None:
        """Wait until all is healed: /readyz answers 200 and every kind of process runs."""

        def is_ready() -> bool:
            try:
                with urllib.request.urlopen(f"http://{self.host}:{self.port}/readyz", timeout=2) as answer:
                    kinds = ("web", "worker", "beat", "postgres", "redis")
                    return bool(answer.status == 200) and all(self.processes(kind) for kind in kinds)
            except OSError:
                return False

        wait_until(is_ready, within_s=within_s, what="readiness")

    def use_metrics_database(self, name: str) -> None:
        """Give the engine a database of its own, from the next start on."""
        self.metrics_database = name
        self.environment["METRICS_DATABASE_URL"] = self.layout.database_url(APPLICATION_ROLE, name)
        self.environment["METRICS_DATABASE_OWNER_URL"] = self.layout.database_url(OWNER_ROLE, name)

    def stop(self, *, within_s: float = 40) -> int:
        """SIGTERM, as an operator would; return the exit code."""
        assert self._process is not None
        family = self.family()
        self._process.terminate()
        code = self._process.wait(timeout=within_s)
        left = [process for process in family if process.is_running() and not _is_zombie(process)]
        assert not left, f"`up` left processes behind: {left}"
        return code

    def end(self) -> None:
        """Leave nothing running, however things stand."""
        if self._process and self._process.poll() is None:
            family = self.family()
            self._process.terminate()
            try:
                self._process.wait(timeout=40)
            except subprocess.TimeoutExpired:
                for process in family:
                    _signal(process, signal.SIGKILL)
                self._process.wait(timeout=10)

    def command(self, *argv: str) -> str:
        """Run a management command beside the running server and return what it printed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *argv, "--home", str(self.home)],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    # processes

    def family(self) -> list[psutil.Process]:
        """The supervisor and all below it."""
        try:
            supervisor = psutil.Process(self.pid)
            return [supervisor, *supervisor.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def processes(self, kind: str) -> list[psutil.Process]:
        """kind: web, worker (with its pool), beat, postgres (the postmaster), redis."""
        return [process for process in self.family()[1:] if kind in _kinds(process)]

    def signal(self, kind: str, number: signal.Signals) -> list[psutil.Process]:
        """Send a signal to all processes of a kind at once; return them."""
        victims = self.processes(kind)
        assert victims, f"no {kind} runs"
        for process in victims:
            _signal(process, number)
        return victims

    def kill(self, kind: str) -> None:
        """SIGKILL, and wait until each is gone; the supervisor starts new ones."""
        victims = self.signal(kind, signal.SIGKILL)
        wait_until(
            lambda: not any(process.is_running() and not _is_zombie(process) for process in victims),
            within_s=10,
            what=f"the end of {kind}",
        )

    # the database, from outside the server

    @contextmanager
    def database(self, name: str = DATABASE_NAME) -> Iterator[psycopg.Connection[Any]]:
        """A superuser's connection: for locks that stop a statement, and for looking on."""
        folder = str(self.layout.sockets)
        with psycopg.connect(
            host=folder, user="postgres", dbname=name, autocommit=True, connect_timeout=10
        ) as connection:
            yield connection

    @contextmanager
    def held(self, lock: str, *values: Any, database: str | None = None) -> Iterator[psycopg.Connection[Any]]:
        """Hold what a statement locks until left: who needs it waits in the middle of its work."""
        with self.database(database or self.metrics_database) as connection, connection.transaction():
            connection.execute(lock, values)
            yield connection

    def wait_blocked(self, text: str, *, within_s: float = 30) -> list[int]:
        """Wait until backends wait for a lock in a statement that holds `text`; return them."""

        def blocked() -> list[int]:
            with self.database() as connection:
                rows = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                    " AND position(%s in query) > 0 AND pid <> pg_backend_pid()",
                    [text],
                ).fetchall()
            return [pid for (pid,) in rows]

        return list(wait_until(blocked, within_s=within_s, what=f"waiting in {text!r}"))

    def terminate(self, backends: list[int]) -> None:
        """End backends whose client is dead: PostgreSQL would notice only after their statement."""
        with self.database() as connection:
            connection.execute("SELECT pg_terminate_backend(pid, 5000) FROM unnest(%s) AS pid", [backends])


def _kinds(process: psutil.Process) -> set[str]:
    try:
        argv = process.cmdline()
        name = process.name()
    except (psutil.NoSuchProcess, psutil.AccessDenied):
        return set()
    words = {Path(word).name for word in argv[:3]}
    kinds = {kind for kind in ("web", "worker", "beat") if "manage.py" in words and kind in argv}
    if any(word.startswith(("redis-server", "valkey-server")) for word in words) or "redis" in name:
        kinds.add("redis")
    if "postgres" in words and "-D" in argv:
        kinds.add("postgres")
    return kinds


def _is_zombie(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with suppress(psutil.NoSuchProcess):
        process.send_signal(number)
