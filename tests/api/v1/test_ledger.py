"""The ledger: what was sent, stored, refused, and what still waits."""

from __future__ import annotations

import pytest

from apps.metrics import inbox
from apps.tracking import records
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")


def test_records_wait_and_are_applied_or_refused(reader, run):
    said = [{"type": "tags", "add": [" "]}, {"type": "tags", "add": ["good"]}]
    inbox.append(run.pk, STREAM, 0, make_batch({"loss": [0.5]}, records=said))
    url = f"/api/v1/runs/{run.public_id}/ledger"

    before = reader.get(url).json()
    records.apply_pending(run.pk)
    after = reader.get(url).json()

    assert (before["pending_records"], before["rejected"]) == (1, 0)
    assert (after["pending_records"], after["rejected"], after["points"]) == (0, 1, 1)
    (refused,) = after["rejections"]
    assert (refused["code"], refused["key"], refused["seq"]) == ("bad_tag", "tags", 0)
    assert refused["stream"] == str(STREAM)
