"""The delivery: every row of the protocol's table, and a seeded simulation whose mutants are caught."""

from __future__ import annotations

import os
import random
import uuid
from pathlib import Path
from typing import Any

import pytest

from isoline import _delivery, _journal
from isoline._columns import Limits
from isoline._delivery import Delivery
from isoline._memory import MemoryTransport, decoded_rows
from isoline._spool import StreamWriter, load_status, segment_path
from isoline._transport import Answer, Request

from .conftest import deliver, log, make_writer, open_delivery


def logged(writer: StreamWriter, count: int, *, first: int = 0) -> list[dict[str, Any]]:
    rows = [{"n": number, "x": number / 3} for number in range(first, first + count)]
    for row in rows:
        log(writer, row)
    return rows


def step(delivery: Delivery, server: MemoryTransport, now: float = 0.0) -> Request | None:
    """Let one request happen."""
    request = delivery.next_request(now)
    if request is not None:
        delivery.on_answer(server.send(request), now)
    return request


def placed(writer: StreamWriter, server: MemoryTransport, **options: Any) -> Delivery:
    delivery = open_delivery(writer, **options)
    step(delivery, server)
    return delivery


def test_acked_batches_arrive_in_order_with_axes_and_records(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    logged(writer, 3)
    log(writer, {"text": "hello", "list": [1, 2], "n": 4})
    log(writer, {"alone": "text"}, 40)
    writer.append_record({"type": "config", "set": {"a": 1}})
    writer.close()
    delivery = open_delivery(writer)
    deliver(delivery, server)
    (stream,) = server.run().streams.values()
    assert [stream.axes[row][0] for row in range(4)] == [0, 1, 2, 3]
    values = [record for record in stream.records if record["type"] == "value"]
    assert [(v["key"], v["row"], v["step"]) for v in values] == [
        ("text", 3, 3),
        ("list", 3, 3),
        ("alone", 4, 40),
    ]
    assert stream.records[-1] == {"type": "config", "set": {"a": 1}}
    assert delivery.status.is_complete
    assert (delivery.status.rows_sent, delivery.status.points_sent) == (4, 7)


def test_a_lost_answer_is_a_duplicate(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 5)
    delivery = placed(writer, server)
    server.lose_answer = lambda request: request.method == "PUT"
    assert step(delivery, server)
    assert delivery.status.problem == "away"
    server.lose_answer = lambda request: False
    deliver(delivery, server)
    assert server.run().rows == rows
    puts = [request for request in server.requests if request.method == "PUT"]
    assert len(puts) == 2
    assert puts[0].body == puts[1].body


def test_a_gap_rewinds(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    delivery = placed(writer, server)
    rows = []
    for number in range(4):
        rows += logged(writer, 3, first=3 * number)
        step(delivery, server)
    (stream,) = server.run().streams.values()
    del stream.digests[1:]
    stream.rows = {number: row for number, row in stream.rows.items() if number < 3}
    rows += logged(writer, 3, first=12)
    deliver(delivery, server)
    assert server.run().rows == rows


def test_a_gap_whose_records_are_gone_is_told_as_lost(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool, segment_bytes=200)
    rows = logged(writer, 12)
    delivery = placed(writer, server)
    deliver(delivery, server)
    assert delivery.journal.sealed > 4
    (stream,) = server.run().streams.values()
    del stream.digests[1:]
    stream.rows = {0: stream.rows[0]} if 0 in stream.rows else {}
    first_kept = delivery.journal.seal(4).segment
    for number in range(first_kept):
        segment_path(writer.directory, number).unlink()
    logged(writer, 1, first=12)
    deliver(delivery, server)
    assert stream.lost == [(1, 3)]
    assert delivery.status.lost_batches == 3
    assert server.run().rows[-1]["n"] == 12
    assert rows[-1] in server.run().rows


def test_diverged_opens_a_new_stream(spool: Path, server: MemoryTransport) -> None:
    """FAIL-10: a cloned spool goes on beside the original."""
    writer = make_writer(spool)
    delivery = placed(writer, server)
    rows = logged(writer, 2)
    step(delivery, server)
    (stream,) = server.run().streams.values()
    stream.digests.append(b"another!")
    rows += logged(writer, 2, first=2)
    deliver(delivery, server)
    assert server.run().rows == rows
    assert len(server.run().streams) == 2
    delivery.close()
    again = open_delivery(writer)
    assert again.journal.stream in server.run().streams
    rows += logged(writer, 2, first=4)
    deliver(again, server)
    assert server.run().rows == rows


def test_clones_that_diverge_go_on_in_the_same_stream(spool: Path, server: MemoryTransport) -> None:
    """What both still hold is then a repeat for the second of them, and stored once."""
    writer = make_writer(spool)
    delivery = placed(writer, server)
    logged(writer, 2)
    step(delivery, server)
    (stream,) = server.run().streams.values()
    stream.digests.append(b"another!")
    old = uuid.UUID(delivery.journal.stream)
    logged(writer, 2, first=2)
    deliver(delivery, server)
    digest = delivery.journal.seal(0).digest
    assert delivery.journal.stream == str(uuid.uuid5(old, f"1 {digest.hex()}"))


def test_a_batch_damaged_after_it_was_stored_is_not_stored_twice(
    spool: Path, server: MemoryTransport
) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 6)
    delivery = placed(writer, server)
    server.lose_answer = lambda request: True
    step(delivery, server)
    server.lose_answer = lambda request: False
    path = segment_path(writer.directory, 0)
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)
    deliver(delivery, server)
    assert server.run().rows == rows
    assert len(server.run().streams) == 1


def test_a_run_the_server_forgot_is_created_again(spool: Path, server: MemoryTransport) -> None:
    """FAIL-11"""
    writer = make_writer(spool)
    delivery = placed(writer, server)
    rows = []
    for number in range(3):
        rows += logged(writer, 2, first=2 * number)
        step(delivery, server)
    server.runs.clear()
    rows += logged(writer, 2, first=6)
    deliver(delivery, server)
    assert server.run().rows == rows
    assert server.run().created["resume"] == "allow"


def test_a_server_that_never_knows_the_run_is_not_hammered(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    logged(writer, 2)
    delivery = placed(writer, server)
    server.fault = lambda request: (
        Answer(404, {"error": {"code": "not_found"}}) if request.method == "PUT" else None
    )
    for _ in range(100):
        step(delivery, server, now=0.0)
    assert len(server.requests) < 8


@pytest.mark.parametrize(
    "answer", [Answer(0), Answer(408), Answer(429, retry_after_s=7.0), Answer(500), Answer(502), Answer(503)]
)
def test_trouble_is_waited_out_with_full_jitter_and_no_end(
    spool: Path, server: MemoryTransport, answer: Answer
) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 2)
    delivery = placed(writer, server)
    server.fault = lambda request: answer
    now, waits = 0.0, []
    for _ in range(200):
        step(delivery, server, now)
        waits.append(delivery.wake_at - now)
        assert delivery.next_request(delivery.wake_at - 0.001) is None
        now = delivery.wake_at
    floor = answer.retry_after_s or 0.0
    assert waits[0] <= 0.5 + floor
    assert all(floor <= wait <= 60 + floor for wait in waits)
    assert max(waits) > 40 + floor
    server.fault = lambda request: None
    while delivery.has_unsent:
        step(delivery, server, now)
    assert server.run().rows == rows
    assert delivery.status.problem == ""


@pytest.mark.parametrize(("status", "problem"), [(401, "unauthorized"), (403, "forbidden")])
def test_a_refused_key_pauses_until_there_is_another(
    spool: Path, server: MemoryTransport, status: int, problem: str
) -> None:
    """FAIL-10"""
    writer = make_writer(spool, key="iso_old")
    rows = logged(writer, 2)
    server.fault = lambda request: Answer(status) if request.key == "iso_old" else None
    delivery = open_delivery(writer)
    step(delivery, server)
    assert load_status(writer.directory).problem == problem
    assert not delivery.is_due(1.0)
    (writer.directory / "key").write_text("iso_new")
    assert delivery.is_due(1.0)
    for _ in range(2):
        step(delivery, server, 1.0)
    assert server.run().rows == rows


def test_a_deleted_run_stops_and_keeps(spool: Path, server: MemoryTransport) -> None:
    """FAIL-10"""
    writer = make_writer(spool)
    logged(writer, 2)
    delivery = placed(writer, server)
    server.run().is_gone = True
    step(delivery, server)
    assert delivery.is_over
    assert load_status(writer.directory).problem == "gone"
    assert segment_path(writer.directory, 0).exists()


def test_a_batch_too_large_is_halved(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 100)
    delivery = placed(writer, server)
    server.fault = lambda request: Answer(413) if len(request.body) > 600 else None
    deliver(delivery, server)
    assert server.run().rows == rows


def test_a_batch_that_arrives_too_slowly_is_halved(spool: Path, server: MemoryTransport) -> None:
    """FAIL-6: 1 KB/s"""
    writer = make_writer(spool)
    rows = logged(writer, 100)
    delivery = placed(writer, server)
    server.fault = lambda request: Answer(408) if len(request.body) > 600 else None
    deliver(delivery, server)
    assert server.run().rows == rows
    assert len(server.run().streams) == 1


def test_what_may_have_arrived_is_not_cut_anew(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 100)
    delivery = placed(writer, server)
    server.lose_answer = lambda request: request.method == "PUT"
    step(delivery, server)
    server.lose_answer = lambda request: False
    server.fault = lambda request: Answer(408)
    step(delivery, server, delivery.wake_at)
    server.fault = lambda request: None
    writer.close()
    deliver(delivery, server)
    assert server.run().rows == rows
    assert len(server.run().streams) == 1


def test_a_slow_way_gets_small_batches_and_a_quick_one_large(spool: Path, server: MemoryTransport) -> None:
    """FAIL-6: 1 KB/s"""
    writer = make_writer(spool)
    rows = logged(writer, 25_000)
    delivery = placed(writer, server)

    def sizes(took_s: float, batches: int) -> list[int]:
        now, found = 0.0, []
        for _ in range(batches):
            request = delivery.next_request(now)
            assert request is not None
            found.append(len(request.body))
            now += took_s
            delivery.on_answer(server.send(request), now)
        return found

    slow = sizes(60.0, 6)
    assert slow[0] < 300_000
    assert slow[-1] < 20_000
    quick = sizes(0.1, 5)
    assert quick[-1] > 10 * quick[0]
    writer.close()
    deliver(delivery, server)
    assert server.run().rows == rows


@pytest.mark.parametrize("status", [415, 426])
def test_a_server_of_another_version_is_told_and_everything_kept(
    spool: Path, server: MemoryTransport, status: int
) -> None:
    """FAIL-14"""
    writer = make_writer(spool)
    rows = logged(writer, 20)
    body = {
        "error": {"code": "upgrade_required", "message": "Isoline 9 needs a client of version 7 or later."}
    }
    server.fault = lambda request: Answer(status, body, "Isoline 9 needs a client of version 7 or later.")
    delivery = open_delivery(writer)
    step(delivery, server)
    told = load_status(writer.directory)
    assert (told.problem, told.message) == ("outdated", "Isoline 9 needs a client of version 7 or later.")
    assert not delivery.is_over
    server.fault = lambda request: None
    writer.close()
    deliver(delivery, server)
    assert server.run().rows == rows


@pytest.mark.parametrize("status", [400, 422])
@pytest.mark.parametrize("bad", [{0}, {37}, {99}, {3, 4, 60}])
def test_a_refused_record_is_found_and_left_out(
    spool: Path, server: MemoryTransport, status: int, bad: set[int]
) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 100)

    def refuses(batch: dict[str, Any]) -> tuple[int, str] | None:
        found, _ = decoded_rows(batch)
        return (status, "bad_value") if any(row["n"] in bad for row in found.values()) else None

    server.refuses = refuses
    delivery = placed(writer, server)
    deliver(delivery, server)
    assert server.run().rows == [row for row in rows if row["n"] not in bad]
    assert delivery.status.rejected == {"bad_value": len(bad)}
    assert len(server.requests) < 40 * len(bad)
    delivery.close()
    again = open_delivery(writer)
    logged(writer, 1, first=100)
    deliver(again, server)
    assert server.run().rows[-1]["n"] == 100


def test_a_server_that_refuses_everything_costs_few_records(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    rows = logged(writer, 50)
    server.refuses = lambda batch: (400, "broken") if batch.get("groups") else None
    delivery = placed(writer, server)
    now = 0.0
    for _ in range(300):
        step(delivery, server, now)
        now = max(now, delivery.wake_at)
    assert delivery.status.problem == "refused"
    server.refuses = lambda batch: None
    writer.close()
    deliver(delivery, server)
    assert len(server.run().rows) >= len(rows) - _delivery.TOMBSTONES_IN_A_ROW_MAX


def test_a_refused_run_stops(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    writer.manifest.create["resume"] = "must"
    (writer.directory / "stream.json").write_bytes(_delivery.msgspec.json.encode(writer.manifest))
    delivery = placed(writer, server)
    assert delivery.is_over
    assert (delivery.status.problem, delivery.status.code) == ("refused", "no_such_run")


def test_a_quiet_writer_sends_heartbeats_and_hears_stop(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    logged(writer, 1)
    delivery = placed(writer, server)
    step(delivery, server, 1.0)
    server.run().stop = True
    assert step(delivery, server, 5.0) is None
    request = step(delivery, server, 30.0)
    assert request is not None
    assert request.path.endswith("/heartbeat")
    assert load_status(writer.directory).stop_requested
    writer.close()
    deliver(delivery, server)
    assert step(delivery, server, 1000.0) is None


def test_two_senders_do_not_share_a_stream(spool: Path) -> None:
    writer = make_writer(spool)
    open_delivery(writer)
    assert Delivery.open(writer.directory, key_for=lambda server: "") is None


def test_nothing_goes_out_before_it_is_on_the_disk(
    spool: Path, server: MemoryTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """FAIL-2: the batch's records and its note are synced, in this order, before the request is given out."""
    writer = make_writer(spool)
    delivery = placed(writer, server)
    logged(writer, 3)
    synced: list[str] = []
    for module in (_delivery, _journal):
        monkeypatch.setattr(
            module, "sync_file", lambda fd: synced.append(Path(os.readlink(f"/proc/self/fd/{fd}")).name)
        )
    assert delivery.next_request(1.0) is not None
    assert synced == ["000000.seg", "journal"]


def test_a_torn_journal_loses_only_what_the_server_knows(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    delivery = placed(writer, server)
    rows = []
    for number in range(5):
        rows += logged(writer, 2, first=2 * number)
        step(delivery, server)
    delivery.close()
    path = writer.directory / "journal"
    data = path.read_bytes()
    for cut in range(0, len(data), 7):
        path.write_bytes(data[:cut])
        again = open_delivery(writer)
        deliver(again, server)
        again.close()
        assert server.run().rows[: len(rows)] == rows or len(server.run().streams) > 1


def test_the_same_stretch_gives_the_same_bytes(spool: Path, server: MemoryTransport) -> None:
    writer = make_writer(spool)
    for number in range(50):
        log(writer, {"n": number} if number % 2 else {"x": number / 3, "t": "text"}, 7 * number)
    delivery = placed(writer, server)
    request = delivery.next_request(1.0)
    delivery.close()
    again = open_delivery(writer).next_request(1.0)
    assert request is not None
    assert again is not None
    assert (request.body, request.path) == (again.body, again.path)


# A seeded simulation: anything may go wrong at any time, and in the end the counts are exact.


class Simulation:
    """A writer, a sender that is killed, an unreliable network, a server that is restored."""

    def __init__(self, spool: Path, seed: int) -> None:
        self.random = random.Random(seed)
        self.server = MemoryTransport()
        self.server.fault = self.fault
        self.server.lose_answer = lambda request: self.is_stormy and self.random.random() < 0.2
        self.is_stormy = True
        self.has_forgotten = False
        self.weights = [4, 8, 1, self.random.choice([0, 0.3])]
        self.body_max_bytes = self.random.choice([400, 10**6])
        self.writer = make_writer(spool, segment_bytes=self.random.choice([500, 5000, 10**7]))
        self.delivery = self.open()
        self.logged: list[dict[str, Any]] = []
        self.now = 0.0

    def open(self) -> Delivery:
        limits = Limits(spool_bytes=self.random.choice([300, 10_000]))
        return open_delivery(self.writer, limits=limits, rng=self.random)

    def fault(self, request: Request) -> Answer | None:
        if len(request.body) > self.body_max_bytes:
            return Answer(413)
        if not self.is_stormy or self.random.random() < 0.6:
            return None
        return self.random.choice(
            [Answer(0), Answer(0), Answer(0), Answer(503), Answer(429, retry_after_s=1.0), Answer(500), None]
        )

    def run(self, steps: int = 100) -> None:
        for _ in range(steps):
            act = self.random.choices([self.log, self.send, self.kill, self.forget], self.weights)[0]
            act()
        self.writer.close()
        for _ in range(self.random.randrange(8)):
            self.send()
        self.is_stormy = False
        deliver(self.delivery, self.server)
        if not self.has_forgotten:
            assert self.is_exact
        self.forget()
        self.delivery.offer_again()
        deliver(self.delivery, self.server)

    def log(self) -> None:
        for _ in range(self.random.randint(1, 9)):
            row = {"n": len(self.logged)} | ({"x": 0.5} if self.random.random() < 0.5 else {})
            self.logged.append(row)
            log(self.writer, row)

    def send(self) -> None:
        self.now = max(self.now + 1.5, self.delivery.wake_at)
        step(self.delivery, self.server, self.now)

    def kill(self) -> None:
        request = self.delivery.next_request(max(self.now, self.delivery.wake_at) + 1)
        if request is not None and self.random.random() < 0.5:
            self.server.send(request)
        self.delivery.close()
        self.delivery = self.open()

    def forget(self) -> None:
        self.has_forgotten = True
        if self.random.random() < 0.3:
            self.server.runs.clear()
            return
        for run in self.server.runs.values():
            for stream in run.streams.values():
                if stream.digests:
                    kept = self.random.randrange(len(stream.digests))
                    first_row = self.delivery.journal.seal(kept).row
                    del stream.digests[kept:]
                    stream.rows = {n: row for n, row in stream.rows.items() if n < first_row}

    @property
    def is_exact(self) -> bool:
        stored = self.server.run().rows if self.server.runs else []
        return stored == self.logged and len(self.server.run().streams) == 1


@pytest.mark.parametrize("seed", range(25))
def test_whatever_goes_wrong_every_row_arrives_once(spool: Path, seed: int) -> None:
    simulation = Simulation(spool, seed)
    simulation.run()
    assert simulation.is_exact
    assert simulation.delivery.status.rejected == {}


def _ack_before_answer(delivery: Delivery, answer: Answer, now: float) -> None:
    _delivery.Delivery.__dict__["_genuine_on_answer"](
        delivery, Answer(200) if answer.is_away else answer, now
    )


MUTANTS = {
    "takes silence for an acknowledgement": ("on_answer", _ack_before_answer),
    "ignores a gap": ("_rewind", lambda self, expected: self.journal.write_acked(self.journal.next_seq)),
    "forgets to rewind after 404": ("offer_again", lambda self: None),
    "opens a new stream at every start": (
        "_seek",
        lambda self: (Delivery.__dict__["_genuine_seek"](self), self.journal._note_stream(str(uuid.uuid4()))),
    ),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_the_simulation_catches_mutants(spool: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    attribute, mutant = MUTANTS[name]
    for kept in ("on_answer", "_seek"):
        monkeypatch.setattr(Delivery, f"_genuine_{kept.lstrip('_')}", getattr(Delivery, kept), raising=False)
    monkeypatch.setattr(Delivery, attribute, mutant)
    for seed in range(20):
        simulation = Simulation(spool / str(seed), seed)
        try:
            simulation.run()
            if not simulation.is_exact:
                return
        except (AssertionError, IndexError, KeyError, ValueError):
            return
    raise AssertionError("The mutant lived.")
