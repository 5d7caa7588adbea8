"""The records consumer, against the real inbox."""

from __future__ import annotations

import functools
import math
import threading
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import DataError, OperationalError, connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils.module_loading import import_string

from apps.accounts.models import User
from apps.metrics import inbox, wire
from apps.tracking import console, fields, heartbeat, later, limits, records, runs, tasks
from apps.tracking.models import (
    MetricDefinition,
    Project,
    RecordCursor,
    RecordRefusal,
    RecordSegment,
    Run,
)
from apps.tracking.structures import same

pytestmark = pytest.mark.django_db(databases="__all__")

STREAM = UUID(int=1)


@pytest.fixture
def project(db):
    heartbeat.forget()
    owner = User.objects.create_user("alice@example.org", name="Alice")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one")[0]


def send(run, seq, *sent, stream=STREAM):
    """Append a batch of records; the engine tells nobody inside a test's transaction."""
    body = wire.encode((), (), list(sent))
    batch = wire.decode(body, content_type="application/msgpack", content_encoding="", arrival_us=0)
    assert not batch.rejected
    return inbox.append(run.pk, stream, seq, batch)


def apply(run):
    applied = records.apply_pending(run.pk)
    run.refresh_from_db()
    return applied


def line(n, text, *, time=None, fd="stdout", **more):
    return {"n": n, "time": n if time is None else time, "fd": fd, "text": text, **more}


def texts(page):
    return [record.text for record in page.records]


def test_every_type_of_record_does_its_work(run):
    send(
        run,
        0,
        {"type": "config", "set": {"lr": 0.1, "net": {"depth": 3, "width": 8}, "a.b": 1}},
        {"type": "config", "set": {"net": {"depth": 4}}, "unset": ["net.width", ["a.b"]]},
        {"type": "summary", "set": {"best": float("inf"), "table": [1, 2]}},
        {"type": "tags", "add": ["a", "b"], "remove": ["c"]},
        {"type": "note", "text": "tuned"},
        {"type": "name", "text": "better"},
        {"type": "metadata", "set": {"host": "node-7", "git": {"commit": "abc123", "dirty": True}}},
        {"type": "metric", "name": "loss", "direction": "min", "summary": ["best", "last"]},
        {"type": "console", "lines": [line(0, "epoch 0"), line(1, "bad", fd="stderr", level="error")]},
        {"type": "value", "key": "text", "row": 3, "step": 3, "time": 5, "value": {"q": "why"}},
        {"type": "alert", "title": "diverged", "time": 9, "level": "warning"},
        {"type": "state", "state": "failed", "exit_code": 3221225477, "time": 1_700_000_000_000_000},
    )

    assert apply(run) == 1

    assert run.config == {"lr": 0.1, "net": {"depth": 4}}
    assert run.summary == {"best": float("inf"), "table": [1, 2]}
    assert (run.tags, run.notes, run.name) == (["a", "b"], "tuned", "better")
    assert (run.host, run.git_commit) == ("node-7", "abc123")
    assert run.metadata[str(STREAM)]["git"]["dirty"] is True
    assert (run.state, run.exit_code) == ("failed", 3221225477)
    assert run.ended_at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    definition = MetricDefinition.objects.get()
    assert (definition.name, definition.direction, definition.summary) == ("loss", "min", ["best", "last"])
    assert texts(console.lines(run.pk)) == ["epoch 0", "bad"]
    [value] = console.values(run.pk, "text").records
    assert (value.number, value.content) == (3, {"key": "text", "step": 3, "value": {"q": "why"}})
    [alert] = console.alerts(run.pk).records
    assert (alert.content["title"], alert.level) == ("diverged", "warning")


def test_a_batch_is_applied_once_however_often_it_is_asked_for(run):
    send(run, 0, {"type": "console", "lines": [line(0, "one")]}, {"type": "tags", "add": ["a"]})
    version = run.version

    assert [apply(run) for _ in range(3)] == [1, 0, 0]

    assert run.version == version + 1
    assert texts(console.lines(run.pk)) == ["one"]
    assert inbox.pending_records(run.pk) == []


def test_what_was_committed_but_not_acknowledged_is_not_applied_again(run, monkeypatch):
    send(run, 0, {"type": "value", "key": "k", "row": 0, "step": 0, "time": 0, "value": "once"})

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(inbox, "acknowledge_records", killed)
        with pytest.raises(SystemExit):
            records.apply_pending(run.pk)
    assert len(inbox.pending_records(run.pk)) == 1
    send(run, 1, {"type": "value", "key": "k", "row": 1, "step": 1, "time": 1, "value": "twice"})

    assert apply(run) == 1

    assert [value.content["value"] for value in console.values(run.pk).records] == ["once", "twice"]
    assert inbox.pending_records(run.pk) == []


def test_what_was_not_committed_is_applied_when_asked_again(run, monkeypatch):
    send(run, 0, {"type": "tags", "add": ["a"]}, {"type": "console", "lines": [line(0, "x")]})

    def killed(*_, **__):
        raise SystemExit

    with monkeypatch.context() as patched:
        patched.setattr(RecordCursor.objects, "bulk_create", killed)
        with pytest.raises(SystemExit):
            records.apply_pending(run.pk)
    run.refresh_from_db()
    assert run.tags == []
    assert not RecordSegment.objects.exists()

    assert apply(run) == 1
    assert run.tags == ["a"]
    assert texts(console.lines(run.pk)) == ["x"]


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_workers_at_once_apply_each_record_once(run):
    for seq in range(40):
        sent = {"type": "value", "key": "k", "row": seq, "step": seq, "time": seq, "value": seq}
        send(run, seq, sent, {"type": "config", "set": {str(seq): seq}})
    applied = []

    def work(wait_ms):
        try:
            applied.append(records.apply_pending(run.pk, wait_ms=wait_ms))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=work, args=[wait_ms]) for wait_ms in (None, None, 0, 500)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    run.refresh_from_db()
    assert [value.number for value in console.values(run.pk).records] == list(range(40))
    assert run.config == {str(seq): seq for seq in range(40)}


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_an_append_has_its_records_applied_before_it_answers(run):
    send(run, 0, {"type": "name", "text": "at once"})

    assert Run.objects.get().name == "at once"
    assert inbox.runs_with_pending_records() == []


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_the_hint_lost_the_reconciler_finds(run, monkeypatch):
    with monkeypatch.context() as patched:
        patched.setattr(records, "_lock", lambda *_: None)
        send(run, 0, {"type": "name", "text": "later"})
    assert Run.objects.get().name != "later"

    assert records.apply_everywhere() == 1
    assert Run.objects.get().name == "later"


@pytest.fixture
def sent(settings, monkeypatch):
    """The tasks that are sent."""
    later.forget()
    made = []
    app = import_string(settings.TASK_APPLICATION)
    monkeypatch.setattr(app, "send_task", lambda name, args, **_: made.append((name, args)))
    return made


@pytest.mark.parametrize("trouble", ["held", "failing"])
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_what_cannot_be_applied_at_once_a_worker_is_asked_for(run, monkeypatch, sent, trouble):
    def failing(*_):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(records, "_lock", failing if trouble == "failing" else lambda *_: None)
        assert send(run, 0, {"type": "name", "text": "later"}).status == "acked"
        send(run, 1, {"type": "note", "text": "too"})
    assert sent == [("apps.tracking.tasks.apply_records_of", [run.pk])]

    assert tasks.apply_records_of(run.pk) == 2

    row = Run.objects.get()
    assert (row.name, row.notes) == ("later", "too")
    send(run, 2, {"type": "note", "text": "at once"})
    assert len(sent) == 1


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_broker_that_is_gone_keeps_no_writer_from_its_answer(run, monkeypatch, sent, settings, caplog):
    asked = []

    def gone(*args, **_):
        asked.append(args)
        raise ConnectionError("no Redis")

    monkeypatch.setattr(import_string(settings.TASK_APPLICATION), "send_task", gone)
    monkeypatch.setattr(records, "_lock", lambda *_: None)

    answers = [send(run, seq, {"type": "tags", "add": [str(seq)]}).status for seq in range(3)]

    assert answers == ["acked"] * 3
    assert len(asked) == 1
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    later.forget()


def test_the_number_of_statements_does_not_grow_with_batches_or_records(run):
    def applying(first, batches, each):
        for seq in range(first, first + batches):
            lines = [line(seq * each + n, "x") for n in range(each)]
            send(
                run,
                seq,
                *[{"type": "console", "lines": [one]} for one in lines],
                {"type": "tags", "add": ["a"]},
            )
        with CaptureQueriesContext(connection) as queries:
            apply(run)
        return [query for query in queries if "metrics_" not in query["sql"]]

    applying(0, 1, 1)
    few = applying(1, 1, 1)
    many = applying(2, 12, 50)

    assert len(many) <= len(few) + 1
    assert len(few) <= 14


def test_streams_are_applied_in_their_order(run):
    other = UUID(int=2)
    send(run, 0, {"type": "note", "text": "first"})
    send(run, 1, {"type": "note", "text": "second"})
    send(run, 0, {"type": "tags", "add": ["other"]}, stream=other)

    assert apply(run) == 3

    assert (run.notes, run.tags) == ("second", ["other"])
    assert dict(RecordCursor.objects.values_list("stream", "next_seq")) == {STREAM: 2, other: 1}


def test_large_batches_are_applied_a_few_at_a_time(run, monkeypatch):
    monkeypatch.setattr(records, "BATCH_BYTES", 30_000)
    read = []
    pending = inbox.pending_records

    def noting(*args, **kwargs):
        found = pending(*args, **kwargs)
        read.append(len(found))
        return found

    monkeypatch.setattr(inbox, "pending_records", noting)
    for seq in range(9):
        send(run, seq, {"type": "config", "set": {str(seq): "x" * 10_000}})

    assert apply(run) == 9

    assert read == [3, 3, 3, 0]
    assert len(run.config) == 9


def test_of_several_streams_the_batch_that_came_last_counts(run):
    other = UUID(int=2)
    send(run, 0, {"type": "note", "text": "one"})
    send(run, 0, {"type": "note", "text": "two"}, stream=other)
    send(run, 1, {"type": "note", "text": "three"})

    apply(run)

    assert run.notes == "three"


def test_a_record_that_cannot_be_applied_is_told_and_the_rest_is_stored(run, monkeypatch):
    monkeypatch.setattr(limits, "STRUCTURE_BYTES", 1000)
    send(
        run,
        0,
        {"type": "config", "set": {"big": "x" * 2000}},
        {"type": "config", "set": {"small": 1}},
        {"type": "name", "text": "\u200b\u200b"},
    )

    apply(run)

    assert run.config == {"small": 1}
    assert sorted(RecordRefusal.objects.values_list("code", flat=True)) == ["bad_name", "too_large"]


@pytest.mark.parametrize(
    ("record", "code"),
    [
        ({"type": "tags", "add": ["x" * 257]}, "bad_tag"),
        ({"type": "tags", "add": ["\x07"]}, "bad_tag"),
        ({"type": "name", "text": "x" * 501}, "bad_name"),
        ({"type": "metric", "name": "a\nb"}, "bad_name"),
        ({"type": "metric", "name": "a", "unit": "x" * 65}, "bad_unit"),
        ({"type": "value", "key": "\x00", "row": 0, "step": 0, "time": 0, "value": 1}, "bad_value"),
        ({"type": "state", "state": "failed", "time": 1 << 62}, "out_of_range"),
        ({"type": "state", "state": "asleep"}, "bad_record"),
        ({"type": "nonsense"}, "unknown_record"),
        ({}, "unknown_record"),
    ],
)
def test_a_refused_record_is_given_its_code_at_append(record, code):
    refused = records.check(record)
    assert refused is not None
    assert refused.code == code


def test_tags_that_would_be_too_many_are_refused_and_the_rest_is_kept(run):
    first = [str(number) for number in range(limits.MOST_TAGS)]
    send(
        run,
        0,
        {"type": "tags", "add": first},
        {"type": "tags", "add": ["more"]},
        {"type": "note", "text": "x"},
    )
    send(run, 1, {"type": "tags", "add": ["instead"], "remove": ["0"]})

    apply(run)

    assert run.tags == [*first[1:], "instead"]
    assert run.notes == "x"
    assert list(RecordRefusal.objects.values_list("code", flat=True)) == ["too_many_tags"]


def test_a_config_with_an_integer_over_64_bits_is_merged_into(run):
    run.merge_config({"n": 1 << 70})
    send(run, 0, {"type": "config", "set": {"lr": 0.1}})

    apply(run)

    assert run.config == {"n": 1 << 70, "lr": 0.1}


@pytest.mark.parametrize("error", [DataError("minded"), KeyError("bug"), RecursionError()])
def test_a_record_that_unexpectedly_fails_is_refused_and_holds_up_no_other(run, monkeypatch, caplog, error):
    write = records._Work.write

    def minding(work):
        if "bad" in work._run.config:
            raise error
        write(work)

    monkeypatch.setattr(records._Work, "write", minding)
    for seq in range(3):
        send(
            run,
            seq,
            {"type": "console", "lines": [line(seq, f"line {seq}")]},
            {"type": "config", "set": {"bad" if seq == 1 else f"good {seq}": seq}},
            {"type": "tags", "add": [f"tag {seq}"]},
        )

    assert apply(run) == 3

    assert run.config == {"good 0": 0, "good 2": 2}
    assert run.tags == ["tag 0", "tag 1", "tag 2"]
    assert texts(console.lines(run.pk)) == ["line 0", "line 1", "line 2"]
    refusal = RecordRefusal.objects.get()
    assert (refusal.code, refusal.key, refusal.seq) == ("not_applied", "config", 1)
    assert [record.levelname for record in caplog.records] == ["ERROR"]
    assert apply(run) == 0


def test_records_wait_for_a_database_that_is_lost(run, monkeypatch):
    send(run, 0, {"type": "note", "text": "kept"})

    def lost(*_):
        raise OperationalError("server closed the connection unexpectedly")

    with monkeypatch.context() as patched:
        patched.setattr(records._Work, "write", lost)
        with pytest.raises(OperationalError):
            records.apply_pending(run.pk)

    assert not RecordRefusal.objects.exists()
    assert apply(run) == 1
    assert run.notes == "kept"


START: Any = 0
DEEP = functools.reduce(lambda inner, _: {"d": inner}, range(61), START)
ODD = {
    "nan": math.nan,
    "infinity": math.inf,
    "minus infinity": -math.inf,
    "minus zero": -0.0,
    "great float": 1e300,
    "whole float": 3.0,
    "NUL": "a\0b",
    "surrogate": "a\ud800b",
    "long surrogate": "\ud800" * 30_000,
    "2**63": 1 << 63,
    "2**64 - 1": (1 << 64) - 1,
    "2**70": 1 << 70,
    "-2**63": -(1 << 63),
    "deep": DEEP,
    "too deep": functools.reduce(lambda inner, _: [inner], range(70), START),
    "empty key": {"": {"": 1}},
    "NUL in a key": {"a\0": 1},
    "surrogate in a key": {"\ud800": 1},
    "bytes": b"x",
    "moment": datetime(2026, 1, 1, tzinfo=UTC),
    "nothing": None,
    "yes": True,
    "empty": "",
    "list": [math.nan, [math.inf]],
    "tags of floats": {"$float": 1},
    "plain": {"$plain": {"$float": "nan"}},
}
PLACES = {
    "config": lambda odd: {"type": "config", "set": {"k": odd}},
    "config itself": lambda odd: {"type": "config", "set": odd},
    "unset": lambda odd: {"type": "config", "unset": [odd]},
    "unset path": lambda odd: {"type": "config", "unset": [[odd]]},
    "summary": lambda odd: {"type": "summary", "set": {"k": odd}},
    "tag": lambda odd: {"type": "tags", "add": [odd]},
    "tag removed": lambda odd: {"type": "tags", "remove": [odd]},
    "note": lambda odd: {"type": "note", "text": odd},
    "name": lambda odd: {"type": "name", "text": odd},
    "metadata": lambda odd: {"type": "metadata", "set": {"k": odd}},
    "host": lambda odd: {"type": "metadata", "set": {"host": odd}},
    "git": lambda odd: {"type": "metadata", "set": {"git": odd}},
    "commit": lambda odd: {"type": "metadata", "set": {"git": {"commit": odd}}},
    "metric": lambda odd: {"type": "metric", "name": odd},
    "x": lambda odd: {"type": "metric", "name": "m", "x": odd},
    "unit": lambda odd: {"type": "metric", "name": "m", "unit": odd},
    "last_k": lambda odd: {"type": "metric", "name": "m", "last_k": odd},
    "hidden": lambda odd: {"type": "metric", "name": "m", "hidden": odd},
    "statistics": lambda odd: {"type": "metric", "name": "m", "summary": odd},
    "line": lambda odd: {"type": "console", "lines": [{**line(0, "x"), "text": odd}]},
    "n": lambda odd: {"type": "console", "lines": [{**line(0, "x"), "n": odd}]},
    "line time": lambda odd: {"type": "console", "lines": [{**line(0, "x"), "time": odd}]},
    "value": lambda odd: {"type": "value", "key": "k", "row": 0, "step": 0, "time": 0, "value": odd},
    "key": lambda odd: {"type": "value", "key": odd, "row": 0, "step": 0, "time": 0, "value": 1},
    "row": lambda odd: {"type": "value", "key": "k", "row": odd, "step": 0, "time": 0, "value": 1},
    "step": lambda odd: {"type": "value", "key": "k", "row": 0, "step": odd, "time": 0, "value": 1},
    "value time": lambda odd: {"type": "value", "key": "k", "row": 0, "step": 0, "time": odd, "value": 1},
    "title": lambda odd: {"type": "alert", "title": odd, "time": 0},
    "alert text": lambda odd: {"type": "alert", "title": "t", "text": odd, "time": 0},
    "exit code": lambda odd: {"type": "state", "state": "failed", "exit_code": odd},
    "ended": lambda odd: {"type": "state", "state": "failed", "time": odd},
}
REFUSED = {
    "NUL",
    "surrogate",
    "long surrogate",
    "2**70",
    "too deep",
    "NUL in a key",
    "surrogate in a key",
    "bytes",
    "moment",
}
CODES = {"bad_record", "bad_value", "too_long", "bad_tag", "bad_name", "bad_unit", "out_of_range"}


@pytest.mark.parametrize("place", PLACES)
def test_odd_values_are_stored_or_refused_with_a_code_and_hold_nothing_up(run, monkeypatch, caplog, place):
    """As the consumer meets them, whatever the checks at append were when they came."""
    sent = [PLACES[place](odd) for odd in ODD.values()]
    batch = inbox.PendingRecords(
        run.pk, 0, STREAM, 0, (*sent, {"type": "note", "text": "after"}), datetime.now(UTC), 1
    )
    monkeypatch.setattr(inbox, "pending_records", lambda *_, **__: [batch])

    assert apply(run) == 1

    assert run.notes == "after"
    assert set(RecordRefusal.objects.values_list("code", flat=True)) <= CODES
    assert not caplog.records
    fields.project(run.pk)
    (
        list(console.values(run.pk).records),
        list(console.lines(run.pk).records),
        list(console.alerts(run.pk).records),
    )


@pytest.mark.parametrize(
    ("name", "is_kept"),
    [(name, name not in REFUSED) for name in ODD],
)
def test_an_odd_value_comes_back_from_a_config_as_it_was(run, name, is_kept):
    body = {"type": "config", "set": {"k": ODD[name]}}
    if not is_kept:
        assert records.check(body).code == "bad_value"
        return
    send(run, 0, body)
    apply(run)
    assert same(run.config["k"], ODD[name])


def test_a_run_that_is_gone_keeps_nobody_waiting(run):
    send(run, 0, {"type": "name", "text": "late"})
    pk = run.pk
    run.delete()

    records.apply_pending(pk)

    assert inbox.pending_records(pk) == []


def test_a_run_that_says_it_goes_on_runs_again(run):
    run.end(state="failed", exit_code=1)
    send(run, 0, {"type": "state", "state": "running"})

    apply(run)

    assert run.is_running
    assert (run.ended_at, run.exit_code) == (None, None)


def test_a_person_s_definition_is_not_changed_by_a_run(project, run):
    from apps.tracking import definitions

    definitions.define(project.pk, {"loss": {"direction": "max"}}, by_person=True)
    send(run, 0, {"type": "metric", "name": "loss", "direction": "min"})

    apply(run)

    assert MetricDefinition.objects.get().direction == "max"


def test_streams_keep_their_environments_apart(run):
    other = uuid4()
    send(run, 0, {"type": "metadata", "set": {"host": "a", "gpu": 1}})
    send(run, 0, {"type": "metadata", "set": {"host": "b"}}, stream=other)
    apply(run)
    send(run, 1, {"type": "metadata", "set": {"gpu": 2}})
    apply(run)

    assert run.metadata == {str(STREAM): {"host": "a", "gpu": 2}, str(other): {"host": "b"}}
    assert run.host == "a"
