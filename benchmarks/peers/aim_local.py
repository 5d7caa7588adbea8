"""Aim: its own client on a repository on this machine, read back by its own query."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from asked import Order, answer, folder_bytes, in_processes, values

METRICS = 10


def write(order: Order) -> int:
    import aim

    run = aim.Run(repo=order["folder"], system_tracking_interval=None, log_system_params=False)
    noise = values(100, order["writer"])
    step, begun = 0, time.monotonic()
    while time.monotonic() - begun < order["seconds"]:
        for number in range(METRICS):
            run.track(noise[step % 100], name=f"metric_{number:02d}", step=step)
        step += 1
    run.close()
    return step * METRICS


def stored_points(folder: str) -> int:
    """Runs written by other processes are found once the repository is indexed."""
    import aim

    command = [str(Path(sys.executable).with_name("aim")), "storage", "--repo", folder, "reindex"]
    subprocess.run(command, input=b"y\n", check=True, capture_output=True)
    repo = aim.Repo(folder)
    stored = 0
    for run in repo.iter_runs():
        for metric in run.metrics():
            stored += len(metric.values.sparse_numpy()[0])
    return stored


def ingest(order: Order) -> Order:
    import aim

    aim.Repo(order["folder"], init=True)
    points, took_s = in_processes(write, order)
    begun = time.perf_counter()
    stored = stored_points(order["folder"])
    return {
        "points": points,
        "stored": stored,
        "seconds": took_s,
        "readable_s": took_s + time.perf_counter() - begun,
        "note": "files on this machine; readable once indexed and read by its own query",
    }


def disk(order: Order) -> Order:
    import aim

    aim.Repo(order["folder"], init=True)
    in_processes(write, order)
    return {"stored": stored_points(order["folder"]), "bytes": folder_bytes(f"{order['folder']}/.aim")}


if __name__ == "__main__":
    answer({"ingest": ingest, "disk": disk})
