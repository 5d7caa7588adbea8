"""apps/metrics/inbox.py: every case of the protocol's table, and what it costs."""

from __future__ import annotations

import gzip
import threading
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connections

from apps.base.errors import Conflict, Gone
from apps.metrics import inbox
from apps.metrics.fold import fold
from apps.metrics.models import Batch, Lost, Rejection, Stream
from apps.metrics.wire import MSGPACK, decode

from .batches import OTHER_STREAM, START_US, STREAM, make_batch
from .statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7


def test_a_batch_in_order_is_acked() -> None:
    first = inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
    second = inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.25]}, first_row=1))

    assert (first.status, first.next_seq) == ("acked", 1)
    assert (second.status, second.next_seq, second.version) == ("acked", 2, "2-0")
    assert Batch.objects.filter(run=RUN).count() == 2


def test_a_batch_in_order_costs_one_statement() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))

    with count_statements() as statements:
        inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.25]}, first_row=1))

    assert len(statements) == 1


def test_the_same_batch_again_is_a_duplicate() -> None:
    batch = make_batch({"loss": [0.5]})
    inbox.append(RUN, STREAM, 0, batch)

    again = inbox.append(RUN, STREAM, 0, batch)

    assert (again.status, again.next_seq) == ("duplicate", 1)
    assert Batch.objects.filter(run=RUN).count() == 1


def test_another_batch_under_an_old_number_diverges() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))

    with pytest.raises(Conflict) as refused:
        inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.6]}))

    assert (refused.value.code, refused.value.details) == ("diverged", {"expected": 1})


def test_a_gap_is_refused_and_changes_nothing() -> None:
    with pytest.raises(Conflict) as refused:
        inbox.append(RUN, STREAM, 2, make_batch({"loss": [0.5]}))

    assert (refused.value.code, refused.value.details) == ("gap", {"expected": 0})
    assert not Stream.objects.exists()


def test_a_lost_range_is_recorded_and_the_batch_stored() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))

    answer = inbox.append(RUN, STREAM, 5, make_batch({"loss": [0.1]}, first_row=9), lost=(1, 4))

    assert (answer.status, answer.next_seq, answer.lost) == ("acked", 6, (1, 4))
    assert list(Lost.objects.values_list("first", "last")) == [(1, 4)]
    assert inbox.ledger(RUN).batches == 2


def test_only_what_the_server_lacks_is_recorded_as_lost() -> None:
    """The writer lost 0–4 of its spool; the server has had 0–1 all along."""
    for seq in range(2):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [0.5]}, first_row=seq))

    answer = inbox.append(RUN, STREAM, 5, make_batch({"loss": [0.1]}, first_row=9), lost=(0, 4))

    assert answer.lost == (2, 4)


@pytest.mark.parametrize("lost", [(2, 4), (1, 3)])
def test_a_lost_range_that_leaves_a_gap_is_a_gap(lost: tuple[int, int]) -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))

    with pytest.raises(Conflict) as refused:
        inbox.append(RUN, STREAM, 5, make_batch({"loss": [0.1]}, first_row=9), lost=lost)

    assert refused.value.details == {"expected": 1}


def test_a_lost_batch_that_turns_up_goes_into_a_new_stream() -> None:
    """A clone of the writer still holds what the writer gave up: not a duplicate, and not too old either."""
    inbox.append(RUN, STREAM, 2, make_batch({"loss": [0.5]}, first_row=2), lost=(0, 1))

    with pytest.raises(Conflict) as refused:
        inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.25]}, first_row=1))

    assert refused.value.code == "diverged"


def test_a_batch_older_than_its_receipt_has_expired_whatever_came_since() -> None:
    """Its receipt is gone; the one that a later fold writes has zeros in its place, which are no digest."""
    first = make_batch({"loss": [0.5]})
    inbox.append(RUN, STREAM, 0, first)
    fold(RUN)
    inbox.keep_receipts_until({RUN: datetime.now(UTC)})
    inbox.expire_receipts(datetime.now(UTC) + timedelta(seconds=1))
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.25]}, first_row=1))
    fold(RUN)

    with pytest.raises(Gone) as refused:
        inbox.append(RUN, STREAM, 0, first)

    assert refused.value.code == "expired"


def test_what_a_batch_had_refused_is_told_again_to_its_repeat() -> None:
    batch = make_batch({"loss": [0.5], "bad\x01name": [1.0]})

    first = inbox.append(RUN, STREAM, 0, batch)
    again = inbox.append(RUN, STREAM, 0, batch)

    assert [each.code for each in first.rejected] == ["bad_name"]
    assert again.rejected == first.rejected
    assert Rejection.objects.filter(run=RUN).count() == 1


def test_streams_of_a_run_are_numbered_in_order() -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
    inbox.append(RUN, OTHER_STREAM, 0, make_batch({"loss": [0.5]}))

    assert list(Stream.objects.order_by("number").values_list("number", "key")) == [
        (0, STREAM),
        (1, OTHER_STREAM),
    ]


def test_a_dialect_that_numbers_nothing_is_numbered_by_the_server() -> None:
    first = inbox.append_points(RUN, "history", make_batch({"loss": [0.5, 0.4]}))
    second = inbox.append_points(RUN, "history", make_batch({"loss": [0.3]}))

    assert (first.next_seq, second.next_seq) == (1, 2)
    assert list(Batch.objects.order_by("seq").values_list("row_offset", flat=True)) == [0, 2]
    assert inbox.stream_rows(RUN, "history") == 3


def test_records_are_read_until_so_many_bytes_are_held() -> None:
    sent = make_batch(records=[{"type": "note", "text": "x" * 10_000}] * 10)
    packed = decode(
        gzip.compress(sent.payload), content_type=MSGPACK, content_encoding="gzip", arrival_us=START_US
    )
    for seq in range(6):
        inbox.append(RUN, STREAM, seq, packed if seq % 2 else sent)

    def seqs(max_bytes: int) -> list[int]:
        found = inbox.pending_records(RUN, max_bytes=max_bytes)
        assert all(each.size >= 100_000 and len(each.records) == 10 for each in found)
        return [each.seq for each in found]

    assert seqs(1) == [0]
    assert seqs(250_000) == [0, 1, 2]
    assert seqs(10_000_000) == [0, 1, 2, 3, 4, 5]
    inbox.acknowledge_records(RUN, 0, 4)
    assert seqs(250_000) == [4, 5]


def test_records_of_several_streams_come_as_they_arrived() -> None:
    batch = make_batch(records=[{"type": "note", "text": "x"}])
    at = datetime(2026, 1, 1, tzinfo=UTC)
    inbox.append(RUN, STREAM, 0, batch, now=at)
    # The clock of the web process that takes this one is slow.
    inbox.append(RUN, STREAM, 1, batch, now=at - timedelta(seconds=9))
    inbox.append(RUN, OTHER_STREAM, 0, batch, now=at - timedelta(seconds=5))
    inbox.append(RUN, OTHER_STREAM, 1, batch, now=at)
    inbox.append(RUN, STREAM, 2, batch, now=at + timedelta(seconds=1))
    inbox.append(RUN, OTHER_STREAM, 2, batch, now=at + timedelta(seconds=2))

    order = [(each.stream, each.seq) for each in inbox.pending_records(RUN)]

    assert order == [(1, 0), (0, 0), (0, 1), (1, 1), (0, 2), (1, 2)]
    assert [(each.stream, each.seq) for each in inbox.pending_records(RUN, limit=3)] == order[:3]


def test_records_wait_until_they_are_acknowledged() -> None:
    tags = {"type": "tags", "add": ["best"]}
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
    inbox.append(RUN, STREAM, 1, make_batch(records=[tags]))

    (pending,) = inbox.pending_records(RUN)

    assert (pending.seq, pending.stream_key, pending.records) == (1, STREAM, (tags,))
    assert inbox.runs_with_pending_records() == [RUN]
    fold(RUN)
    assert (inbox.ledger(RUN).pending_batches, inbox.ledger(RUN).pending_records) == (0, 1)
    inbox.acknowledge_records(RUN, pending.stream, 2)
    assert inbox.pending_records(RUN) == []
    assert inbox.ledger(RUN).pending_records == 0


def test_an_acknowledged_batch_is_committed_with_synchronous_commit_on() -> None:
    alias = connections[Stream.objects.db]
    with alias.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit = off")
        inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_writers_of_one_stream_cannot_both_win() -> None:
    """Eight threads race for each seq; each seq is stored once, everybody else is told what happened."""
    answers: list[Any] = []
    barrier = threading.Barrier(8)

    def write(number: int) -> None:
        try:
            for seq in range(20):
                barrier.wait()
                try:
                    answers.append(
                        inbox.append(RUN, STREAM, seq, make_batch({"loss": [number % 2 + 0.5]})).status
                    )
                except Conflict as refused:
                    answers.append(refused.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert answers.count("acked") == 20
    assert answers.count("duplicate") == 60
    assert answers.count("diverged") == 80
    assert list(Batch.objects.order_by("seq").values_list("seq", flat=True)) == list(range(20))


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_many_streams_may_begin_at_once() -> None:
    barrier = threading.Barrier(8)

    def begin() -> None:
        try:
            barrier.wait()
            inbox.append(RUN, uuid4(), 0, make_batch({"loss": [0.5]}))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=begin) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(Stream.objects.values_list("number", flat=True)) == list(range(8))
