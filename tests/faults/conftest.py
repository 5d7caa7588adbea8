"""One server for all faults, and one with two databases; each test has runs of its own and heals behind itself."""

from __future__ import annotations

import itertools
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from apps.operations.engines import prepare_database

from .up import Up
from .workload import Client, Training

_seeds = itertools.count(1)
Start = Callable[..., Training]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The first test of a session also waits for its server's first start, beside whatever else runs."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)
            item.add_marker(pytest.mark.timeout(600))


@contextmanager
def started(home: Path | None = None, *, two_databases: bool = False) -> Iterator[tuple[Up, str]]:
    """A server and a key that may write."""
    folder = home or Path(tempfile.mkdtemp(prefix="isoline-"))
    up = Up(folder / "home")
    try:
        up.start()
        if two_databases:
            prepare_database(up.layout, "metrics")
            assert up.stop() == 0
            up.use_metrics_database("metrics")
            up.start()
        slug = up.command("create_user", "--email", "alice@example.org")
        yield up, up.command("create_key", "--email", "alice@example.org", "--team", slug)
    finally:
        up.end()
        if home is None:
            shutil.rmtree(folder, ignore_errors=True)
            up.log.unlink(missing_ok=True)


@pytest.fixture(scope="session")
def one_database() -> Iterator[tuple[Up, str]]:
    with started() as server:
        yield server


@pytest.fixture(scope="session")
def two_databases() -> Iterator[tuple[Up, str]]:
    with started(two_databases=True) as server:
        yield server


@pytest.fixture
def up(one_database: tuple[Up, str]) -> Up:
    up, _ = one_database
    up.wait_ready()
    return up


@pytest.fixture
def key(one_database: tuple[Up, str]) -> str:
    return one_database[1]


@pytest.fixture
def client(up: Up, key: str) -> Client:
    return Client(up, key)


@pytest.fixture
def start(up: Up, key: str) -> Start:
    """Make a training: start(writers=2, rows=40)."""
    return lambda **shape: Training.start(up, key, seed=next(_seeds), **shape)


@pytest.fixture(params=["one_database", "two_databases"])
def start_on_either(request: pytest.FixtureRequest) -> Start:
    """As start, on one database and on two."""
    up, key = request.getfixturevalue(request.param)
    up.wait_ready()
    return lambda **shape: Training.start(up, key, seed=next(_seeds), **shape)
