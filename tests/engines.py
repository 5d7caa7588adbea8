"""Real engines for the tests: one PostgreSQL and one Redis per test process, made anew, gone at its end.

A pytest plugin (`-p tests.engines` in pyproject.toml), because settings must find the engines when
pytest-django loads them. Tables are migrated by the owner role and used by the application role, as in
production. With `--metrics-database=own` the engine's tables live in a second database.

Several test processes may run beside one another: each has a home, engines and databases of its own.
"""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.operations.engines import (
    Command,
    postgres_answers,
    postgres_command,
    prepare_database,
    prepare_folder,
    redis_answers,
    redis_command,
    remove_short_path,
)
from apps.operations.layout import APPLICATION_ROLE, OWNER_ROLE, Layout

# A crash of the machine may take the tests' data with it; a crash of PostgreSQL may not, even so.
_FASTER = {
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "128MB",
    "autovacuum_naptime": "60s",
    "max_connections": "60",
}


class TestEngines:
    """The engines of this process, and what a fault test may do to them."""

    __test__ = False

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def start(self) -> None:
        prepare_folder(self.layout)
        self.start_redis()
        self.start_postgres()
        prepare_database(self.layout)

    def start_postgres(self) -> None:
        self._start(postgres_command(self.layout, settings=_FASTER), postgres_answers)

    def start_redis(self) -> None:
        self._start(redis_command(self.layout), redis_answers)

    def stop_postgres(self) -> None:
        """An immediate stop: no checkpoint, the next start recovers."""
        self._stop("postgres", signal.SIGQUIT)

    def stop_redis(self) -> None:
        self._stop("redis", signal.SIGKILL)

    def remove(self) -> None:
        for name, stop in (("postgres", signal.SIGQUIT), ("redis", signal.SIGKILL)):
            self._stop(name, stop)
        remove_short_path(self.layout)
        shutil.rmtree(self.layout.home, ignore_errors=True)

    def _start(self, command: Command, answers: Callable[[Layout], bool]) -> None:
        log = self.layout.home / f"{command.name}.log"
        with log.open("ab") as output:
            process = command.start(output=output.fileno())
        self._processes[command.name] = process
        deadline = time.monotonic() + 30
        while not answers(self.layout):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"{command.name} did not start:\n{log.read_text()[-2000:]}")
            time.sleep(0.02)

    def _stop(self, name: str, with_signal: signal.Signals) -> None:
        process = self._processes.pop(name, None)
        if process:
            process.send_signal(with_signal)
            process.wait(timeout=30)


_engines: TestEngines | None = None


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--metrics-database",
        choices=["shared", "own"],
        default="shared",
        help="whether the metric engine has a database of its own",
    )


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_load_initial_conftests(
    early_config: pytest.Config, parser: pytest.Parser, args: list[str]
) -> Generator[None, None, None]:
    """Start the engines before pytest-django reads the settings. Wrappers go first."""
    global _engines
    options = parser.parse_known_args(args)
    home = Path(tempfile.mkdtemp(prefix="isoline-test-"))
    _engines = TestEngines(Layout(home))
    # SIGTERM ends a test run as Ctrl-C does: with its engines.
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    atexit.register(_engines.remove)
    _set_environment(home, own_metrics_database=options.metrics_database == "own")
    _engines.start()
    return (yield)


def pytest_unconfigure(config: pytest.Config) -> None:
    if _engines:
        _engines.remove()


def _set_environment(home: Path, *, own_metrics_database: bool) -> None:
    """The settings' view of a deployment, whatever the developer's shell says."""
    for name in (
        "DATABASE_URL",
        "METRICS_DATABASE_URL",
        "REDIS_URL",
        "BLOB_URL",
        "PUBLIC_URL",
        "ALLOWED_HOSTS",
    ):
        os.environ.pop(name, None)
    os.environ["ISOLINE_HOME"] = str(home)
    os.environ["SECRET_KEY"] = "only-for-tests-" + home.name * 4
    if own_metrics_database:
        # Redirected, like the main one, once its database has been made.
        os.environ["METRICS_DATABASE_URL"] = Layout(home).database_url(APPLICATION_ROLE, "metrics")


@pytest.fixture(scope="session")
def engines() -> TestEngines:
    """For tests that stop and start the engines themselves; they leave them running."""
    assert _engines is not None
    return _engines


@contextmanager
def as_owner(alias: str = "default") -> Iterator[None]:
    """Let a connection be the role that migrates, for as long as this lasts."""
    from django.db import connections

    connection = connections[alias]
    connection.close()
    connection.settings_dict["USER"] = OWNER_ROLE
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict["USER"] = APPLICATION_ROLE
