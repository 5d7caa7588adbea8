"""The command `isoline` against a real server."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any

import pytest

import isoline
from isoline import Api, cli
from isoline._commands import tail
from isoline._live import LiveEnded
from isoline._spool import load_status, stream_directories
from isoline.settings import credentials_path, stored_key, stored_url
from tests.conftest import eventually

from .conftest import Up, logged

DATA = Path(__file__).parent.parent / "data"
Out = pytest.CaptureFixture[str]


def test_every_promise_of_the_server_is_verified(capsys: Out) -> None:
    assert cli.main(["verify"]) == 0
    out = capsys.readouterr().out
    assert "All promises are kept." in out
    assert out.count("\nok ") == 20


def test_login_tries_the_key_and_keeps_it_to_its_owner(
    up: Up, monkeypatch: pytest.MonkeyPatch, capsys: Out, tmp_path: Path
) -> None:
    monkeypatch.delenv("ISOLINE_API_KEY")
    key_file = tmp_path / "key"
    for key, code in (("iso_wrong", cli.SIGNED_OUT), (up.key, 0)):
        key_file.write_text(f"{key}\n")
        with key_file.open() as typed:
            monkeypatch.setattr("sys.stdin", typed)
            assert cli.main(["login", f"{up.url}/"]) == code
    assert (stored_url(), stored_key(up.url)) == (up.url, up.key)
    assert stat.S_IMODE(credentials_path().stat().st_mode) == 0o600
    assert "alice@example.org" in capsys.readouterr().out
    assert cli.main(["ls"]) == 0


def test_status_says_who_i_am_and_what_waits(
    project: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("ISOLINE_MODE", "offline")
    run = isoline.init(project=project)
    run.log({"loss": 1.0})
    run.finish()
    assert cli.main(["status"]) == 0
    out = capsys.readouterr().out
    assert "alice@example.org" in out
    assert "offline: `isoline sync` sends it" in out
    assert cli.main(["status", "--url", "http://127.0.0.1:9"]) == cli.AWAY


def test_what_was_logged_offline_is_synced(
    api: Api, project: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("ISOLINE_MODE", "offline")
    run = isoline.init(project=project, config={"lr": 0.1})
    for n in range(100):
        run.log({"n": n})
    run.finish()
    assert cli.main(["sync"]) == 0
    assert "100 rows" in capsys.readouterr().out
    found = api.run(f"{project}/{run.id}")
    assert found.history("n").to_lists()["n"] == list(range(100))
    assert cli.main(["sync"]) == 0
    assert "0 rows" in capsys.readouterr().out


def test_runs_are_listed_as_a_table_and_as_json(project: str, capsys: Out) -> None:
    logged(project, {"loss": 0.5}, name="first", config={"lr": 0.1})
    logged(project, {"loss": 0.1}, name="second")
    assert cli.main(["ls", project, "--sort", "metrics.loss"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[1] for line in lines] == ["NAME", "second", "first"]
    assert cli.main(["ls", project, "--json", "-q", "config.lr = 0.1"]) == 0
    [line] = capsys.readouterr().out.splitlines()
    assert json.loads(line)["config"] == {"lr": 0.1}
    assert cli.main(["ls", "--json"]) == 0
    assert project in {json.loads(line)["slug"] for line in capsys.readouterr().out.splitlines()}


def test_tail_prints_each_row_and_line_once(
    project: str, monkeypatch: pytest.MonkeyPatch, capsys: Out
) -> None:
    monkeypatch.setenv("ISOLINE_SYSTEM", "1")
    run = isoline.init(project=project, id="followed")
    assert run.url
    run.log({"n": 0})
    go_on = threading.Event()

    def train() -> None:
        go_on.wait(30)
        for n in range(1, 31):
            run.log({"n": n, "loss": math.nan})
            run._send_console(
                [{"n": n, "time": time.time_ns() // 1000, "fd": "stdout", "text": f"epoch {n}"}]
            )
            time.sleep(0.02)
        # A late row: a step that others have passed.
        run.log({"late": 5}, step=3)
        run.finish()

    training = threading.Thread(target=train)
    training.start()
    threading.Timer(0.5, go_on.set).start()
    assert cli.main(["tail", f"{project}/followed"]) == 0
    training.join()
    lines = capsys.readouterr().out.splitlines()
    rows = [line for line in lines if line.startswith("step")]
    expected = ["step 0  n=0", *(f"step {n}  loss=nan  n={n}" for n in range(1, 31)), "step 3  late=5"]
    assert sorted(rows) == sorted(expected)
    assert [line for line in lines if line.startswith("|")] == [f"| epoch {n}" for n in range(1, 31)]


def test_tail_of_an_ended_run_prints_its_end(project: str, capsys: Out) -> None:
    path = logged(project, *({"n": n} for n in range(100)))
    assert cli.main(["tail", path, "-n", "2"]) == 0
    assert capsys.readouterr().out == "step 98  n=98\nstep 99  n=99\n"


def test_tail_goes_on_without_a_websocket(project: str, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    def no_live(*_: object) -> None:
        raise LiveEnded("none here")

    monkeypatch.setattr(tail, "Live", no_live)
    monkeypatch.setattr(tail, "POLL_S", 0.1)
    run = isoline.init(project=project, id="polled")
    assert run.url
    training = threading.Thread(target=lambda: ([run.log({"n": n}) for n in range(50)], run.finish()))
    training.start()
    assert cli.main(["tail", f"{project}/polled", "--only", "metrics", "-n", "50"]) == 0
    training.join()
    assert sorted(capsys.readouterr().out.splitlines()) == sorted(f"step {n}  n={n}" for n in range(50))


def test_a_run_is_exported_in_every_format(
    project: str, tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    path = logged(project, {"loss": 0.1, "n": 2**53 + 1}, {"loss": math.inf})
    assert cli.main(["export", path, "-o", str(tmp_path / "run.csv")]) == 0
    with (tmp_path / "run.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["step"], row["loss"], row["n"]) for row in rows] == [
        ("0", "0.1", str(2**53 + 1)),
        ("1", "inf", ""),
    ]
    capfdbinary.readouterr()
    assert cli.main(["export", path, "-o", "-", "-f", "jsonl", "-m", "loss"]) == 0
    lines = capfdbinary.readouterr().out.splitlines()
    assert [json.loads(line)["values"] for line in lines] == [{"loss": 0.1}, {"loss": "Infinity"}]
    parquet = pytest.importorskip("pyarrow.parquet")
    assert cli.main(["export", path, "-o", str(tmp_path / "run.parquet")]) == 0
    assert parquet.read_table(tmp_path / "run.parquet").column("n").to_pylist() == [2**53 + 1, None]
    assert sorted(each.name for each in tmp_path.glob(".*.part")) == []


def test_a_project_is_exported_as_a_folder(project: str, tmp_path: Path) -> None:
    first = logged(project, {"loss": 0.1}, config={"lr": 0.1}, name="first")
    logged(project, {"loss": 0.2}, name="second")
    folder = tmp_path / "out"
    assert cli.main(["export", f"alice/{project}", "-o", str(folder), "-f", "csv"]) == 0
    described = {
        run["name"]: run for run in map(json.loads, (folder / "runs.jsonl").read_text().splitlines())
    }
    assert described["first"]["config"] == {"lr": 0.1}
    assert described["first"]["summary"] == {"loss": 0.1}
    assert sorted(each.name for each in folder.iterdir()) == sorted(
        ["runs.jsonl", *(f"{run['id']}.csv" for run in described.values())]
    )
    assert cli.main(["export", f"{project}/{first.rpartition('/')[2]}", "-o", str(tmp_path / "one.csv")]) == 0


def test_event_files_are_imported_once(api: Api, project: str, capsys: Out) -> None:
    argv = ["import", "tensorboard", str(DATA / "tensorboard"), "--project", project]
    assert cli.main(argv) == 0
    assert capsys.readouterr().out == "first: 6 rows, 11 points\nnested/second: 3 rows, 9 points\n"
    first = api.run(f"alice/{project}/first")
    assert first.config == {"lr": 0.1, "optimizer": "adam", "nesterov": True}
    assert first.state == "finished"
    columns = first.history("loss").to_lists()
    assert columns["step"] == [-3, 0, 1, 2, 3, 4]
    assert columns["loss"][1:3] == [1.0, 0.5]
    assert columns["time"][1] == 1_700_000_000_000_000
    second = next(iter(api.runs('name = "nested/second"', project=project)))
    assert second.history("i64").to_lists()["i64"] == [2**60, 2**60 + 1, 2**60 + 2]
    assert cli.main(argv) == 0
    assert capsys.readouterr().out.count("was imported before") == 2
    assert api.runs(project=project).count() == 2


def test_exit_codes_tell_failures_apart(project: str, monkeypatch: pytest.MonkeyPatch, capsys: Out) -> None:
    path = logged(project, {"loss": 1.0})
    assert cli.main(["ls", "nobodys-project"]) == cli.FAILED
    assert cli.main(["ls", project, "-q", "((("]) == cli.FAILED
    assert cli.main(["tail", "a/b/c/d"]) == cli.USAGE
    assert cli.main(["ls", "--url", "http://127.0.0.1:9"]) == cli.AWAY
    monkeypatch.setenv("ISOLINE_API_KEY", "iso_wrong")
    assert cli.main(["tail", path, "--once"]) == cli.SIGNED_OUT
    with pytest.raises(SystemExit) as ended:
        cli.main(["no-such-command"])
    assert ended.value.code == cli.USAGE
    assert all(
        line.startswith(("isoline: ", "usage: ", " ")) for line in capsys.readouterr().err.splitlines()
    )


def test_a_sync_that_watches_goes_on_until_interrupted(
    api: Api, project: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A shell that starts the tests in the background lets them ignore Ctrl+C.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    monkeypatch.setenv("ISOLINE_MODE", "offline")
    run = isoline.init(project=project)
    [stream] = stream_directories(home / "spool")

    def found() -> Any:
        return next(iter(api.runs(project=project)), None) if list(api.projects(contains=project)) else None

    def train() -> None:
        try:
            run.log({"n": 1})
            eventually(lambda: (stored := found()) and stored.metrics)
            run.log({"n": 2})
            run.finish()
            eventually(lambda: load_status(stream).is_complete)
        finally:
            os.kill(os.getpid(), signal.SIGINT)

    training = threading.Thread(target=train)
    training.start()
    assert cli.main(["sync", "--watch"]) == 0
    training.join()
    assert found().history("n").to_lists()["n"] == [1, 2]
