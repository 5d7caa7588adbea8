"""`make demo`, in short: real trainings against a real server, and nothing left behind."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from .server import ROOT, environment, wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


class Demo:
    """`python -m demo` with a fiftieth of the work: one seed, two epochs."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.log = home.with_suffix(".log")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "demo", "--port", "0", "--home", str(home), "--share", "0.02"],
                cwd=ROOT,
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until_said(self, text: str) -> str:
        def said() -> str:
            assert self.process.poll() is None, self.log.read_text()
            lines = self.log.read_text().splitlines()
            return next((line for line in lines if text in line), "")

        return str(wait_until(said, timeout_s=180, what=f"the demo says {text!r}"))

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=90)


def test_the_demo_trains_and_ctrl_c_leaves_nothing_behind(tmp_path: Path) -> None:
    demo = Demo(tmp_path / "demo")
    try:
        address = demo.wait_until_said("  Open ").split()[-1]
        demo.wait_until_said("1 failed, as it was to · the server stays up")
        account = json.loads((demo.home / "demo.json").read_text())
        runs = wait_until(lambda: ended_runs(address, account["key"]), timeout_s=60, what="ten ended runs")
        assert demo.interrupt() == 0
    finally:
        demo.process.kill()

    assert [run["name"] for run in runs if run["state"] != "finished"] == ["identity-lr0.42-s1"]
    assert account["password"] in demo.log.read_text()
    assert wait_until(lambda: not processes_of(demo.home), what="the end of every process")


def test_interrupted_in_the_middle_it_starts_again_on_the_same_home(tmp_path: Path) -> None:
    first = Demo(tmp_path / "demo")
    try:
        first.wait_until_said("running")
        assert first.interrupt() == 0
    finally:
        first.process.kill()
    assert wait_until(lambda: not processes_of(first.home), what="the end of every process")

    again = Demo(tmp_path / "demo")
    try:
        password = json.loads((again.home / "demo.json").read_text())["password"]
        again.wait_until_said(password)
        again.wait_until_said("running")
        assert again.interrupt() == 0
    finally:
        again.process.kill()
    assert wait_until(lambda: not processes_of(again.home), what="the end of every process")


def ended_runs(address: str, key: str) -> list[dict[str, Any]]:
    """All runs of both projects, once there are ten and none runs any more."""
    with httpx.Client(headers={"Authorization": f"Bearer {key}"}, timeout=30) as client:
        api = address.partition("/lab/")[0] + "/api/v1"
        projects = client.get(f"{api}/projects").json()["items"]
        runs = [run for p in projects for run in client.get(f"{api}/projects/{p['id']}/runs").json()["items"]]
    return runs if len(runs) == 10 and not any(run["state"] == "running" for run in runs) else []


def processes_of(home: Path) -> list[int]:
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if process.status() != psutil.STATUS_ZOMBIE and str(home) in " ".join(process.cmdline()):
                found.append(process.pid)
    return found
