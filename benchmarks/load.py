"""Load that costs little: bodies are put together from prepared parts and go out on raw sockets.

Generator and server share two cores, so every microsecond spent here is missing there.
"""

from __future__ import annotations

import json
import multiprocessing
import socket
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

import msgpack
import numpy as np

BASE_TIME_US = 1_700_000_000_000_000


class Connection:
    """HTTP/1.1 as far as a writer needs it."""

    def __init__(self, address: tuple[str, int], key: str) -> None:
        self._socket = socket.create_connection(address, timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._head = f" HTTP/1.1\r\nHost: {address[0]}\r\nAuthorization: Bearer {key}\r\n"
        self._rest = b""

    def put(self, path: str, body: bytes, content_type: str = "application/msgpack") -> tuple[int, bytes]:
        head = f"PUT /api/v1{path}{self._head}Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
        self._socket.sendall(head.encode() + body)
        return self._answer()

    def get(self, path: str) -> tuple[int, bytes]:
        self._socket.sendall(f"GET {path}{self._head}\r\n".encode())
        return self._answer()

    def _answer(self) -> tuple[int, bytes]:
        data = self._rest
        while (end := data.find(b"\r\n\r\n")) < 0:
            data += self._more()
        head = data[:end].lower()
        length = int(head.split(b"content-length:", 1)[1].split(b"\r\n", 1)[0])
        while len(data) < end + 4 + length:
            data += self._more()
        self._rest = data[end + 4 + length :]
        return int(head[9:12]), data[end + 4 : end + 4 + length]

    def _more(self) -> bytes:
        chunk = self._socket.recv(1 << 18)
        if not chunk:
            raise ConnectionError("the server closed the connection")
        return chunk


@dataclass(frozen=True)
class Shape:
    """What a batch looks like. single: values that were a float32 once."""

    rows: int
    metrics: int
    single: bool = False

    @property
    def points(self) -> int:
        return self.rows * self.metrics

    @property
    def names(self) -> list[str]:
        return [f"metric_{number:02d}" for number in range(self.metrics)]


def noisy_values(shape: Shape, *, seed: int) -> np.ndarray:
    """A noisy loss curve for each metric: the hard case for compression."""
    draw = np.random.default_rng(seed)
    curve = 1.0 / np.sqrt(1 + np.arange(shape.rows))
    values = curve + draw.normal(0, 0.1, (shape.metrics, shape.rows)) + draw.random((shape.metrics, 1))
    return values.astype(np.float32).astype(np.float64) if shape.single else values


class Bodies:
    """The bodies of one stream: the same few blocks of values again and again, on an axis that goes on."""

    def __init__(self, shape: Shape, *, seed: int, variants: int = 8) -> None:
        self.shape = shape
        self._blocks = [
            msgpack.packb(
                [
                    {
                        "kind": "f64",
                        "names": shape.names,
                        "values": noisy_values(shape, seed=seed * 1000 + number).astype("<f8").tobytes(),
                    }
                ]
            )
            for number in range(variants)
        ]

    def body(self, seq: int) -> bytes:
        first = seq * self.shape.rows
        axis = msgpack.packb
        return b"".join(
            (
                b"\x82\xa1v\x01\xa6groups\x91\x85\xa1n",
                axis(self.shape.rows),
                b"\xa3row",
                axis([first, 1]),
                b"\xa4step",
                axis([first, 1]),
                b"\xa4time",
                axis([BASE_TIME_US + first * 1000, 1000]),
                b"\xa6blocks",
                self._blocks[seq % len(self._blocks)],
            )
        )


@dataclass
class Sent:
    """What one writer saw. ack_s: seconds from sending to the acknowledgement, per batch."""

    batches: int = 0
    points: int = 0
    refused: int = 0
    seconds: float = 0.0
    ack_s: list[float] = field(default_factory=list)


@dataclass(frozen=True)
class Writing:
    """One writer's order: a run, the shape of its batches, and when to stop."""

    address: tuple[str, int]
    key: str
    run: str
    shape: Shape
    seed: int
    seconds: float = float("inf")
    batches: int = 2**62
    first_step: int = 0


def write(order: Writing) -> Sent:
    """Send batches one after the other, each acknowledged before the next."""
    bodies = Bodies(order.shape, seed=order.seed)
    connection = Connection(order.address, order.key)
    path = f"/runs/{order.run}/streams/{uuid4()}/batches/"
    sent, clock = Sent(), time.perf_counter
    begun = clock()
    while sent.batches < order.batches and clock() - begun < order.seconds:
        body = bodies.body(sent.batches)
        asked = clock()
        status, answer = connection.put(f"{path}{sent.batches}", body)
        if status == 429 or status >= 500:
            sent.refused += 1
            time.sleep(0.05)
            continue
        if status != 200 or json.loads(answer)["status"] != "acked":
            raise RuntimeError(f"batch {sent.batches} was answered {status}: {answer[:300]!r}")
        sent.ack_s.append(clock() - asked)
        sent.batches += 1
        sent.points += order.shape.points
    sent.seconds = clock() - begun
    return sent


def in_processes(orders: list[Writing]) -> list[Sent]:
    """Run each order in a process of its own, all at once."""
    with multiprocessing.get_context("fork").Pool(len(orders)) as pool:
        return pool.map(write, orders, chunksize=1)


def together(answers: list[Sent]) -> Sent:
    """All writers as one: counts added, the longest time."""
    return Sent(
        sum(each.batches for each in answers),
        sum(each.points for each in answers),
        sum(each.refused for each in answers),
        max(each.seconds for each in answers),
        [took for each in answers for took in each.ack_s],
    )


def chunks(values: list[Any], size: int) -> Iterator[list[Any]]:
    for start in range(0, len(values), size):
        yield values[start : start + size]
