"""A run in this process: what people call. The sender is a thread here; `test_processes.py` has real ones."""

from __future__ import annotations

import datetime
import math
import pickle
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import isoline
from isoline import run as run_module
from isoline._delivery import Delivery
from isoline._memory import MemoryRun, MemoryTransport
from isoline._sender import Sender
from isoline.run import Run

from .conftest import eventually


@pytest.fixture(autouse=True)
def sender(spool: Path, server: MemoryTransport, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sender]:
    monkeypatch.setattr(run_module, "ensure_sender", lambda spool: None)
    monkeypatch.setenv("ISOLINE_SPOOL", str(spool))
    monkeypatch.setenv("ISOLINE_API_KEY", "iso_canary_key_0123456789")
    for name in ("CONSOLE", "SYSTEM", "CODE"):
        monkeypatch.setenv(f"ISOLINE_{name}", "0")
    sender = Sender(spool, server, key_for=lambda url: "")
    thread = threading.Thread(target=sender.run)
    thread.start()
    yield sender
    while (run := isoline.current_run()) is not None:
        run.finish(timeout_s=0)
    sender.stop()
    thread.join()


def records(server: MemoryTransport, kind: str) -> list[dict[str, Any]]:
    return [record for record in server.run().records if record["type"] == kind]


def steps(run: MemoryRun) -> list[int]:
    return [stream.axes[row][0] for stream in run.streams.values() for row in sorted(stream.axes)]


def test_the_three_lines(server: MemoryTransport, capfd: pytest.CaptureFixture[str]) -> None:
    run = isoline.init(
        project="digits", config={"lr": 0.1, "model": {"depth": 3}}, tags=["a"], notes="n", name="x"
    )
    for number in range(1000):
        run.log({"train/loss": 1 / (number + 1), "train/acc": number})
    assert run.finish() is True
    assert len(server.run().rows) == 1000
    assert steps(server.run()) == list(range(1000))
    created = server.run().created
    assert (created["config"], created["tags"], created["name"]) == (
        {"lr": 0.1, "model": {"depth": 3}},
        ["a"],
        "x",
    )
    assert records(server, "state")[-1]["state"] == "finished"
    assert "all 1,000 rows are on the server" in capfd.readouterr().err
    assert run.finish() is True
    assert isoline.current_run() is None


def test_values_that_are_no_scalars_belong_to_their_row(server: MemoryTransport) -> None:
    run = isoline.init()
    run.log({"loss": 0.5, "sample": "a cat"})
    run.log({"tokens": ["a", "b"]}, step=7)
    run.log({"train": {"loss": 0.25}})
    assert run.finish()
    assert server.run().rows == [{"loss": 0.5}, {"train/loss": 0.25}]
    found = [
        (value["key"], value["row"], value["step"], value["value"]) for value in records(server, "value")
    ]
    assert found == [("sample", 0, 0, "a cat"), ("tokens", 1, 7, ["a", "b"])]
    assert steps(server.run()) == [0, 8]


def test_steps_and_times_in_any_order(server: MemoryTransport) -> None:
    """FAIL-8: clocks that jump are the user's affair; the order is that of the calls."""
    run = isoline.init()
    moment = datetime.datetime(2038, 1, 19, 3, 14, 8, tzinfo=datetime.timezone.utc)
    run.log({"n": 1}, step=10, time=moment)
    run.log({"n": 2}, step=3, time=0)
    run.log({"n": 3}, step=3, time=-86400.5)
    run.log({"n": 4})
    assert run.finish()
    (stream,) = server.run().streams.values()
    assert [stream.axes[row] for row in range(3)] == [(10, 2147483648000000), (3, 0), (3, -86400500000)]
    assert stream.axes[3][0] == 11


def test_log_never_raises_and_tells_what_it_could_not_take(
    server: MemoryTransport, capfd: pytest.CaptureFixture[str]
) -> None:
    """INV-7, FAIL-9"""
    run = isoline.init()
    for metrics in (
        {},
        None,
        5,
        [1],
        "text",
        {"n": 2**64},
        {"o": object()},
        {"": 1},
        {b"k": 1},
        {"deep": {}},
    ):
        run.log(metrics)  # type: ignore[arg-type]
    run.log({"n": 1}, step="x")  # type: ignore[arg-type]
    run.log({"n": 2}, step=2**63)
    run.log({"n": 3}, step=2.0)  # type: ignore[arg-type]
    run.log({"n": 4}, time=math.nan)
    run.log({"n": 5}, time="now")  # type: ignore[arg-type]
    run.log({f"key{number}": number for number in range(20_000)})
    assert run.finish()
    assert [row.get("n") for row in server.run().rows] == [1, 2, 3, 4, 5, None]
    assert len(server.run().rows[-1]) == 20_000
    said = capfd.readouterr().err
    assert "4 unsupported" in said or "5 unsupported" in said
    assert "2 bad_step, 2 bad_time" in said
    run.log({"n": 6})
    assert "has been finished" in capfd.readouterr().err


def test_what_is_said_about_a_run_arrives(server: MemoryTransport) -> None:
    run = isoline.init(config={"lr": 0.1})
    run.config["model"] = {"depth": 3}
    run.summary["best"] = 0.9
    run.define_metric("val/*", x="epoch", direction="max", unit="%", summary="best", hidden=False)
    run.alert("diverged", "loss is NaN", level="error")
    run.rename("new name")
    run.note("a note")
    run.tag("a", "b")
    run.untag("b")
    assert run.finish()
    found = {record["type"]: record for record in server.run().records}
    assert found["config"]["set"] == {"model": {"depth": 3}}
    assert found["summary"]["set"] == {"best": 0.9}
    assert found["metric"] == {
        "type": "metric", "name": "val/*", "x": "epoch", "direction": "max", "unit": "%", "summary": ["best"],
        "hidden": False,
    }  # fmt: skip
    assert (found["alert"]["title"], found["alert"]["text"], found["alert"]["level"]) == (
        "diverged", "loss is NaN", "error"
    )  # fmt: skip
    assert (found["name"]["text"], found["note"]["text"]) == ("new name", "a note")
    assert found["metadata"]["set"]["python"]


def test_the_module_speaks_for_the_run_begun_last(
    server: MemoryTransport, capfd: pytest.CaptureFixture[str]
) -> None:
    isoline.log({"n": 0})
    assert "call isoline.init() first" in capfd.readouterr().err
    first = isoline.init(project="one")
    second = isoline.init(project="two")
    isoline.log({"n": 1})
    assert isoline.finish()
    assert server.run("two").rows == [{"n": 1}]
    assert isoline.current_run() is None
    assert isoline.finish()
    first.log({"n": 2})
    assert first.finish()
    assert second.finish()
    assert server.run("one").rows == [{"n": 2}]


def test_an_exception_marks_the_run_failed_with_its_traceback(server: MemoryTransport) -> None:
    with pytest.raises(ZeroDivisionError), isoline.init():
        isoline.log({"n": 1 / 0})
    assert (records(server, "state")[-1]["state"], records(server, "state")[-1]["exit_code"]) == ("failed", 1)
    lines = [line["text"] for record in records(server, "console") for line in record["lines"]]
    assert lines[0].startswith("Traceback")
    assert "ZeroDivisionError: division by zero" in lines


@pytest.mark.parametrize(
    ("error", "state", "exit_code"),
    [
        (KeyboardInterrupt(), "killed", 130),
        (SystemExit(0), "finished", 0),
        (SystemExit(3), "failed", 3),
        (SystemExit("text"), "failed", 1),
    ],
)
def test_how_a_block_is_left_is_the_runs_end(
    server: MemoryTransport, error: BaseException, state: str, exit_code: int
) -> None:
    with pytest.raises(type(error)), isoline.init():
        raise error
    assert (records(server, "state")[-1]["state"], records(server, "state")[-1]["exit_code"]) == (
        state,
        exit_code,
    )


def test_disabled_records_nothing(spool: Path, server: MemoryTransport) -> None:
    run = isoline.init(mode="disabled")
    run.log({"n": 1})
    run.config["a"] = 1
    run.alert("x")
    assert run.flush()
    assert not run.stop_requested
    assert (run.url, run.name) == ("", "")
    assert run.finish()
    assert not (spool / "streams").exists()


def test_offline_only_spools(spool: Path, server: MemoryTransport, capfd: pytest.CaptureFixture[str]) -> None:
    run = isoline.init(mode="offline")
    run.log({"n": 1})
    assert run.finish() is False
    assert "`isoline sync` sends them" in capfd.readouterr().err
    assert not server.runs


def test_online_needs_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ISOLINE_API_KEY")
    with pytest.raises(isoline.NotSignedIn, match="isoline login"):
        isoline.init()
    with pytest.raises(isoline.SettingsInvalid):
        isoline.init(mode="disabled", config=[1])


def test_a_spool_that_cannot_be_written_does_not_end_the_training(
    spool: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """INV-7"""
    spool.parent.mkdir(exist_ok=True)
    spool.write_text("a file where the folder should be")
    run = isoline.init()
    run.log({"n": 1})
    run.finish()
    assert "nothing will be recorded" in capfd.readouterr().err


def test_resume(server: MemoryTransport) -> None:
    with isoline.init(id="mine") as run:
        run.log({"n": 0})
        run.log({"n": 1})
    with pytest.raises(isoline.RunExists):
        isoline.init(id="mine")
    with pytest.raises(isoline.RunMissing):
        isoline.init(id="other", resume="must")
    with isoline.init(id="mine", resume="must") as run:
        assert run.step == 2
        run.log({"n": 2})
    with isoline.init(id="mine", resume="allow") as run:
        run.log({"n": 3})
    assert [row["n"] for row in server.run().rows] == [0, 1, 2, 3]
    assert steps(server.run()) == [0, 1, 2, 3]


def test_auto_resumes_what_did_not_end(server: MemoryTransport) -> None:
    with pytest.raises(RuntimeError), isoline.init(resume="auto") as first:
        raise RuntimeError
    with isoline.init(resume="auto") as second:
        assert second.id == first.id
    with isoline.init(resume="auto") as third:
        assert third.id != first.id


def test_a_server_that_is_away_is_told_only_where_its_answer_is_needed(
    server: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_module, "ANSWER_PATIENCE_S", 0.3)
    monkeypatch.setattr("isoline._delivery.BACKOFF_FIRST_S", 0.01)
    monkeypatch.setattr("isoline._delivery.BACKOFF_MAX_S", 0.05)
    server.fault = lambda request: isoline._memory.Answer(0, message="no route")
    with pytest.raises(isoline.ServerAway, match="no route"):
        isoline.init(id="mine", resume="must")
    run = isoline.init(id="mine")
    run.log({"n": 1})
    assert run.finish(timeout_s=0.2) is False
    server.fault = lambda request: None
    eventually(lambda: server.runs and server.run().rows == [{"n": 1}])


def test_ranks_of_one_run(server: MemoryTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "0")
    first = isoline.init(id="shared", config={"lr": 1})
    monkeypatch.setenv("RANK", "1")
    second = isoline.init(id="shared", config={"lr": 1})
    second.log({"n": 1})
    assert second.finish()
    assert records(server, "state") == []
    first.log({"n": 0})
    assert first.finish()
    assert [record["state"] for record in records(server, "state")] == ["finished"]
    assert len(server.run().streams) == 2


def test_a_run_that_was_asked_to_stop_knows(server: MemoryTransport) -> None:
    run = isoline.init()
    assert not run.stop_requested
    run.log({"n": 1})
    eventually(lambda: server.runs and server.run().rows)
    server.run().stop = True
    run.log({"n": 2})
    eventually(lambda: run.stop_requested)


def test_a_sent_run_is_the_same_run_elsewhere(server: MemoryTransport) -> None:
    run = isoline.init()
    run.log({"n": 0})
    other: Run = pickle.loads(pickle.dumps(run))
    other.log({"n": 1})
    assert other.finish()
    assert run.finish()
    assert len(server.runs) == 1
    assert sorted(row["n"] for row in server.run().rows) == [0, 1]
    assert [record["state"] for record in records(server, "state")] == ["finished"]


def test_threads_share_a_run(server: MemoryTransport) -> None:
    """FAIL-12"""
    run = isoline.init()

    def work(thread: int) -> None:
        for number in range(300):
            run.log({f"thread{thread}": number})

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert run.finish()
    for thread_number in range(8):
        key = f"thread{thread_number}"
        assert [row[key] for row in server.run().rows if key in row] == list(range(300))
    assert sorted(steps(server.run())) == list(range(2400))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="There are no timers here.")
def test_signal_handlers_may_log(server: MemoryTransport) -> None:
    """FAIL-12"""
    run = isoline.init()
    fired = 0

    def on_alarm(*_: Any) -> None:
        nonlocal fired
        fired += 1
        run.log({"from_signal": fired, f"new{fired % 50}": 0.5})

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, 0.0005, 0.0005)
    try:
        logged = 0
        deadline = time.monotonic() + 10
        while (logged < 5000 or fired < 100) and time.monotonic() < deadline:
            run.log({"n": logged, "x": 0.5})
            logged += 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert run.finish()
    rows = server.run().rows
    assert [row["n"] for row in rows if "n" in row] == list(range(logged))
    # A handler may interrupt another one before it logs.
    assert sorted(row["from_signal"] for row in rows if "from_signal" in row) == list(range(1, fired + 1))


def test_keys_are_nowhere_but_in_their_file(spool: Path, server: MemoryTransport) -> None:
    """G-8"""
    run = isoline.init(config={"api_key": "iso_canary_key_0123456789", "note": "iso_canary_key_0123456789"})
    run.log({"n": 1})
    assert run.finish()
    holding = [path.name for path in spool.rglob("*") if path.is_file() and b"canary" in path.read_bytes()]
    assert holding == ["key"]
    assert all(b"canary" not in request.body for request in server.requests)


def test_a_notebook_shows_a_link_and_no_markup(server: MemoryTransport) -> None:
    """XSS-4"""
    run = isoline.init(name="<script>alert(1)</script>", mode="offline")
    assert "<script>" not in run._repr_html_()
    assert "&lt;script&gt;" in run._repr_html_()
    assert "offline" in run._repr_html_()
    assert run.name in repr(run)


def test_console_and_system_and_code_are_captured(
    server: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ISOLINE_SYSTEM_INTERVAL_S", "0.1")
    monkeypatch.setattr("isoline._attendant.PULSE_S", 0.05)
    run = isoline.init(console=True, system=True, code=True)
    print("printed")
    run.log({"n": 1})
    eventually(lambda: server.runs and any("system/cpu_percent" in row for row in server.run().rows))
    eventually(lambda: len(records(server, "metadata")) == 2)
    assert run.finish()
    assert "msgspec" in records(server, "metadata")[1]["set"]["packages"]
    assert len(records(server, "metadata")[1]["set"]["git"]["commit"]) == 40
    lines = [line["text"] for record in records(server, "console") for line in record["lines"]]
    assert "printed" in lines
    sampled = next(row for row in server.run().rows if "system/cpu_percent" in row)
    assert sampled["system/process_memory_bytes"] > 1e6
    assert 0 <= sampled["system/memory_percent"] <= 100


def test_finish_waits_no_longer_than_told(server: MemoryTransport, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Delivery, "next_request", lambda self, now: None)
    run = isoline.init()
    run.log({"n": 1})
    started = time.monotonic()
    assert run.finish(timeout_s=0.3) is False
    assert time.monotonic() - started < 3
