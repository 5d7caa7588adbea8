"""Batches past Django answer as batches through Django."""

from __future__ import annotations

import json
import threading

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.db import connections

from apps.api import batch_app
from apps.api.batch_app import BatchApp
from apps.metrics import inbox
from apps.tracking import runs
from apps.tracking.models import Project
from tests.api.v1.test_batches import body
from tests.cast import make_key
from tests.metrics.batches import STREAM
from tests.metrics.statements import count_statements

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


async def django(scope, receive, send):
    """Stands where Django stands."""
    await send({"type": "http.response.start", "status": 299, "headers": []})
    await send({"type": "http.response.body", "body": b"{}"})


@pytest.fixture
def run(transactional_db, team, alice):
    project = Project.objects.begin(team, name="Digits", by=alice)
    return runs.start(project, client_id="one")[0]


@pytest.fixture
def app():
    app = BatchApp(django)
    yield app
    # Each waits for the others, so that every thread gets one.
    begun = threading.Barrier(batch_app.THREADS)
    for _ in range(batch_app.THREADS):
        app._threads.submit(lambda: (begun.wait(10), connections.close_all()))
    app._threads.shutdown()


async def put(app, run, content, *, key="", seq=0, pieces=1, method="PUT", headers=()):
    size = max(1, -(-len(content) // pieces))
    communicator = ApplicationCommunicator(
        app,
        {
            "type": "http",
            "method": method,
            "path": f"/api/v1/runs/{run.public_id}/streams/{STREAM}/batches/{seq}",
            "headers": [
                (b"host", b"localhost"),
                (b"content-type", b"application/msgpack"),
                *([(b"authorization", f"Bearer {key}".encode())] if key else []),
                *headers,
            ],
        },
    )
    parts = [content[n : n + size] for n in range(0, len(content), size)] or [b""]
    for part in parts:
        more = part is not parts[-1]
        await communicator.send_input({"type": "http.request", "body": part, "more_body": more})
    start = await communicator.receive_output(timeout=10)
    answer = await communicator.receive_output(timeout=10)
    return start["status"], dict(start["headers"]), json.loads(answer["body"])


async def test_a_batch_in_pieces_is_acknowledged(app, run, alice_key):
    status, headers, told = await put(app, run, body({"loss": [0.5] * 500}), key=alice_key, pieces=7)

    assert (status, told["status"], told["next"]) == (200, "acked", 1)
    assert headers[b"cache-control"] == b"no-store"
    assert len(headers[b"x-request-id"]) == 16


async def test_refusals_are_those_of_rest(app, run, alice_key, foreign_key):
    for key, seq, content, expected in (
        (alice_key, 5, body({"loss": [0.5]}), (409, "gap")),
        (alice_key, 0, b"\xc1", (400, "malformed")),
        (foreign_key, 0, body(), (404, "not_found")),
        ("iso_" + "0" * 52, 0, body(), (401, "unauthenticated")),
        ("nonsense", 0, body(), (401, "unauthenticated")),
    ):
        status, headers, told = await put(app, run, content, key=key, seq=seq)
        assert (status, told["error"]["code"]) == expected
        assert told["error"]["request_id"].encode() == headers[b"x-request-id"]


async def test_what_is_not_plainly_a_program_goes_to_django(app, run, alice_key):
    for more in (
        {"headers": [(b"origin", b"http://localhost")]},
        {"headers": [(b"authorization", b"Bearer another")]},
        {"method": "POST"},
    ):
        assert (await put(app, run, b"", key=alice_key, **more))[0] == 299
    assert (await put(app, run, b""))[0] == 299


async def test_a_client_that_hangs_up_gets_nothing_and_stores_nothing(app, run, alice_key):
    scope = {
        "type": "http",
        "method": "PUT",
        "path": f"/api/v1/runs/{run.public_id}/streams/{STREAM}/batches/0",
        "headers": [(b"host", b"localhost"), (b"authorization", f"Bearer {alice_key}".encode())],
    }
    communicator = ApplicationCommunicator(app, scope)
    await communicator.send_input({"type": "http.request", "body": b"half", "more_body": True})
    await communicator.send_input({"type": "http.disconnect"})
    await communicator.wait(timeout=10)

    assert communicator.output_queue.empty()
    assert app._held_bytes == 0
    assert (await sync_to_async(inbox.ledger)(run.pk)).batches == 0


async def test_too_much_under_way_is_put_off(app, run, alice_key, monkeypatch):
    monkeypatch.setattr(batch_app, "MOST_HELD_BYTES", 100)
    status, headers, told = await put(app, run, bytes(200), key=alice_key)

    assert (status, told["error"]["code"], headers[b"retry-after"]) == (503, "unavailable", b"1")


@pytest.fixture
def alice_key(alice, team):
    return make_key(alice, scopes=["ingest"], team=team)


@pytest.fixture
def foreign_key(mallory):
    return make_key(mallory)


async def test_a_batch_that_follows_another_costs_one_statement_and_nothing_else(app, run, alice_key):
    """With all that listens to a commit: the live hint, the sign of life, the dirty set."""
    await put(app, run, body({"loss": [0.5]}), key=alice_key)
    with count_statements() as statements:
        status, _, _ = await put(app, run, body({"loss": [0.5]}, first_row=1), key=alice_key, seq=1)

    assert status == 200
    assert len(statements) == 1, statements


async def test_a_deletion_is_noticed_at_once(app, run, alice_key):
    await put(app, run, body({"loss": [0.5]}), key=alice_key)
    await sync_to_async(run.remove)()

    status, _, told = await put(app, run, body({"loss": [0.5]}, first_row=1), key=alice_key, seq=1)
    assert (status, told["error"]["code"]) == (410, "deleted")
