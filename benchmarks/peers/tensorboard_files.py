"""TensorBoard: event files written by its own writer, read by its own loader and server."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from pathlib import Path

from asked import Order, answer, folder_bytes, free_port, in_processes, values

METRICS = 10


def write(order: Order) -> int:
    from tensorboard.compat.proto.event_pb2 import Event
    from tensorboard.compat.proto.summary_pb2 import Summary
    from tensorboard.summary.writer.event_file_writer import EventFileWriter

    writer = EventFileWriter(f"{order['folder']}/logs/run-{order['writer']}", max_queue_size=1000)
    noise = values(100, order["writer"])
    step, begun = 0, time.monotonic()
    limit = order.get("points", 2**62)
    names = order.get("names") or [f"metric_{number:02d}" for number in range(METRICS)]
    while time.monotonic() - begun < order.get("seconds", 1e9) and step < limit:
        for name in names:
            summary = Summary(value=[Summary.Value(tag=name, simple_value=noise[step % 100])])
            writer.add_event(Event(wall_time=1_700_000_000.0 + step, step=step, summary=summary))
        step += 1
    writer.close()
    return step * len(names)


def count(folder: str) -> int:
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    stored = 0
    for path in Path(folder).rglob("*tfevents*"):
        for raw in RawEventFileLoader(str(path)).Load():
            stored += len(Event.FromString(raw).summary.value)
    return stored


def ingest(order: Order) -> Order:
    points, _ = in_processes(write, order)
    begun = time.perf_counter()
    stored = count(order["folder"])
    return {
        "points": points,
        "stored": stored,
        "seconds": order["seconds"],
        "readable_s": order["seconds"] + time.perf_counter() - begun,
        "note": "files on this machine, no fsync; readable once its loader has read them",
    }


def disk(order: Order) -> Order:
    in_processes(write, order)
    return {"stored": count(order["folder"]), "bytes": folder_bytes(f"{order['folder']}/logs")}


def chart(order: Order) -> Order:
    write({**order, "writer": 0, "names": ["loss"]})
    port = free_port()
    command = [str(Path(sys.executable).with_name("tensorboard")), "--logdir", f"{order['folder']}/logs"]
    process = subprocess.Popen(
        [*command, "--port", str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    asked = urllib.parse.urlencode({"run": "run-0", "tag": "loss"})
    url = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?{asked}"
    deadline = time.monotonic() + 300
    took: list[float] = []
    points: list[list[float]] = []
    while len(took) < 5:
        try:
            begun = time.perf_counter()
            with urllib.request.urlopen(url, timeout=60) as told:
                points = json.loads(told.read())
            is_loaded = points[-1][1] >= order["points"] - 1
            if is_loaded:
                took.append(time.perf_counter() - begun)
        except OSError:
            is_loaded = False
        if not is_loaded:
            if time.monotonic() > deadline:
                raise RuntimeError("the server does not load the file")
            time.sleep(1)
    process.kill()
    return {"seconds": statistics.median(took), "note": f"a reservoir of {len(points)} points"}


if __name__ == "__main__":
    answer({"ingest": ingest, "disk": disk, "chart": chart})
