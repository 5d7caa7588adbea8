from __future__ import annotations

import gzip
import json

import pytest
import zstandard

from apps.api import ingest_targets
from apps.metrics import inbox
from apps.metrics.models import Batch
from apps.metrics.wire import decode_stored, encode
from tests.metrics.batches import STREAM, make_group
from tests.metrics.statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")


def body(values=None, *, records=(), **axis):
    names: list[str] = []
    groups = [make_group(values, names, **axis)] if values else []
    return encode(groups, names, list(records))


def put(client, run, seq, content, *, stream=STREAM, type="application/msgpack", **headers):
    if isinstance(content, dict):
        content, type = json.dumps(content).encode(), "application/json"
    return client.generic(
        "PUT", f"/api/v1/runs/{run.public_id}/streams/{stream}/batches/{seq}", content, content_type=type,
        **headers,
    )  # fmt: skip


def test_a_batch_is_acknowledged(writer, run):
    answer = put(writer, run, 0, body({"loss": [0.5, 0.25]}))

    assert answer.status_code == 200, answer.content
    assert answer.json() == {"status": "acked", "next": 1, "rejected": [], "lost": [], "stop": False}
    assert inbox.ledger(run.pk).pending_points == 2


def test_the_usual_batch_costs_one_statement(writer, run):
    put(writer, run, 0, body({"loss": [0.5]}))

    with count_statements() as statements:
        assert put(writer, run, 1, body({"loss": [0.5]}, first_row=1)).status_code == 200
    assert len(statements) == 1, statements


def test_rows_as_json_from_curl(writer, run):
    first = {"rows": [{"step": 5, "values": {"loss": 0.5, "ok": True, "n": 3}}, {"values": {"loss": "NaN"}}]}
    answer = put(writer, run, 0, first)
    again = put(writer, run, 1, {"rows": [{"values": {"loss": 1.5}}]})

    assert (answer.json()["next"], again.json()["next"]) == (1, 2)
    assert put(writer, run, 0, first).json()["status"] == "duplicate"
    (group,) = [group for batch in inbox_batches(run) if batch.points == 1 for group in batch.groups]
    assert group.axis.row.tolist() == [2]


def inbox_batches(run):
    stored = Batch.objects.filter(run=run.pk).order_by("seq")
    return [decode_stored(bytes(batch.payload), batch.encoding) for batch in stored]


@pytest.mark.parametrize("encoding", ["gzip", "zstd"])
def test_compressed_bodies(writer, run, encoding):
    packed = {"gzip": gzip.compress, "zstd": zstandard.compress}[encoding](body({"loss": [0.5]}))
    answer = put(writer, run, 0, packed, HTTP_CONTENT_ENCODING=encoding)

    assert answer.status_code == 200
    # The digest is of what was compressed, not of how.
    assert put(writer, run, 0, body({"loss": [0.5]})).json()["status"] == "duplicate"


def test_a_gap_and_a_divergence_say_what_is_expected(writer, run):
    put(writer, run, 0, body({"loss": [0.5]}))
    gap = put(writer, run, 3, body({"loss": [0.5]}, first_row=1))
    diverged = put(writer, run, 0, body({"loss": [0.75]}))

    for answer, code in ((gap, "gap"), (diverged, "diverged")):
        assert (answer.status_code, answer.json()["error"]["code"]) == (409, code)
        assert answer.json()["error"]["details"] == {"expected": 1}


def test_what_a_writer_lost_is_recorded(writer, run):
    answer = put(writer, run, 3, body({"loss": [0.5]}), HTTP_ISOLINE_LOST="0-2")

    assert answer.json() | {"rejected": []} == {
        "status": "acked", "next": 4, "rejected": [], "lost": [[0, 2]], "stop": False,
    }  # fmt: skip
    for header in ("0-3", "2", "2-1", "x-y", "0-99999999999999999999"):
        assert put(writer, run, 3, body(), HTTP_ISOLINE_LOST=header).json()["error"]["code"] == "bad_lost"


def test_what_is_refused_alone_is_told_and_the_rest_stored(writer, run):
    records = [{"type": "tags", "add": ["a\x01"]}, {"type": "nonsense"}, {"type": "note", "text": "kept"}]
    answer = put(writer, run, 0, body({"loss": [1.0], "a\x00b": [1.0]}, records=records))

    assert answer.json()["status"] == "acked"
    told = {each["code"]: each["key"] for each in answer.json()["rejected"]}
    assert len(told) == 3
    assert (told["bad_name"], told["bad_tag"]) == ("a\\x00b", "tags")


@pytest.mark.parametrize(
    ("content", "type", "headers", "status", "code"),
    [
        (b"", "application/msgpack", {}, 400, "malformed"),
        (b"\xc1", "application/msgpack", {}, 400, "malformed"),
        (b"{", "application/json", {}, 400, "malformed"),
        (b'{"rows": [], "rows": []}', "application/json", {}, 400, "duplicate_key"),
        (b"{}", "text/plain", {}, 415, "unsupported"),
        (b"{}", "application/json", {"HTTP_CONTENT_ENCODING": "br"}, 415, "unsupported"),
        (b"no zstd", "application/msgpack", {"HTTP_CONTENT_ENCODING": "zstd"}, 400, "malformed"),
        (
            gzip.compress(bytes(40 << 20)),
            "application/msgpack",
            {"HTTP_CONTENT_ENCODING": "gzip"},
            413,
            "too_large",
        ),
    ],
)
def test_a_bad_body_is_refused_whole(writer, run, content, type, headers, status, code):
    answer = put(writer, run, 0, content, type=type, **headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert inbox.ledger(run.pk).batches == 0


def test_a_bad_address_is_refused(writer, run):
    assert put(writer, run, 0, body(), stream="not-a-uuid").json()["error"]["code"] == "bad_stream"
    assert put(writer, run, 2**63, body()).json()["error"]["code"] == "bad_seq"


def test_a_deleted_run_is_gone_at_once_in_this_process(writer, run):
    put(writer, run, 0, body({"loss": [0.5]}))
    run.remove()
    ingest_targets.forget()  # what the signal after the commit does

    answer = put(writer, run, 1, body({"loss": [0.5]}, first_row=1))
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "deleted")
    assert put(writer, run, 0, body()).status_code == 410
    run.project.remove()
    ingest_targets.forget()
    assert put(writer, run, 0, body()).status_code == 410


def test_who_may_not_write(reader, stranger, run, client):
    assert put(reader, run, 0, body()).status_code == 403
    assert put(stranger, run, 0, body()).status_code == 404
    assert put(client, run, 0, body()).status_code == 401


def test_a_person_s_stop_travels_with_the_next_answer(writer, run):
    run.stop()

    assert put(writer, run, 0, body({"loss": [0.5]})).json()["stop"] is True
