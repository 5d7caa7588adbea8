"""How long from a batch leaving its writer to the message on a reader's websocket? Alone, and beside eight writers."""

from __future__ import annotations

import json
import multiprocessing
import threading
import time
from dataclasses import dataclass, field
from uuid import uuid4

from websockets.sync.client import connect

from . import load, report
from .load import Connection, Shape, Writing
from .server import Isoline, running

WRITERS = 8
EVERY_S = 0.05


@dataclass
class Heard:
    """total_s: from sending the batch to its message. after_ack_s: from its acknowledgement; negative is sooner."""

    total_s: list[float] = field(default_factory=list)
    after_ack_s: list[float] = field(default_factory=list)
    missed: int = 0


def main() -> None:
    seconds = 5.0 if report.is_quick() else 20.0
    rows = []
    with running() as server:
        rows.append(_row("idle", _measure(server, "idle", seconds)))
        runs = [server.new_run(f"load-{number}") for number in range(WRITERS)]
        orders = [
            Writing(server.address, server.key, run, Shape(1000, 10), seed=number, seconds=seconds + 4)
            for number, run in enumerate(runs)
        ]
        with multiprocessing.get_context("fork").Pool(1) as pool:
            writing = pool.apply_async(_write_all, (orders,))
            time.sleep(2)
            heard = _measure(server, "busy", seconds)
            sent = load.together(writing.get())
        label = f"beside 8 writers at {report.rate(sent.points, sent.seconds)} points"
        rows.append(_row(label, heard))
    header = ["", "sent → message", "acknowledged → message", "messages", "missed"]
    report.table("Append to message on the websocket", header, rows)


def _measure(server: Isoline, name: str, seconds: float) -> Heard:
    """Send a point every EVERY_S to a run that a reader follows."""
    run = server.new_run(name)
    host, port = server.address
    arrived: dict[int, float] = {}
    with connect(
        f"ws://{host}:{port}/api/v1/live", additional_headers={"Authorization": f"Bearer {server.key}"}
    ) as reader:
        reader.send(json.dumps({"type": "subscribe_run", "run": run, "metrics": "*"}))
        while json.loads(reader.recv(timeout=10))["type"] != "subscribed":
            pass
        listening = threading.Thread(target=_listen, args=(reader, arrived), daemon=True)
        listening.start()
        sent, acked = _send(server, run, seconds)
        deadline = time.perf_counter() + 5
        while len(arrived) < len(sent) and time.perf_counter() < deadline:
            time.sleep(0.05)
    heard = Heard(missed=len(sent) - len(arrived))
    for seq, at in arrived.items():
        heard.total_s.append(at - sent[seq])
        heard.after_ack_s.append(at - acked[seq])
    return heard


def _listen(reader: object, arrived: dict[int, float]) -> None:
    try:
        for text in reader:  # type: ignore[attr-defined]
            at = time.perf_counter()
            message = json.loads(text)
            if message["type"] in ("points", "changed") and "seq" in message:
                arrived[message["seq"]] = at
    except OSError:
        return


def _send(server: Isoline, run: str, seconds: float) -> tuple[dict[int, float], dict[int, float]]:
    bodies = load.Bodies(Shape(1, 10), seed=1)
    connection = Connection(server.address, server.key)
    path = f"/runs/{run}/streams/{uuid4()}/batches/"
    sent: dict[int, float] = {}
    acked: dict[int, float] = {}
    for seq in range(int(seconds / EVERY_S)):
        sent[seq] = time.perf_counter()
        status, answer = connection.put(f"{path}{seq}", bodies.body(seq))
        acked[seq] = time.perf_counter()
        if status != 200:
            raise RuntimeError(f"batch {seq} was answered {status}: {answer[:300]!r}")
        time.sleep(max(0.0, sent[seq] + EVERY_S - time.perf_counter()))
    return sent, acked


def _write_all(orders: list[Writing]) -> list[load.Sent]:
    """Writers as threads of one process beside: the reader's clock is to run on a core of its own."""
    answers: list[load.Sent] = []
    threads = [
        threading.Thread(target=lambda order=order: answers.append(load.write(order))) for order in orders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def _row(label: str, heard: Heard) -> list[object]:
    return [
        label,
        report.spread_ms(heard.total_s),
        report.spread_ms(heard.after_ack_s),
        len(heard.total_s),
        heard.missed,
    ]


if __name__ == "__main__":
    main()
