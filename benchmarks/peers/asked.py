"""The adapters' side of the order: a question and its JSON in, one line of JSON out. Standard library only."""

from __future__ import annotations

import json
import multiprocessing
import random
import socket
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

Order = dict[str, Any]


def answer(questions: dict[str, Callable[[Order], Order]]) -> None:
    """Answer what the command line asks."""
    question = questions.get(sys.argv[1])
    told = question(json.loads(sys.argv[2])) if question else {"why": "not asked"}
    print(json.dumps(told), flush=True)


def in_processes(work: Callable[[Order], int], order: Order) -> tuple[int, float]:
    """Run `writers` of them at once; return what they wrote together and the seconds it took."""
    begun = time.perf_counter()
    with multiprocessing.get_context("spawn").Pool(order["writers"]) as pool:
        written = pool.map(
            work, [{**order, "writer": number} for number in range(order["writers"])], chunksize=1
        )
    return sum(written), time.perf_counter() - begun


def values(count: int, seed: int) -> list[float]:
    """A noisy loss curve."""
    draw = random.Random(seed)
    return [1 / (1 + number) ** 0.5 + draw.gauss(0, 0.1) for number in range(count)]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def folder_bytes(folder: str) -> int:
    return sum(path.stat().st_blocks * 512 for path in Path(folder).rglob("*") if path.is_file())


def pss_mib(pids: list[int]) -> float:
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total / 1024
