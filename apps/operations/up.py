"""`manage.py up`: all of Isoline in the foreground, on engines of its own unless told of others.

    home and port are ours → PostgreSQL, Redis → migrations → web, worker, beat → ready → … → stop in order

No Django here, only in the processes it starts.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import fcntl
import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from .engines import (
    Command,
    EngineError,
    postgres_answers,
    postgres_command,
    prepare_database,
    prepare_folder,
    redis_answers,
    redis_command,
    remove_short_path,
    tie_to_parent,
)
from .layout import Layout
from .logs import format_line, is_event
from .supervisor import Service, StopRequested, Supervisor

_MANAGE = Path(__file__).parents[2] / "manage.py"

# Together 30 s: what an orchestrator waits before it kills.
_DRAIN_WEB_S = 12.0
_DRAIN_WORKER_S = 8.0
_DRAIN_ENGINES_S = 9.0

# A web process that ended this often before anything was ready will not get better by itself.
_HOPELESS_FAILURES = 3

# Settings that name an engine which is not ours to start, and the port it has by default.
_ENGINES_OF_ONES_OWN = {"DATABASE_URL": 5432, "METRICS_DATABASE_URL": 5432, "REDIS_URL": 6379}
_REACHED_WITHIN_S = 3.0

_LEVELS = ("debug", "info", "warning", "error")

# Listening there is listening everywhere; asking is then done on this machine's own address.
_EVERY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only if the person says so


class Refused(Exception):
    """Why `up` does not start, in one line."""


def main(argv: list[str]) -> int:
    options = _parse(argv)
    layout = Layout(Path(os.environ["ISOLINE_HOME"]))
    try:
        for name in _ENGINES_OF_ONES_OWN:
            _refuse_unreachable(name)
        with _held_home(layout), _bound_port(options.host, options.port) as listener:
            return _Up(layout, options, listener).run()
    except (Refused, EngineError) as refusal:
        print(f"isoline: {refusal}", file=sys.stderr)
        return 1


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="manage.py up", description="Run all of Isoline in the foreground, until Ctrl-C."
    )
    parser.add_argument(
        "--host", default="127.0.0.1", help="the address to listen on (default: this machine only)"
    )
    parser.add_argument("--port", type=int, default=8000, help="the port to listen on (default: 8000)")
    parser.add_argument(
        "--public-url",
        default=os.environ.get("PUBLIC_URL", ""),
        metavar="URL",
        help="the address others open Isoline by; links are made from it",
    )
    # Taken from the command line before anyone parses it; here so that --help tells of it.
    parser.add_argument(
        "--home", metavar="DIR", help="where everything is kept (default: $ISOLINE_HOME or ~/.isoline)"
    )
    return parser.parse_args(argv)


class _Up:
    """One run of the server, from the first engine to the last."""

    def __init__(self, layout: Layout, options: argparse.Namespace, listener: socket.socket) -> None:
        self.layout = layout
        self.listener = listener
        # Port 0 asks the system for a free one.
        self.host, self.port = options.host, listener.getsockname()[1]
        self.public_url = options.public_url or f"http://{_link_host(self.host)}:{self.port}"
        self.environment = self._environment()
        self.web_names = [f"web {number}" for number in range(1, _web_processes() + 1)]
        # Nonsense in either is refused by the settings, before anything depends on it.
        self.logs_are_json = os.environ.get("LOG_FORMAT", "").lower() == "json"
        level = os.environ.get("LOG_LEVEL", "").lower()
        self.least_level = level if level in _LEVELS else "info"
        self.supervisor = Supervisor(self._say)

    def run(self) -> int:
        try:
            self._start()
            self.supervisor.run()
        except StopRequested:
            pass
        finally:
            self._stop()
        return 0

    def _start(self) -> None:
        prepare_folder(self.layout)
        _make_secret_key(self.layout)
        if not os.environ.get("REDIS_URL"):
            self._start_engine(lambda: redis_command(self.layout), redis_answers)
        if not os.environ.get("DATABASE_URL"):
            self._start_engine(lambda: postgres_command(self.layout), postgres_answers)
            prepare_database(self.layout)
        # A web process takes a second to load and then waits for the migrations by itself.
        self.first_web = self._web(self.web_names[0])
        self.supervisor.start(self.first_web)
        setup_link = self._prepare()
        more_webs = [self._web(name) for name in self.web_names[1:]]
        for service in (*more_webs, self._python("worker"), self._python("beat")):
            self.supervisor.start(service)
        self.supervisor.wait_for(self._is_ready, every_s=0.05)
        print(f"Isoline is ready at http://{self.host}:{self.port}", flush=True)
        if setup_link:
            print(f"Nobody has an account yet. Make the first one at {setup_link}", flush=True)

    def _start_engine(self, command: Callable[[], Command], answers: Callable[[Layout], bool]) -> None:
        first = command()
        service = Service(
            name=first.name,
            start=lambda: command().start(output=subprocess.PIPE),
            stop_signal=first.stop_signal,
            on_line=self._relay(first.name),
        )
        self.supervisor.start(service)

        def has_answered() -> bool:
            if service.failures:
                raise EngineError(f"{service.name} does not start: {' | '.join(service.last_lines)}")
            return answers(self.layout)

        self.supervisor.wait_for(has_answered)

    def _web(self, name: str) -> Service:
        return self._python(name, "web", "--fd", str(self.listener.fileno()))

    def _python(self, name: str, *argv: str) -> Service:
        command = [sys.executable, str(_MANAGE), *(argv or (name,))]

        def start() -> subprocess.Popen[bytes]:
            return subprocess.Popen(
                command,
                cwd=_MANAGE.parent,
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                pass_fds=[self.listener.fileno()] if argv else [],
                start_new_session=True,
                preexec_fn=tie_to_parent(signal.SIGKILL),
            )

        return Service(name=name, start=start, on_line=self._relay(name))

    def _prepare(self) -> str:
        """Check and migrate the databases; return the link to the set-up page while nobody has an account."""
        process = subprocess.Popen(
            [sys.executable, str(_MANAGE), "prepare"],
            cwd=_MANAGE.parent,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=tie_to_parent(signal.SIGKILL),
        )
        assert process.stdout is not None
        with process.stdout as output:
            try:
                self.supervisor.wait_for(lambda: process.poll() is not None)
            finally:
                process.kill()
                process.wait()
            if process.returncode:
                # It has said why.
                raise SystemExit(1)
            return output.read().decode().strip()

    def _is_ready(self) -> bool:
        if self.first_web.failures >= _HOPELESS_FAILURES:
            raise Refused("The web process does not start; its log above says why.")
        host = _EVERY_ADDRESS.get(self.host, self.host)
        try:
            with socket.create_connection((host, self.port), timeout=2) as asker:
                asker.sendall(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                return asker.recv(64).startswith(b"HTTP/1.1 200")
        except OSError:
            return False

    def _stop(self) -> None:
        """Nothing new comes in; what is under way is finished; then what it stood on is taken away."""
        self.listener.close()
        self.supervisor.stop(*self.web_names, within_s=_DRAIN_WEB_S)
        self.supervisor.stop("worker", "beat", within_s=_DRAIN_WORKER_S)
        self.supervisor.stop("redis", "postgres", within_s=_DRAIN_ENGINES_S)
        remove_short_path(self.layout)

    def _environment(self) -> dict[str, str]:
        hosts = os.environ.get("ALLOWED_HOSTS", "")
        if self.host not in _EVERY_ADDRESS:
            hosts = f"{hosts},{self.host}"
        return {**os.environ, "PUBLIC_URL": self.public_url, "ALLOWED_HOSTS": hosts}

    def _say(self, process: str, level: str, message: str) -> None:
        if _LEVELS.index(level) >= _LEVELS.index(self.least_level):
            _write(format_line(time.time(), process, level, message, as_json=self.logs_are_json))

    def _relay(self, name: str) -> Callable[[str], None]:
        """Pass on what is an event already; make one of what libraries and engines write their own way."""

        def relay(line: str) -> None:
            if is_event(line):
                _write(line)
            else:
                self._say(name, *_read_engine_line(line))

        return relay


def _refuse_unreachable(name: str) -> None:
    """Raise Refused if nothing listens where the setting points; `prepare` looks closer later.

    A socket's path, in the place of a host or in the query, is left to `prepare` too.
    """
    try:
        url = urlsplit(os.environ.get(name, ""))
        host, port = url.hostname, url.port or _ENGINES_OF_ONES_OWN[name]
    except ValueError:
        return  # The settings say what is wrong with it.
    if not host or "%2f" in host.lower():
        return
    try:
        socket.create_connection((host, port), timeout=_REACHED_WITHIN_S).close()
    except OSError as failure:
        reason = failure.strerror or "nothing answers"
        raise Refused(f"{name} cannot be reached: {host}, port {port}: {reason}.") from None


def _write(line: str) -> None:
    """Log a line. A log that cannot be written (a full disk, a reader that left) must not end what it tells of."""
    with contextlib.suppress(OSError):
        print(line, file=sys.stderr, flush=True)


@contextmanager
def _held_home(layout: Layout) -> Iterator[None]:
    """Make the home and hold it: two servers on one cluster would be the end of it."""
    try:
        layout.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(layout.lock, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as failure:
        raise Refused(f"Cannot write to the home {layout.home}: {failure.strerror}.") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 100).decode().strip()
        os.close(lock)
        raise Refused(f"Isoline already runs on the home {layout.home} (process {holder}).") from None
    try:
        os.ftruncate(lock, 0)
        os.write(lock, f"{os.getpid()}\n".encode())
        yield
    finally:
        os.close(lock)


@contextmanager
def _bound_port(host: str, port: int) -> Iterator[socket.socket]:
    """Listen before anything else is started. The socket outlives every web process: none is ever missed."""
    listener: socket.socket | None = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2048)
    except (OSError, OverflowError) as failure:
        if listener:
            listener.close()
        if isinstance(failure, OSError) and failure.errno == errno.EADDRINUSE:
            raise Refused(f"Port {port} on {host} is in use; choose another with --port.") from None
        reason = failure.strerror if isinstance(failure, OSError) else failure
        raise Refused(f"Cannot listen on {host}, port {port}: {reason}.") from None
    with contextlib.closing(listener):
        yield listener


def _make_secret_key(layout: Layout) -> None:
    """The first start makes the key that signs sessions; nobody else ever has the same."""
    if os.environ.get("SECRET_KEY"):
        return
    with contextlib.suppress(FileExistsError):
        key_file = os.open(layout.secret_key, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(key_file, "w") as file:
            file.write(f"{secrets.token_urlsafe(64)}\n")


def _web_processes() -> int:
    asked = os.environ.get("WEB_PROCESSES", "").strip() or "2"
    if not asked.isdecimal() or not 1 <= int(asked) <= 64:
        raise Refused(f"WEB_PROCESSES must lie between 1 and 64, not {asked!r}.")
    return int(asked)


def _link_host(host: str) -> str:
    if host in _EVERY_ADDRESS or host in _EVERY_ADDRESS.values():
        return "localhost"
    return f"[{host}]" if ":" in host else host


def _read_engine_line(line: str) -> tuple[str, str]:
    """Return level and message of what PostgreSQL or Redis wrote, without their own time stamps."""
    if postgres := re.match(r"(?:\S+ \S+ \S+ \[\d+\] )?(LOG|WARNING|ERROR|FATAL|PANIC): +(.*)", line):
        if "the database system is starting up" in postgres[2]:
            # The answer to our own question whether it is there yet.
            return "debug", postgres[2]
        return {"LOG": "info", "WARNING": "warning"}.get(postgres[1], "error"), postgres[2]
    if redis := re.match(r"\d+:\w \d+ \w+ \d+ [\d:.]+ ([.*#-]) (.*)", line):
        # Redis calls its greetings warnings as well.
        return "warning" if re.match("WARNING|Fatal|Error|Can't|Out Of|Failed", redis[2]) else "debug", redis[
            2
        ]
    return "info", line
