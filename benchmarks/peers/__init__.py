"""Other trackers beside us: each an adapter script that runs in a venv of its own (`make bench-peers`).

An adapter answers some questions, each with one line of JSON at the end of its output. What it needs (a folder, a
database) it gets in the order; a peer that is not installed or fails is reported as such and measured no further.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from apps.operations.engines import postgres_answers, postgres_command, prepare_database, prepare_folder
from apps.operations.layout import OWNER_ROLE, Layout
from tests.faults.up import wait_until

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-peers" / "bin" / "python"
SCRATCH = HERE.parent / "out"
# The slowest peers need minutes to make what is then measured.
TIMEOUT_S = 900

NAMES = {
    "mlflow_server": "MLflow on PostgreSQL",
    "aim_local": "Aim",
    "tensorboard_files": "TensorBoard",
    "trackio_local": "Trackio",
}


class Answer(dict[str, Any]):
    """What an adapter measured, or why it could not."""

    @property
    def is_whole(self) -> bool:
        return "why" not in self

    @property
    def why(self) -> str:
        return str(self.get("why", ""))


def ask_all(question: str, **order: Any) -> Iterator[tuple[str, Answer]]:
    """Ask every installed peer in turn; a peer that does not know the question is left out."""
    for adapter, name in NAMES.items():
        answer = ask(adapter, question, **order)
        if answer.why != "not asked":
            yield name, answer


def ask(adapter: str, question: str, **order: Any) -> Answer:
    if not PYTHON.exists():
        return Answer(why="not installed: make bench-peers")
    SCRATCH.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{adapter}-", dir=SCRATCH))
    try:
        if adapter == "mlflow_server":
            with postgres(folder) as url:
                return _run(adapter, question, {**order, "database": url}, folder)
        return _run(adapter, question, order, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _run(adapter: str, question: str, order: dict[str, Any], folder: Path) -> Answer:
    environment = {
        "PATH": f"{PYTHON.parent}:{os.environ['PATH']}",
        "HOME": str(folder),
        "PYTHONPATH": str(HERE),
        "PYTHONWARNINGS": "ignore",
    }
    command = [
        str(PYTHON),
        str(HERE / f"{adapter}.py"),
        question,
        json.dumps({**order, "folder": str(folder)}),
    ]
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        said, complaints = process.communicate(timeout=TIMEOUT_S)
    except subprocess.TimeoutExpired:
        return Answer(why=f"no answer within {TIMEOUT_S} s")
    finally:
        _end_group(process)
    lines = [line for line in said.splitlines() if line.startswith("{")]
    if process.returncode or not lines:
        print(complaints[-2000:], file=sys.stderr)
        return Answer(why=f"failed: {(complaints.strip().splitlines() or ['no output'])[-1][:120]}")
    return Answer(json.loads(lines[-1]))


def _end_group(process: subprocess.Popen[str]) -> None:
    """An adapter's servers and writers end with it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A PostgreSQL for a peer, with the settings ours has: durable. Yields the address of an empty database."""
    layout = Layout(folder / "pg")
    prepare_folder(layout)
    process = postgres_command(layout).start(output=subprocess.DEVNULL)
    try:
        wait_until(lambda: postgres_answers(layout), within_s=30, what="the start of PostgreSQL")
        prepare_database(layout, "peer")
        yield f"postgresql://{OWNER_ROLE}@/peer?host={layout.sockets}"
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=30)
