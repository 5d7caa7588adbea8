"""FAIL-7, DOS-2, INV-4: bodies repeated, out of order, cut, spoilt, in the wrong coding, and bombs."""

from __future__ import annotations

import gzip
import socket
import time
import zlib
from collections.abc import Iterator
from typing import Any

import pytest
import zstandard

from . import oracle
from .conftest import Start
from .up import Up
from .workload import Training

GIGABYTE = 1 << 30
# The cap of 32 MiB twice: as it grows in the decoder, and as one piece.
CEILING_MIB = 80


def test_fail_7_every_batch_again_and_again(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    training.log_and_drain(6)
    for seq in [*range(6), *reversed(range(6))]:
        assert writer.put(seq).json["status"] == "duplicate"
    oracle.settle(training)
    for seq in range(6):
        assert writer.put(seq).json["status"] == "duplicate"
    oracle.check(training)


def test_fail_7_a_repeat_may_be_encoded_otherwise(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    training.log_and_drain(1)
    body = training.journal.batches[0].body
    for encoding, packed in (("gzip", gzip.compress(body)), ("zstd", zstandard.compress(body))):
        answer = writer.put(0, packed, {"Content-Encoding": encoding})
        assert answer.json["status"] == "duplicate"
    oracle.check(training)


def test_fail_7_out_of_order_is_a_gap_and_changes_nothing(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    writer.log(5)
    for seq in (4, 2, 3, 1):
        answer = writer.put(seq)
        assert (answer.status, answer.code) == (409, "gap")
        assert answer.json["error"]["details"] == {"expected": 0}
    assert _ledger(training)["batches"] == 0
    writer.drain()
    oracle.check(training)


def test_fail_10_a_cloned_spool_diverges_and_both_are_kept(start: Start) -> None:
    """Two machines believe they are one writer: the second goes on in a stream of its own."""
    training = start(writers=2)
    one, other = training.writers
    other.stream = one.stream
    other.row = 1_000_000
    for _ in range(5):
        training.log_and_drain(1)
    assert other.stream != one.stream
    oracle.settle(training)


def test_fail_7_lost_batches_are_recorded(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    writer.log(6)
    for seq in (0, 1):
        assert writer.put(seq).status == 200
    answer = writer.put(5, headers={"Isoline-Lost": "2-4"})
    assert answer.json["lost"] == [[2, 4]]
    assert writer.put(3).code == "diverged"
    (lost,) = _ledger(training)["lost"]
    assert (lost["first"], lost["last"]) == (2, 4)
    read = {row[0] for row in oracle.rows(writer.client, training.run)}
    kept = {token for seq in (0, 1, 5) for token in training.journal.batches[seq].token.tolist()}
    assert read == kept


@pytest.mark.parametrize("share", [0.0, 0.3, 0.99])
def test_fail_7_a_connection_that_breaks_inside_the_body(start: Start, share: float) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    writer.log()
    body = training.journal.batches[0].body
    with socket.create_connection((training.up.host, training.up.port)) as raw:
        head = f"PUT /api/v1{writer.path(0)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {training.key}\r\n"
        kind = f"Content-Type: application/msgpack\r\nContent-Length: {len(body)}\r\n\r\n"
        raw.sendall((head + kind).encode() + body[: int(len(body) * share)])
        time.sleep(0.05)
    assert _ledger(training)["batches"] == 0
    writer.drain()
    assert training.journal.duplicates == 0
    oracle.check(training)


def _spoilt(body: bytes) -> Iterator[tuple[str, bytes, dict[str, str]]]:
    yield "empty", b"", {}
    yield "cut", body[:-7], {}
    yield "more", body + b"\x00", {}
    yield "not msgpack", b"\xc1" * 100, {}
    yield "flipped map", b"\x93" + body[1:], {}
    yield "gzip that is none", body, {"Content-Encoding": "gzip"}
    yield "zstd that is none", body, {"Content-Encoding": "zstd"}
    yield "gzip cut short", gzip.compress(body)[:-9], {"Content-Encoding": "gzip"}
    yield "zstd cut short", zstandard.compress(body)[:-4], {"Content-Encoding": "zstd"}
    yield "gzip with another crc", gzip.compress(body)[:-8] + bytes(8), {"Content-Encoding": "gzip"}
    yield "json that is msgpack", body, {"Content-Type": "application/json"}
    yield "deep json", b"[" * 100_000, {"Content-Type": "application/json"}


def test_inv_4_spoilt_bodies_change_nothing(start: Start) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    writer.log()
    for what, body, headers in _spoilt(training.journal.batches[0].body):
        answer = writer.put(0, body, headers)
        assert answer.status == 400, (what, answer.status, answer.body)
        assert answer.code, what
        assert _ledger(training)["batches"] == 0, what
    for headers in ({"Content-Encoding": "br"}, {"Content-Type": "text/plain"}):
        assert writer.put(0, headers=headers).status == 415
    writer.drain()
    oracle.check(training)


def _gzip_bomb() -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(GIGABYTE >> 20)), packer.flush()])


def _zstd_bomb() -> bytes:
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    return b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(GIGABYTE >> 20)), packer.flush()])


@pytest.mark.parametrize(("encoding", "bomb"), [("gzip", _gzip_bomb), ("zstd", _zstd_bomb)])
def test_dos_2_a_bomb_is_refused_at_little_cost(start: Start, encoding: str, bomb: Any) -> None:
    training = start(writers=1)
    (writer,) = training.writers
    writer.log()
    body = bomb()
    for _ in range(3):
        before = _peaks_mib(training.up)
        answer = writer.put(0, body, {"Content-Encoding": encoding})
        assert answer.status == 413, answer.body
        grown = {pid: peak - before.get(pid, peak) for pid, peak in _peaks_mib(training.up).items()}
        assert max(grown.values()) < CEILING_MIB, grown
    writer.drain()
    oracle.check(training)


def test_g_9_a_body_over_the_cap_is_refused_while_it_arrives(start: Start) -> None:
    """Chunked, without a length, without end: the answer or the end of the connection comes soon."""
    training = start(writers=1)
    (writer,) = training.writers
    before = _peaks_mib(training.up)
    with socket.create_connection((training.up.host, training.up.port), timeout=20) as raw:
        head = f"PUT /api/v1{writer.path(0)} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {training.key}\r\n"
        kind = "Content-Type: application/msgpack\r\nTransfer-Encoding: chunked\r\n\r\n"
        raw.sendall((head + kind).encode())
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        sent = 0
        try:
            while sent < 256:
                raw.sendall(chunk)
                sent += 1
        except OSError:
            pass
        answer = _receive(raw)
    assert sent < 256
    assert not answer or answer.startswith(b"HTTP/1.1 413"), answer[:200]
    grown = {pid: peak - before.get(pid, peak) for pid, peak in _peaks_mib(training.up).items()}
    assert max(grown.values()) < CEILING_MIB, grown
    writer.log()
    writer.drain()
    oracle.check(training)


def _receive(raw: socket.socket) -> bytes:
    try:
        return raw.recv(4096)
    except OSError:
        return b""


def _ledger(training: Training) -> Any:
    return training.writers[0].client.get(f"/runs/{training.run}/ledger")


def _peaks_mib(up: Up) -> dict[int, float]:
    """The highest resident size each web process has had."""
    peaks = {}
    for process in up.processes("web"):
        with open(f"/proc/{process.pid}/status") as status:
            peak = next(line for line in status if line.startswith("VmHWM:"))
        peaks[process.pid] = int(peak.split()[1]) / 1024
    return peaks
