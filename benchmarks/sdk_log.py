"""What does the Python SDK cost a training, and how much gets through?

Targets: `log()` of ten scalars, durable against kill -9, p50 ≤ 8 µs and p99 ≤ 40 µs; `import isoline` ≤ 100
ms, `init` ≤ 200 ms; eight trainings through one sender at ≥ 300,000 points a second until the server has
them.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from .report import is_quick, rate, table
from .server import Isoline, running

SDK = Path(__file__).parent.parent / "sdk" / "src"

# In a process of its own, as a user has it. Prints one JSON object.
TRAINING = """
import json, random, sys, time
begun = time.perf_counter()
import isoline
imported = time.perf_counter()
run = isoline.init(project="benchmarks", quiet=True)
ready = time.perf_counter()
rows, is_timed = int(sys.argv[1]), sys.argv[2] == "timed"
names = [f"metric{number}" for number in range(10)]
values = [[random.random() for _ in names] for _ in range(1000)]
clock = time.perf_counter_ns
calls = []
started = time.perf_counter()
for number in range(rows):
    metrics = dict(zip(names, values[number % 1000]))
    before = clock()
    run.log(metrics)
    if is_timed:
        calls.append(clock() - before)
logged = time.perf_counter()
is_there = run.finish(timeout_s=300)
done = time.perf_counter()
calls.sort()
at = lambda share: calls[int(len(calls) * share)] / 1000 if calls else None
print(json.dumps({
    "import_ms": (imported - begun) * 1e3, "init_ms": (ready - imported) * 1e3, "is_there": is_there,
    "logged_s": logged - started, "finished_s": done - logged, "calls": len(calls),
    "p50_us": at(0.5), "p99_us": at(0.99), "p999_us": at(0.999), "max_us": at(1 - 1e-9) if calls else None,
}))
"""


def main() -> None:
    with (
        running() as server,
        tempfile.TemporaryDirectory(prefix="spool-", dir=Path(__file__).parent / "out") as spool,
    ):
        environment = environment_for(server, spool)
        try:
            one_call(environment)
            eight_trainings(environment, spool)
        finally:
            stop_sender(spool)


def one_call(environment: dict[str, str]) -> None:
    """A loop that does nothing but log is the hardest case: the sender works beside it all the time."""
    rows = 20_000 if is_quick() else 300_000
    (found,) = trainings(environment, rows, count=1, is_timed=True)
    table(
        f"`log()` of 10 scalars, {rows:,} times, online",
        ("", "measured", "target"),
        [
            ("p50", f"{found['p50_us']:.1f} µs", "8 µs"),
            ("p99", f"{found['p99_us']:.1f} µs", "40 µs"),
            ("p99.9", f"{found['p999_us']:.0f} µs", ""),
            ("import isoline", f"{found['import_ms']:.0f} ms", "100 ms"),
            ("init", f"{found['init_ms']:.0f} ms", "200 ms"),
            ("finish, after the last log", f"{found['finished_s'] * 1e3:.0f} ms", ""),
        ],
    )


def eight_trainings(environment: dict[str, str], spool: str) -> None:
    """From the first `log()` until `finish()` has said that the server has everything: readable from then on."""
    rows = 5_000 if is_quick() else 100_000
    before = sender_cpu_s(spool)
    found = trainings(environment, rows, count=8, is_timed=False)
    if not all(each["is_there"] for each in found):
        raise RuntimeError("A training ended before the server had its rows.")
    points = 8 * rows * 10
    longest_s = max(each["logged_s"] + each["finished_s"] for each in found)
    process = psutil.Process(sender_pid(spool))
    table(
        f"8 trainings, {points:,} points, through one sender",
        ("points/s", "target", "all on the server after", "sender CPU", "sender memory"),
        [
            (
                rate(points, longest_s),
                "300 k/s",
                f"{longest_s:.1f} s",
                f"{sender_cpu_s(spool) - before:.1f} s",
                f"{process.memory_info().rss / 1e6:.0f} MB",
            )
        ],
    )


def environment_for(server: Isoline, spool: str) -> dict[str, str]:
    host, port = server.address
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ISOLINE_")}
    return {
        **kept,
        "PYTHONPATH": str(SDK),
        "XDG_CONFIG_HOME": spool,
        "ISOLINE_SPOOL": spool,
        "ISOLINE_URL": f"http://{host}:{port}",
        "ISOLINE_API_KEY": server.key,
    }


def trainings(environment: dict[str, str], rows: int, *, count: int, is_timed: bool) -> list[dict[str, Any]]:
    """Run trainings side by side and return what each has measured."""
    command = [sys.executable, "-c", TRAINING, str(rows), "timed" if is_timed else "plain"]
    processes = [
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) for _ in range(count)
    ]
    return [json.loads(process.communicate()[0]) for process in processes]


def sender_pid(spool: str) -> int:
    text = (Path(spool) / "sender.log").read_text()
    return int(re.findall(r"Sender (\d+) begins", text)[-1])


def sender_cpu_s(spool: str) -> float:
    times = psutil.Process(sender_pid(spool)).cpu_times()
    return float(times.user + times.system)


def stop_sender(spool: str) -> None:
    process = psutil.Process(sender_pid(spool))
    process.send_signal(signal.SIGTERM)
    deadline = time.monotonic() + 20
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE and time.monotonic() < deadline:
        time.sleep(0.05)


if __name__ == "__main__":
    main()
