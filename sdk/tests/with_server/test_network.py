"""FAIL-6 and FAIL-14 for the client: a bad network, a server that stops, a server of another version."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import isoline
from isoline import Api
from isoline._launch import sender_lock
from isoline._locks import FileLock
from isoline._sender import Sender
from isoline._transport import HttpTransport
from tests.bad_network import BadNetwork
from tests.conftest import eventually

from .conftest import Up

ROWS = 300


@pytest.fixture
def network(up: Up, monkeypatch: pytest.MonkeyPatch) -> Iterator[BadNetwork]:
    network = BadNetwork(up.url)
    monkeypatch.setenv("ISOLINE_URL", network.url)
    yield network
    network.close()


@pytest.fixture
def sender(home: Path, up: Up) -> Iterator[None]:
    """The machine's sender as a thread, which takes a silence of three seconds for the end of a connection."""
    spool = home / "spool"
    spool.mkdir()
    lock = FileLock(sender_lock(spool))
    assert lock.acquire()
    transport = HttpTransport(silence_s=3.0)
    sender = Sender(spool, transport, key_for=lambda url: up.key)
    thread = threading.Thread(target=sender.run)
    thread.start()
    yield
    sender.stop()
    thread.join()
    transport.close()
    lock.release()


def train(project: str, act: Callable[[], None] | None = None, *, rows: int = ROWS) -> isoline.Run:
    """Log rows over half a second or more; `act` is done after the first third, when some have arrived."""
    run = isoline.init(project=project)
    for n in range(rows):
        if n == rows // 3 and act is not None:
            eventually(lambda: run._read_status(now=True).rows_sent, timeout_s=60)
            act()
        run.log({"n": n, "loss": n / 3})
        time.sleep(0.5 / rows)
    return run


def assert_exact(api: Api, project: str, run: isoline.Run, rows: int = ROWS) -> None:
    stored = api.run(f"alice/{project}/{run.id}")
    assert [(row.step, row.values) for row in stored.rows()] == [
        (n, {"n": n, "loss": n / 3}) for n in range(rows)
    ]
    assert {name: facts.count for name, facts in stored.metrics.items()} == {"n": rows, "loss": rows}


def test_a_partition_delays_and_loses_nothing(
    api: Api, project: str, network: BadNetwork, sender: None
) -> None:
    run = train(project, lambda: setattr(network, "is_cut", True))
    eventually(lambda: network.faults)
    assert run.finish(timeout_s=0.1) is False
    network.is_cut = False
    arrived(run)
    assert_exact(api, project, run)


def test_answers_that_never_come_lead_to_no_second_copy(
    api: Api, project: str, network: BadNetwork, sender: None
) -> None:
    """A half-open connection: the server takes every batch, and the client does not hear of it."""
    run = train(project, lambda: setattr(network, "loses_answers", True))
    eventually(lambda: network.faults)
    assert run.finish(timeout_s=0.1) is False
    network.loses_answers = False
    arrived(run)
    assert_exact(api, project, run)


def test_a_reset_after_the_whole_body_leads_to_no_second_copy(
    api: Api, project: str, network: BadNetwork, sender: None
) -> None:
    run = train(project, lambda: setattr(network, "resets_answered", True))
    eventually(lambda: network.faults > 2)
    network.resets_answered = False
    assert run.finish(timeout_s=60)
    assert_exact(api, project, run)


@pytest.mark.parametrize(
    ("weather", "rows"),
    [({"latency_s": 2.0}, ROWS), ({"bytes_per_s": 1000.0}, ROWS), ({"lost": 0.05}, 20 * ROWS)],
    ids=["two seconds each way", "1 KB/s", "5 % lost"],
)
def test_a_slow_or_lossy_way_takes_longer_and_nothing_else(
    api: Api, project: str, network: BadNetwork, weather: dict[str, float], rows: int
) -> None:
    for name, value in weather.items():
        setattr(network, name, value)
    begun = time.monotonic()
    run = isoline.init(project=project)
    for n in range(rows):
        run.log({"n": n, "loss": n / 3})
    assert time.monotonic() - begun < 2.0  # INV-7: what is slow is not the training
    assert run.finish(timeout_s=120)
    assert network.faults or "lost" not in weather
    assert_exact(api, project, run, rows)


def test_a_server_stopped_for_a_moment_under_load_gets_everything(up: Up, api: Api, project: str) -> None:
    stop_under_load(up, api, project, away_s=2.0, rows=20_000)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_server_stopped_for_a_minute_under_load_gets_everything(up: Up, api: Api, project: str) -> None:
    stop_under_load(up, api, project, away_s=60.0, rows=200_000)


def stop_under_load(up: Up, api: Api, project: str, *, away_s: float, rows: int) -> None:
    run = isoline.init(project=project)
    stopped = threading.Event()

    def restart() -> None:
        up.stop()
        stopped.set()
        time.sleep(away_s)
        up.start()

    beside = threading.Thread(target=restart)
    for n in range(rows):
        run.log({"n": n, "loss": n / 3})
        if n == rows // 4:
            eventually(lambda: run._read_status(now=True).rows_sent, timeout_s=60)
            beside.start()
            assert stopped.wait(60)
    beside.join()
    assert run.finish(timeout_s=120)
    assert_exact(api, project, run, rows)


def arrived(run: isoline.Run) -> None:
    eventually(lambda: run._read_status(now=True).is_complete, timeout_s=60)
