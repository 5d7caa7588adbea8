"""Whole processes: a training, the sender it starts, a server behind HTTP; and what a kill costs."""

from __future__ import annotations

import contextlib
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from isoline._launch import SENDER_LOG, ensure_sender, sender_lock
from isoline._locks import is_locked
from isoline._spool import load_status, stream_directories

from .conftest import eventually
from .http_server import HttpServer

SOURCE = str(Path(__file__).parents[1] / "src")

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Kills and forks are POSIX's.")


class Machine:
    """A machine with a spool, on which trainings run."""

    def __init__(self, spool: Path, home: Path, server: HttpServer) -> None:
        self.spool, self.server = spool, server
        self.started: list[subprocess.Popen[str]] = []
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ISOLINE_")},
            "PYTHONPATH": SOURCE,
            "XDG_CONFIG_HOME": str(home / "config"),
            "ISOLINE_SPOOL": str(spool),
            "ISOLINE_URL": server.url,
            "ISOLINE_API_KEY": "iso_test_key",
            "ISOLINE_SYSTEM": "0",
            "ISOLINE_CODE": "0",
        }

    def start(self, code: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**self._environment, **environment},
            cwd=self.spool.parent,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, code: str, **environment: str) -> tuple[int, str, str]:
        process = self.start(code, **environment)
        out, err = process.communicate(timeout=50)
        return process.returncode, out, err

    def sender_pids(self) -> list[int]:
        log = self.spool / SENDER_LOG
        text = log.read_text() if log.exists() else ""
        return [int(pid) for pid in re.findall(r"Sender (\d+) begins", text)]

    def has_sender(self) -> bool:
        return is_locked(sender_lock(self.spool))

    def stop_sender(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.sender_pids()[-1], signal.SIGTERM)

    def kill_sender(self) -> None:
        os.kill(self.sender_pids()[-1], signal.SIGKILL)
        eventually(lambda: not self.has_sender())

    def is_delivered(self) -> bool:
        return all(load_status(directory).is_complete for directory in stream_directories(self.spool))


@pytest.fixture
def machine(spool: Path, tmp_path: Path) -> Iterator[Machine]:
    server = HttpServer()
    machine = Machine(spool, tmp_path, server)
    yield machine
    for process in machine.started:
        process.kill()
        process.communicate()
    # One that was waiting for the lock takes over when another ends.
    eventually(lambda: not machine.has_sender() or machine.stop_sender())
    server.stop()


def numbers(machine: Machine, key: str = "n") -> list[Any]:
    return [row[key] for row in machine.server.memory.run().rows if key in row]


def states(machine: Machine) -> list[str]:
    return [record["state"] for record in machine.server.memory.run().records if record["type"] == "state"]


def test_a_training_and_its_sender(machine: Machine) -> None:
    code, out, err = machine.run(
        "import isoline\n"
        "run = isoline.init(project='digits', config={'lr': 0.1})\n"
        "for n in range(1000): run.log({'n': n})\n"
        "print(run.finish())\n"
    )
    assert (code, out) == (0, "True\n")
    assert "all 1,000 rows are on the server" in err
    assert numbers(machine) == list(range(1000))
    assert states(machine) == ["finished"]


KILLED = """
import isoline, mmap, os, sys
counter = mmap.mmap(os.open(sys.argv[1] if len(sys.argv) > 1 else os.environ["COUNTER"], os.O_RDWR), 8)
run = isoline.init(project="digits")
print("ready", flush=True)
n = 0
while True:
    run.log({"n": n, "x": n / 3} if n % 5 else {"n": n})
    n += 1
    counter[:8] = n.to_bytes(8, "little")
"""


@pytest.mark.parametrize("seed", range(4))
def test_a_kill_loses_nothing_that_log_accepted(machine: Machine, tmp_path: Path, seed: int) -> None:
    """FAIL-1, INV-6: killed at a random moment, the sender with it in every second case."""
    chance = random.Random(seed)
    counter = tmp_path / "counter"
    counter.write_bytes(bytes(8))
    process = machine.start(KILLED, COUNTER=str(counter))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    time.sleep(chance.uniform(0, 0.5))
    if seed % 2:
        eventually(machine.sender_pids)
        machine.kill_sender()
        time.sleep(chance.uniform(0, 0.2))
    process.kill()
    process.communicate()
    accepted = int.from_bytes(counter.read_bytes(), "little")
    ensure_sender(machine.spool)
    eventually(machine.is_delivered, timeout_s=40)
    stored = numbers(machine)
    assert stored == list(range(len(stored)))
    assert accepted <= len(stored) <= accepted + 1
    assert states(machine) == ["killed"]


def test_a_server_that_is_away_for_a_while_gets_everything(machine: Machine) -> None:
    """FAIL-6"""
    process = machine.start(
        "import isoline, time\n"
        "run = isoline.init()\n"
        "print('ready', flush=True)\n"
        "for n in range(300):\n"
        "    run.log({'n': n}); time.sleep(0.005)\n"
        "print(run.finish(timeout_s=40))\n"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    eventually(lambda: machine.server.memory.runs)
    machine.server.stop()
    time.sleep(1)
    machine.server.start()
    out, _ = process.communicate(timeout=50)
    assert out == "True\n"
    assert numbers(machine) == list(range(300))


def test_a_sender_that_dies_is_started_again(machine: Machine) -> None:
    """FAIL-1"""
    process = machine.start(
        "import isoline, time\n"
        "run = isoline.init()\n"
        "for n in range(100): run.log({'n': n})\n"
        "print('half', flush=True)\n"
        "time.sleep(1)\n"
        "for n in range(100, 200): run.log({'n': n})\n"
        "print(run.finish(timeout_s=40))\n"
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "half\n"
    eventually(machine.sender_pids)
    machine.kill_sender()
    out, err = process.communicate(timeout=50)
    assert out == "True\n", err
    assert numbers(machine) == list(range(200))
    assert len(machine.sender_pids()) == 2


def test_many_trainings_share_one_sender(machine: Machine) -> None:
    code = (
        "import isoline\nrun = isoline.init()\nfor n in range(500): run.log({'n': n})\nprint(run.finish())\n"
    )
    processes = [machine.start(code) for _ in range(4)]
    assert [process.communicate(timeout=50)[0] for process in processes] == ["True\n"] * 4
    assert all(
        [row["n"] for row in run.rows] == list(range(500)) for run in machine.server.memory.runs.values()
    )
    assert len(machine.server.memory.runs) == 4
    assert len(machine.sender_pids()) == 1


def test_forked_and_spawned_processes_continue_the_run(machine: Machine) -> None:
    """FAIL-12: a pool of workers, a spawned process given the run, a child that leaves by the front door."""
    script = machine.spool.parent / "script.py"
    script.write_text(
        "import multiprocessing, os, sys, warnings\n"
        "import isoline\n"
        "warnings.simplefilter('ignore')\n"
        "def work(number):\n"
        "    isoline.log({'worker': number})\n"
        "    return number\n"
        "def given(run):\n"
        "    run.log({'spawned': 1})\n"
        "def silent():\n"
        "    print('a child that logs nothing')\n"
        "if __name__ == '__main__':\n"
        "    run = isoline.init()\n"
        "    run.log({'main': 0})\n"
        "    with multiprocessing.get_context('fork').Pool(3) as pool:\n"
        "        pool.map(work, range(60), chunksize=1)\n"
        "    child = multiprocessing.get_context('spawn').Process(target=given, args=(run,))\n"
        "    child.start(); child.join()\n"
        "    quiet = multiprocessing.get_context('fork').Process(target=silent)\n"
        "    quiet.start(); quiet.join()\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        run.log({'child': 1})\n"
        "        sys.exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "    run.log({'main': 1})\n"
        "    print(run.finish())\n"
    )
    code, out, err = machine.run(f"import runpy; runpy.run_path({str(script)!r}, run_name='__main__')")
    assert (code, out.splitlines()[-1]) == (0, "True"), err
    eventually(machine.is_delivered)
    (run,) = machine.server.memory.runs.values()
    assert numbers(machine, "main") == [0, 1]
    assert sorted(numbers(machine, "worker")) == list(range(60))
    assert (numbers(machine, "spawned"), numbers(machine, "child")) == ([1], [1])
    assert states(machine) == ["finished"]
    assert len(run.streams) <= 6


def test_a_fork_while_other_threads_log_and_print_does_not_hang(machine: Machine) -> None:
    """FAIL-12"""
    code, out, err = machine.run(
        "import os, threading, time, isoline\n"
        "run = isoline.init()\n"
        "is_on = True\n"
        "def work(thread):\n"
        "    n = 0\n"
        "    while is_on:\n"
        "        run.log({f'thread{thread}': n}); print(n, flush=True); n += 1\n"
        "threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]\n"
        "for thread in threads: thread.start()\n"
        "for number in range(12):\n"
        "    pid = os.fork()\n"
        "    if pid == 0:\n"
        "        print('child', flush=True); run.log({'child': number}); os._exit(0)\n"
        "    os.waitpid(pid, 0)\n"
        "is_on = False\n"
        "for thread in threads: thread.join()\n"
        "print(run.finish())\n"
    )
    assert (code, out.splitlines()[-1]) == (0, "True"), err
    eventually(machine.is_delivered)
    assert sorted(numbers(machine, "child")) == list(range(12))


@pytest.mark.parametrize(
    ("ending", "state"),
    [
        ("", "finished"),
        ("raise ValueError('no')", "failed"),
        ("import sys; sys.exit(3)", "failed"),
        ("import sys; sys.exit()", "finished"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "killed"),
        ("import os; os._exit(0)", "killed"),
    ],
)
def test_however_a_program_ends_its_rows_and_state_arrive(machine: Machine, ending: str, state: str) -> None:
    """FAIL-12"""
    machine.run(f"import isoline\nrun = isoline.init()\nrun.log({{'n': 1}})\nprint('printed')\n{ending}\n")
    eventually(machine.is_delivered)
    assert numbers(machine) == [1]
    assert states(machine) == [state]
    run = machine.server.memory.run()
    lines = [
        line["text"] for record in run.records if record["type"] == "console" for line in record["lines"]
    ]
    assert "printed" in lines
    assert ("ValueError: no" in lines) == ("ValueError" in ending)


def test_importing_does_not_load_the_http_client(machine: Machine) -> None:
    code, out, _ = machine.run(
        "import isoline, sys; isoline.init().log({'n': 1})\n"
        "print('httpx' in sys.modules, 'numpy' in sys.modules)"
    )
    assert (code, out) == (0, "False False\n")


def test_a_sender_ends_by_itself_and_another_takes_over(machine: Machine) -> None:
    machine.run("import isoline\nwith isoline.init() as run: run.log({'n': 1})\n")
    eventually(lambda: not machine.has_sender() or machine.stop_sender())
    machine.run("import isoline\nwith isoline.init(project='b') as run: run.log({'n': 2})\n")
    assert machine.server.memory.run("b").rows == [{"n": 2}]
    assert not ensure_sender(machine.spool)
