"""The spool: what was written comes back, whatever happens to its end or its middle."""

from __future__ import annotations

import errno
import math
import os
import struct
import tempfile
import threading
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from isoline import _spool
from isoline._columns import Limits, SegmentReader
from isoline._frames import Kind, frame, frames
from isoline._locks import FileLock, is_locked
from isoline._memory import MemoryTransport, decoded_rows
from isoline._spool import Manifest, StreamWriter, Unplanned, has_room, segment_numbers, segment_path

from .conftest import deliver, log, make_writer, open_delivery


def rows_of(path: Path) -> list[dict[str, Any]]:
    """Read a segment's rows as the server would see them."""
    reader = SegmentReader(path)
    window = reader.read(0, stop=path.stat().st_size, row=0, limits=Limits.unlimited(), skip=[])
    reader.close()
    if not window.body:
        return []
    rows, _ = decoded_rows(msgspec.msgpack.decode(window.body))
    return [rows[number] for number in sorted(rows)]


def bits(value: Any) -> Any:
    return struct.pack("<d", value) if isinstance(value, float) else (type(value), value)


def test_every_scalar_comes_back_bit_for_bit(spool: Path) -> None:
    values = {
        "float": 0.1,
        "nan": struct.unpack("<d", struct.pack("<Q", 0x7FF8_0000_0000_1234))[0],
        "inf": -math.inf,
        "zero": -0.0,
        "denormal": 5e-324,
        "int": -(2**63),
        "big": 2**63 - 1,
        "bool": True,
        "float32": np.float32(0.1),
        "float64": np.float64(0.1),
        "int8": np.int8(-5),
        "uint32": np.uint32(7),
        "bool_": np.bool_(False),
    }
    writer = make_writer(spool)
    log(writer, values)
    writer.close()
    (row,) = rows_of(segment_path(writer.directory, 0))
    expected = {**values, "float32": float(np.float32(0.1)), "int8": -5, "uint32": 7, "bool_": False}
    assert {name: bits(value) for name, value in row.items()} == {
        name: bits(float(value) if isinstance(value, float) else value) for name, value in expected.items()
    }


def test_an_integer_beyond_int64_is_not_written(spool: Path) -> None:
    writer = make_writer(spool)
    log(writer, {"n": 1})
    with pytest.raises(struct.error):
        writer.append_row({"n": 2**63}, None, None)
    assert (writer.rows, writer.next_step) == (1, 1)


def test_a_new_signature_asks_for_a_plan(spool: Path) -> None:
    writer = make_writer(spool)
    with pytest.raises(Unplanned):
        writer.append_row({"n": 1}, None, None)
    writer.plan({"n": 1})
    writer.append_row({"n": 1}, None, None)
    with pytest.raises(Unplanned):
        writer.append_row({"n": 1.0}, None, None)


def test_steps_count_on_from_the_greatest(spool: Path) -> None:
    writer = make_writer(spool)
    for step in (None, 10, 3, None):
        log(writer, {"n": 1}, step)
    assert writer.next_step == 12


def test_segments_are_complete_in_themselves(spool: Path) -> None:
    writer = make_writer(spool, segment_bytes=2000)
    for number in range(200):
        log(writer, {"n": number, "x": number / 2})
    writer.close()
    numbers = segment_numbers(writer.directory)
    assert len(numbers) > 3
    found = [row for number in numbers for row in rows_of(segment_path(writer.directory, number))]
    assert found == [{"n": number, "x": number / 2} for number in range(200)]


def test_a_program_with_ever_new_names_starts_new_segments(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_spool, "SCHEMAS_MAX", 10)
    writer = make_writer(spool)
    for number in range(95):
        log(writer, {f"name{number}": number})
    writer.close()
    assert len(segment_numbers(writer.directory)) == 10


def test_a_log_inside_a_log_keeps_the_segment(spool: Path) -> None:
    """FAIL-12: a signal handler may log in the middle of a log; the outer's schema must stay valid."""
    writer = make_writer(spool, segment_bytes=300)
    log(writer, {"outer": 1.5})
    put = writer._put
    nested = [0]

    def put_and_log(data: bytes) -> bool:
        if nested[0] < 20:
            nested[0] += 1
            log(writer, {f"inner{nested[0]}": nested[0]})
        return put(data)

    writer._put = put_and_log  # type: ignore[method-assign]
    log(writer, {"outer": 2.5})
    writer._put = put  # type: ignore[method-assign]
    log(writer, {"outer": 3.5})
    writer.close()
    found = [
        row
        for number in segment_numbers(writer.directory)
        for row in rows_of(segment_path(writer.directory, number))
    ]
    assert [row["outer"] for row in found if "outer" in row] == [1.5, 2.5, 3.5]
    assert len(found) == 23


def test_threads_write_whole_records(spool: Path) -> None:
    writer = make_writer(spool, segment_bytes=20_000)

    def work(thread: int) -> None:
        for number in range(500):
            log(writer, {f"thread{thread}": number})

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    found = [
        row
        for number in segment_numbers(writer.directory)
        for row in rows_of(segment_path(writer.directory, number))
    ]
    for number in range(4):
        assert [row[f"thread{number}"] for row in found if f"thread{number}" in row] == list(range(500))
    assert writer.next_step == 2000


# FAIL-5: the disk.


def test_a_full_disk_costs_rows_and_is_counted(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = make_writer(spool)
    log(writer, {"n": 0})

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(_spool, "_write", full)
    log(writer, {"n": 1})
    assert (writer.rows, writer.rows_lost) == (1, 1)
    monkeypatch.undo()
    log(writer, {"n": 2})
    writer.close()
    assert rows_of(segment_path(writer.directory, 0)) == [{"n": 0}, {"n": 2}]


def test_half_a_record_is_taken_back(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = make_writer(spool)
    log(writer, {"n": 0})
    monkeypatch.setattr(_spool, "_write", lambda descriptor, data: os.write(descriptor, data[:20]))
    log(writer, {"n": 1})
    monkeypatch.undo()
    log(writer, {"n": 2})
    writer.close()
    assert rows_of(segment_path(writer.directory, 0)) == [{"n": 0}, {"n": 2}]
    assert writer.rows_lost == 1


def test_half_a_record_that_stays_is_passed_over(spool: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    writer = make_writer(spool)
    log(writer, {"n": 0})

    def stuck(descriptor: int, size: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(_spool, "_write", lambda descriptor, data: os.write(descriptor, data[:20]))
        patch.setattr(os, "ftruncate", stuck)
        log(writer, {"n": 1})
    log(writer, {"n": 2})
    writer.close()
    assert rows_of(segment_path(writer.directory, 0)) == [{"n": 0}, {"n": 2}]


def test_a_segment_that_cannot_be_opened_leaves_the_old_one_in_use(
    spool: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = make_writer(spool, segment_bytes=500)
    log(writer, {"n": 0})

    def no(*_: Any) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(writer, "_open_segment", no)
        for number in range(1, 30):
            log(writer, {"n": number})
    writer.close()
    assert segment_numbers(writer.directory) == [0]
    assert len(rows_of(segment_path(writer.directory, 0))) == 30


def test_the_cap_and_the_reserve_close_the_spool(spool: Path) -> None:
    writer = make_writer(spool)
    assert has_room(spool, max_bytes=10**9, reserve_bytes=0)
    assert not has_room(spool, max_bytes=10, reserve_bytes=0)
    assert not has_room(spool, max_bytes=10**9, reserve_bytes=2**62)
    writer.is_full = True
    log(writer, {"n": 1})
    assert writer.rows_lost == 1


def test_a_lock_ends_with_its_holder(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    lock = FileLock(path)
    assert not is_locked(path)
    assert lock.acquire()
    assert is_locked(path)
    assert not FileLock(path).acquire()
    lock.release()
    assert not is_locked(path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="There is no fork here.")
def test_a_forked_child_leaves_the_stream_to_its_parent(spool: Path) -> None:
    """FAIL-12"""
    writer = make_writer(spool)
    log(writer, {"n": 0})
    child = os.fork()
    if child == 0:
        is_right = writer.is_abandoned
        try:
            writer.append_row({"n": 0}, None, None)
            is_right = False
        except Unplanned:
            pass
        os._exit(0 if is_right else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0
    assert is_locked(writer.directory / _spool.WRITER_LOCK)
    log(writer, {"n": 1})
    writer.close()
    assert len(rows_of(segment_path(writer.directory, 0))) == 2


# FAIL-2: torn and flipped bytes.


def make_segment(spool: Path) -> tuple[bytes, list[tuple[int, int]]]:
    """Return a small segment and where each of its rows lies."""
    writer = make_writer(spool)
    for number in range(6):
        log(writer, {"n": number} if number % 2 else {"x": number / 3, "ok": True})
    writer.close()
    data = segment_path(writer.directory, 0).read_bytes()
    return data, [(found.start, found.end) for found in frames(data) if found.kind == Kind.ROW]


def test_a_segment_cut_at_any_byte_keeps_all_whole_rows(spool: Path, tmp_path: Path) -> None:
    data, places = make_segment(spool)
    path = tmp_path / "cut.seg"
    for size in range(len(data)):
        path.write_bytes(data[:size])
        assert len(rows_of(path)) == sum(end <= size for _, end in places), size


def test_a_byte_flipped_anywhere_costs_at_most_its_own_record(spool: Path, tmp_path: Path) -> None:
    data, places = make_segment(spool)
    whole = list(frames(data))
    schemas = [found for found in whole if found.kind == Kind.SCHEMA]
    path = tmp_path / "flipped.seg"
    path.write_bytes(data)
    everything = rows_of(path)
    for position in range(len(data)):
        damaged = bytearray(data)
        damaged[position] ^= 0x41
        path.write_bytes(damaged)
        hit = [number for number, (start, end) in enumerate(places) if start <= position < end]
        expected = [row for number, row in enumerate(everything) if number not in hit]
        if any(found.start <= position < found.end for found in schemas):
            # Without their schema, the rows of one kind cannot be read; the others can.
            assert len(rows_of(path)) == 3, position
        else:
            assert rows_of(path) == expected, position


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=200), at=st.integers(0, 5))
def test_junk_between_records_is_passed_over(
    tmp_path_factory: pytest.TempPathFactory, junk: bytes, at: int
) -> None:
    records = [frame(Kind.RECORD, b"\x80") for _ in range(6)]
    data = b"".join(records[:at]) + junk + b"".join(records[at:])
    found = [each.kind for each in frames(data)]
    assert found.count(Kind.RECORD) == 6
    assert found.count(Kind.DAMAGE) == (1 if junk else 0)


names = st.sampled_from(["loss", "acc", "épuisé", "a/b", "n"])
scalars = st.one_of(st.floats(), st.integers(-(2**63), 2**63 - 1), st.booleans())


class SpoolMachine(RuleBasedStateMachine):
    """A writer, a sender that comes and goes, a server that loses answers: every row arrives once."""

    @initialize(segment_bytes=st.sampled_from([400, 3000, 10**6]))
    def begin(self, segment_bytes: int) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.spool = Path(self.folder.name)
        self.server = MemoryTransport()
        self.writer = make_writer(self.spool, segment_bytes=segment_bytes)
        self.delivery = open_delivery(self.writer)
        self.logged: list[dict[str, Any]] = []
        self.now = 0.0

    @rule(values=st.dictionaries(names, scalars, min_size=1, max_size=4), times=st.integers(1, 5))
    def log(self, values: dict[str, Any], times: int) -> None:
        for _ in range(times):
            log(self.writer, values)
            self.logged.append(values)

    @rule(steps=st.integers(1, 4), loses=st.booleans())
    def send(self, steps: int, loses: bool) -> None:
        self.server.lose_answer = lambda request: loses
        for _ in range(steps):
            self.now = max(self.now + 2.0, self.delivery.wake_at)
            request = self.delivery.next_request(self.now)
            if request is not None:
                self.delivery.on_answer(self.server.send(request), self.now)

    @rule(answers=st.booleans())
    def kill_sender(self, answers: bool) -> None:
        """Killed before the request went out, or after it arrived and before the answer was noted."""
        request = self.delivery.next_request(self.now + 1000)
        if request is not None and answers:
            self.server.send(request)
        self.delivery.close()
        self.delivery = open_delivery(self.writer)

    @rule()
    def restore_older_server(self) -> None:
        """FAIL-11: the server forgets its last batches."""
        for run in self.server.runs.values():
            for stream in run.streams.values():
                if len(stream.digests) > 1:
                    kept = len(stream.digests) // 2
                    first_row = self.delivery.journal.seal(kept).row
                    del stream.digests[kept:]
                    stream.rows = {n: row for n, row in stream.rows.items() if n < first_row}
                    stream.axes = {n: axis for n, axis in stream.axes.items() if n < first_row}

    @rule()
    def forget_run(self) -> None:
        self.server.runs.clear()

    @invariant()
    def nothing_is_wrong(self) -> None:
        if getattr(self, "server", None) is None or not self.server.runs:
            return
        stored = self.server.run().rows
        assert len(stored) <= len(self.logged)

    def teardown(self) -> None:
        if not hasattr(self, "writer"):
            return
        try:
            self.end()
        finally:
            self.writer.close()
            self.delivery.close()
            self.folder.cleanup()

    def end(self) -> None:
        self.server.lose_answer = lambda request: False
        self.writer.close()
        deliver(self.delivery, self.server)
        # FAIL-11: a server that forgot its end is found out at the next contact.
        self.delivery.offer_again()
        deliver(self.delivery, self.server)
        self.delivery.close()
        got = self.server.run().rows if self.server.runs else []
        wanted = [{name: bits(value) for name, value in row.items()} for row in self.logged]
        assert [{name: bits(value) for name, value in row.items()} for row in got] == wanted


SpoolMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestSpoolMachine = SpoolMachine.TestCase


def test_adopting_a_dead_writers_stream_says_killed(spool: Path) -> None:
    writer = make_writer(spool)
    log(writer, {"n": 1})
    writer.close(is_done=False)
    server = MemoryTransport()
    delivery = open_delivery(writer)
    deliver(delivery, server)
    assert server.run().rows == [{"n": 1}]
    assert [record["state"] for record in server.run().records] == ["killed"]
    assert delivery.status.is_complete


def test_a_dead_worker_leaves_the_runs_state_alone(spool: Path) -> None:
    writer = make_writer(spool, is_primary=False)
    log(writer, {"n": 1})
    writer.close(is_done=False)
    server = MemoryTransport()
    deliver(open_delivery(writer), server)
    assert (server.run().rows, server.run().records) == ([{"n": 1}], [])


def test_a_manifest_survives_the_disk(spool: Path) -> None:
    writer = make_writer(spool, key="iso_secret")
    assert _spool.load_manifest(writer.directory) == writer.manifest
    assert (writer.directory / "key").stat().st_mode & 0o077 == 0
    assert isinstance(writer.manifest, Manifest)
    assert isinstance(writer, StreamWriter)
