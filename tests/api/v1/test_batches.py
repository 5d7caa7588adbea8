from __future__ import annotations

import json

import pytest

from apps.metrics import inbox
from apps.metrics.wire import encode
from tests.metrics.batches import STREAM, make_group
from tests.metrics.statements import count_statements

pytestmark = pytest.mark.django_db


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
