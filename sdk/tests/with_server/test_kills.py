"""FAIL-1 for the client: SIGKILL at random moments, of trainings and of the sender beside them.

`ISOLINE_TEST_KILLS` says how often; a hundred take some minutes.
"""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from isoline import Api
from isoline._launch import SENDER_LOG, ensure_sender
from isoline._spool import load_status, stream_directories
from tests.conftest import eventually

KILLS = int(os.environ.get("ISOLINE_TEST_KILLS", "15"))

# What `log()` has accepted is counted in a mapped file, which survives the process.
TRAINING = """
import isoline, mmap, os, sys
counter = mmap.mmap(os.open(sys.argv[1], os.O_RDWR), 8)
run = isoline.init(project=sys.argv[2], name=sys.argv[3])
print("ready", flush=True)
n = 0
while True:
    run.log({"n": n, "x": n / 3} if n % 5 else {"n": n})
    n += 1
    counter[:8] = n.to_bytes(8, "little")
"""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="SIGKILL is POSIX's.")


@pytest.mark.timeout(120 + 10 * KILLS)
def test_kills_lose_nothing_that_log_accepted_and_send_nothing_twice(
    api: Api, project: str, home: Path
) -> None:
    """INV-6: each run has all the rows that were accepted, at most the one under way more, and each once."""
    chance = random.Random(project)
    spool = home / "spool"
    accepted = [kill_a_training(chance, home, project, number) for number in range(KILLS)]
    ensure_sender(spool)
    eventually(lambda: all(load_status(each).is_complete for each in stream_directories(spool)), timeout_s=90)
    for number, count in enumerate(accepted):
        run = api.run(f"alice/{project}/run{number}")
        stored = [row.values["n"] for row in run.rows()]
        assert stored == list(range(len(stored)))
        assert count <= len(stored) <= count + 1
        assert run.state == "killed"


def kill_a_training(chance: random.Random, home: Path, project: str, number: int) -> int:
    """Start a training, kill it, in every second case the sender before it; return what it had logged."""
    counter = home / f"counter{number}"
    counter.write_bytes(bytes(8))
    command = [sys.executable, "-c", TRAINING, str(counter), project, f"run{number}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout is not None
    with process.stdout as said:
        assert said.readline() == "ready\n"
    time.sleep(chance.uniform(0, 0.5))
    if number % 2:
        kill_sender(home / "spool")
        time.sleep(chance.uniform(0, 0.2))
    process.kill()
    process.wait()
    return int.from_bytes(counter.read_bytes(), "little")


def kill_sender(spool: Path) -> None:
    begun = eventually(lambda: re.findall(r"Sender (\d+) begins", (spool / SENDER_LOG).read_text()))
    with suppress(ProcessLookupError):
        os.kill(int(begun[-1]), signal.SIGKILL)
