"""Trackio: its own client and its own SQLite file on this machine, read back from that file."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import time
from pathlib import Path

from asked import Order, answer, folder_bytes, in_processes, values

METRICS = 10


def write(order: Order) -> int:
    os.environ["TRACKIO_DIR"] = f"{order['folder']}/trackio"
    import trackio

    trackio.init(project="bench", name=f"run-{order['writer']}", embed=False)
    noise = values(100, order["writer"])
    names = order.get("names") or [f"metric_{number:02d}" for number in range(METRICS)]
    step, begun = 0, time.monotonic()
    while time.monotonic() - begun < order.get("seconds", 1e9) and step < order.get("points", 2**62):
        trackio.log(dict.fromkeys(names, noise[step % 100]), step=step)
        step += 1
    trackio.finish()
    return step * len(names)


def stored_points(folder: str) -> int:
    stored = 0
    for path in Path(folder, "trackio").rglob("*.db"):
        with sqlite3.connect(path) as database:
            tables = {
                name for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
            }
            if "metrics" in tables:
                for (text,) in database.execute("SELECT metrics FROM metrics"):
                    stored += len(json.loads(text))
    return stored


def ingest(order: Order) -> Order:
    points, took_s = in_processes(write, order)
    return {
        "points": points,
        "stored": stored_points(order["folder"]),
        "seconds": took_s,
        "readable_s": took_s,
        "note": "SQLite on this machine, one process each, `finish()` included",
    }


def disk(order: Order) -> Order:
    in_processes(write, order)
    return {"stored": stored_points(order["folder"]), "bytes": folder_bytes(f"{order['folder']}/trackio")}


def chart(order: Order) -> Order:
    """What its dashboard does for a chart: all logs of the run out of SQLite."""
    write({**order, "writer": 0, "names": ["loss"]})
    from trackio.sqlite_storage import SQLiteStorage

    took, points = [], 0
    for _ in range(3):
        begun = time.perf_counter()
        points = len(SQLiteStorage.get_logs("bench", "run-0"))
        took.append(time.perf_counter() - begun)
    return {"seconds": statistics.median(took), "note": f"{points:,} points, without drawing"}


if __name__ == "__main__":
    answer({"ingest": ingest, "disk": disk, "chart": chart})
