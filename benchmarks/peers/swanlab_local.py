"""SwanLab: its own client in local mode, lines of JSON on this machine, read back from those."""

from __future__ import annotations

import time
from pathlib import Path

from asked import Order, answer, folder_bytes, in_processes, values

METRICS = 10


def write(order: Order) -> int:
    import swanlab

    swanlab.init(
        mode="local",
        log_dir=f"{order['folder']}/swanlab",
        project="bench",
        name=f"run-{order['writer']}",
        settings=swanlab.Settings(),
    )
    noise = values(100, order["writer"])
    names = [f"metric_{number:02d}" for number in range(METRICS)]
    step, begun = 0, time.monotonic()
    while time.monotonic() - begun < order["seconds"]:
        swanlab.log(dict.fromkeys(names, noise[step % 100]), step=step)
        step += 1
    swanlab.finish()
    return step * METRICS


def stored_points(folder: str) -> int:
    """System metrics, which it logs beside ours, lie under names of their own."""
    stored = 0
    for path in Path(folder, "swanlab").glob("run-*/logs/*/*.log"):
        if not path.parent.name.startswith("__"):
            with path.open("rb") as lines:
                stored += sum(1 for _ in lines)
    return stored


def ingest(order: Order) -> Order:
    points, took_s = in_processes(write, order)
    return {
        "points": points,
        "stored": stored_points(order["folder"]),
        "seconds": took_s,
        "readable_s": took_s,
        "note": "files on this machine, `finish()` included",
    }


def disk(order: Order) -> Order:
    in_processes(write, order)
    return {"stored": stored_points(order["folder"]), "bytes": folder_bytes(f"{order['folder']}/swanlab")}


if __name__ == "__main__":
    answer({"ingest": ingest, "disk": disk})
