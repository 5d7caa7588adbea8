"""What the tests share: a spool, a writer, a server in memory."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from isoline import _delivery, _journal, _spool, _values
from isoline._columns import Limits
from isoline._delivery import Delivery
from isoline._memory import MemoryTransport
from isoline._spool import Manifest, StreamWriter


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def server() -> MemoryTransport:
    return MemoryTransport()


def make_writer(spool: Path, *, run: str = "run", is_primary: bool = True, **options: Any) -> StreamWriter:
    manifest = Manifest(
        stream=str(uuid.uuid4()), server="memory:", project="digits", run=run, is_primary=is_primary
    )
    return StreamWriter.create(spool, manifest, **options)


def log(writer: StreamWriter, values: dict[str, Any], step: int | None = None) -> None:
    """What `Run.log` does, without a run."""
    found = _values.split(values)
    if found.scalars:
        writer.append_new_row(found.scalars, step, None)
    is_first = not found.scalars
    for key, value in found.values.items():
        writer.append_value(key, step, None, value, of_row=not is_first)
        is_first = False


def open_delivery(writer_or_path: StreamWriter | Path, **options: Any) -> Delivery:
    path = writer_or_path if isinstance(writer_or_path, Path) else writer_or_path.directory
    options.setdefault("rng", random.Random(0))
    options.setdefault("limits", Limits())
    delivery = Delivery.open(path, key_for=lambda server: "iso_test", **options)
    assert delivery is not None
    _opened.append(delivery)
    return delivery


@pytest.fixture(autouse=True)
def unsynced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Spare the disk: no test pulls the plug, and the one about the order of syncs has its own."""
    for module in (_spool, _journal, _delivery):
        monkeypatch.setattr(module, "sync_file", lambda descriptor: None)
    monkeypatch.setattr(_delivery, "_sync_directory", lambda directory: None)


_opened: list[Delivery] = []


@pytest.fixture(autouse=True)
def closed_deliveries() -> Iterator[None]:
    """Close what a test has opened and left."""
    yield
    while _opened:
        _opened.pop().close()


def deliver(delivery: Delivery, server: MemoryTransport, *, requests: int = 10_000) -> float:
    """Play the sender until nothing is left to do; waiting costs no time. Returns the moment reached."""
    now = 0.0
    quiet = 0
    for _ in range(requests):
        now = max(now, delivery.wake_at)
        request = delivery.next_request(now)
        if request is None:
            quiet += 1
            # The second look comes after the one at whether the writer lives.
            if delivery.is_over or (quiet > 1 and not delivery.has_unsent):
                return now
            now += 2.0
            continue
        quiet = 0
        delivery.on_answer(server.send(request), now)
    raise AssertionError("The delivery does not come to an end.")


def eventually(condition: Callable[[], Any], *, timeout_s: float = 20.0) -> Any:
    """Wait until `condition` is true and return what it gave."""
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError("It did not come true in time.")
        time.sleep(0.01)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Keep the machine's own settings and spool out of the tests."""
    for name in ("ISOLINE_URL", "ISOLINE_API_KEY", "ISOLINE_MODE", "ISOLINE_PROJECT", "ISOLINE_TEAM", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path
