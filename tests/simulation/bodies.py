"""Batch bodies in the frozen wire format, written and read by the shortest code that can be right.

An encoder and decoder of their own, so that the simulation also holds `apps.metrics.wire` to the page.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import msgpack

GOOD, BAD = "loss", "bad\x07name"


@dataclass(frozen=True)
class Row:
    """One call of log(). token: a number no other row of the history has, and the value logged.

    refused: the call also logs under a name the server must reject.
    """

    row: int
    step: int
    time_us: int
    token: int
    refused: bool = False


@dataclass(frozen=True)
class Record:
    """One record that is not a scalar, again known by its token."""

    token: int


Entry = Row | Record


@dataclass(frozen=True)
class Point:
    """What a reader sees of a Row."""

    stream: str
    row: int
    step: int
    time_us: int
    token: int


class Malformed(Exception):
    """The body is not a batch."""


def digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=8).digest()


def seal(entries: list[Entry]) -> bytes:
    """Return the one body these entries are sent as, now and on every resend."""
    rows = [entry for entry in entries if isinstance(entry, Row)]
    records = [entry for entry in entries if isinstance(entry, Record)]
    batch: dict[str, Any] = {"v": 1}
    if rows:
        blocks: list[dict[str, Any]] = [
            {"kind": "f64", "names": [GOOD], "values": _pack("d", [row.token for row in rows])}
        ]
        at = [index for index, row in enumerate(rows) if row.refused]
        if at:
            values = _pack("q", [rows[index].token for index in at])
            blocks.append({"kind": "i64", "names": [BAD], "at": _pack("I", at), "values": values})
        batch["groups"] = [
            {
                "n": len(rows),
                "row": _pack("q", [row.row for row in rows]),
                "step": _pack("q", [row.step for row in rows]),
                "time": _pack("q", [row.time_us for row in rows]),
                "blocks": blocks,
            }
        ]
    if records:
        batch["records"] = [
            {"type": "config", "set": {f"t{record.token}": record.token}} for record in records
        ]
    return bytes(msgpack.packb(batch))


def open_body(stream: str, body: bytes) -> tuple[list[Point], list[int], int]:
    """Return a body's points, its records' tokens, and how many of its values are to be rejected.

    Raises Malformed.
    """
    try:
        batch = msgpack.unpackb(body)
        points, refused = [], 0
        for group in batch.get("groups", []):
            axes = [_unpack("q", group[name]) for name in ("row", "step", "time")]
            for block in group["blocks"]:
                if block["names"] == [BAD]:
                    refused += len(block["values"]) // 8
                    continue
                values = _unpack("d", block["values"])
                points += [
                    Point(stream, row, step, time_us, int(value))
                    for row, step, time_us, value in zip(*axes, values, strict=True)
                ]
        tokens = [next(iter(record["set"].values())) for record in batch.get("records", [])]
    except Exception as error:
        raise Malformed(str(error)) from error
    return points, tokens, refused


def _pack(letter: str, numbers: list[int]) -> bytes:
    return struct.pack(f"<{len(numbers)}{letter}", *numbers)


def _unpack(letter: str, data: bytes) -> tuple[Any, ...]:
    size = struct.calcsize(f"<{letter}")
    return struct.unpack(f"<{len(data) // size}{letter}", data)
