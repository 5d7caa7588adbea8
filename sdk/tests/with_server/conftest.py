"""A real server for these tests: `manage.py up` in a home of its own, started once."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import isoline
from isoline import Api
from isoline._client import Client
from tests.conftest import eventually

ROOT = Path(__file__).parents[3]
START_TIMEOUT_S = 120.0
_OURS = re.compile(r"ISOLINE_|DJANGO_|.*DATABASE_.*URL$|(REDIS|BLOB|PUBLIC)_URL$|SECRET_KEY$")


class Up:
    """A server that can be stopped and started again, and a key of alice's team, its only one, that may write."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.url = ""
        self.key = ""
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    def start(self) -> None:
        """Start it and wait until it is ready. Started again, it has the port it had."""
        port = self.url.rpartition(":")[2] or "0"
        with (self.home / "log").open("a") as log:
            self._process = subprocess.Popen(
                [_python(), "manage.py", "up", "--home", str(self.home), "--port", port],
                cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=log, text=True,
            )  # fmt: skip
        said: list[str] = []
        self._reader = threading.Thread(target=_read, args=(self._process.stdout, said), daemon=True)
        self._reader.start()
        process = self._process
        eventually(
            lambda: any("is ready at" in line for line in said) or process.poll() is not None,
            timeout_s=START_TIMEOUT_S,
        )
        ready = [line for line in said if "is ready at" in line]
        assert ready, (self.home / "log").read_text()
        self.url = ready[0].rsplit(" ", 1)[1]

    def stop(self) -> None:
        """Stop it as an administrator would."""
        assert self._process is not None
        assert self._process.stdout is not None
        assert self._reader is not None
        self._process.terminate()
        self._process.wait(45)
        self._reader.join(5)
        self._process.stdout.close()

    def manage(self, *argv: str) -> str:
        return _manage(*argv, "--home", str(self.home))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first of these tests waits for the server to start, which a busy machine takes its time for."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.timeout(180))


@pytest.fixture(scope="session")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Up]:
    if not (ROOT / "manage.py").exists():
        pytest.skip("the server is not beside the client: these tests run in its repository")
    server = Up(tmp_path_factory.mktemp("home"))
    try:
        server.start()
        server.manage("create_user", "--email", "alice@example.org")
        server.key = server.manage("create_key", "--email", "alice@example.org", "--team", "alice")
        yield server
    finally:
        server.stop()


@pytest.fixture(autouse=True)
def signed_in(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, home: Path) -> None:
    """What every test here begins with: the server and the key in the environment, a spool of its own."""
    up: Up = request.getfixturevalue("up")
    monkeypatch.setenv("ISOLINE_URL", up.url)
    monkeypatch.setenv("ISOLINE_API_KEY", up.key)
    monkeypatch.setenv("ISOLINE_SPOOL", str(home / "spool"))
    monkeypatch.setenv("ISOLINE_QUIET", "1")
    monkeypatch.setenv("ISOLINE_CODE", "0")
    monkeypatch.setenv("ISOLINE_SYSTEM", "0")
    monkeypatch.setenv("ISOLINE_CONSOLE", "0")


@pytest.fixture
def api(up: Up) -> Iterator[Api]:
    with Api(up.url, up.key) as opened:
        yield opened


@pytest.fixture
def client(up: Up) -> Iterator[Client]:
    opened = Client(up.url, up.key)
    yield opened
    opened.close()


@pytest.fixture
def project() -> str:
    """A project of the test's own."""
    return f"p{uuid.uuid4().hex[:12]}"


def logged(project: str, *rows: dict[str, Any], **options: Any) -> str:
    """Log a finished run and return its path."""
    run = isoline.init(project=project, **options)
    for row in rows:
        run.log(row)
    assert run.finish()
    return f"alice/{project}/{run.id}"


def _python() -> str:
    # The client's own environment need not have the server's libraries.
    if importlib.util.find_spec("django"):
        return sys.executable
    beside = ROOT / ".venv" / "bin" / "python"
    if not beside.exists():
        pytest.skip("the server's libraries are not installed: `make install`")
    return str(beside)


def _environment() -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if not _OURS.match(name)}
    return {**ours, "WEB_PROCESSES": "1", "WORKER_PROCESSES": "1"}


def _manage(*argv: str) -> str:
    done = subprocess.run(
        [_python(), "manage.py", *argv], cwd=ROOT, env=_environment(), stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    return done.stdout.strip()


def _read(stream: Any, said: list[str]) -> None:
    for line in stream:
        said.append(line.rstrip("\n"))  # noqa: PERF401 - whoever waits sees each line at once
