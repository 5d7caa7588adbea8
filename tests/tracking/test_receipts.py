from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils.timezone import now

from apps.accounts.models import User
from apps.base.errors import Gone
from apps.metrics import inbox
from apps.metrics.fold import fold
from apps.tracking import receipts, runs
from apps.tracking.models import Project, Run
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")
BATCH = make_batch({"loss": [0.5]})


@pytest.fixture
def run():
    owner = User.objects.create_user("alice@example.org")
    project = Project.objects.begin(owner.personal_team, name="Digits", by=owner)
    run = runs.start(project, client_id="one")[0]
    inbox.append(run.pk, STREAM, 0, BATCH)
    fold(run.pk)
    return run


def repeat(run):
    return inbox.append(run.pk, STREAM, 0, BATCH).status


def test_a_repeat_is_known_for_a_week_after_the_end(run):
    run.end()

    receipts.limit_receipts()

    inbox.expire_receipts(now() + timedelta(days=6))
    assert repeat(run) == "duplicate"
    inbox.expire_receipts(now() + timedelta(days=8))
    with pytest.raises(Gone, match="too old"):
        repeat(run)


def test_a_run_that_goes_on_keeps_its_receipts(run):
    run.end()
    receipts.limit_receipts()
    run.refresh_from_db()
    run.reopen()
    Run.objects.update(started_at=now() - timedelta(days=2))

    receipts.limit_receipts()

    inbox.expire_receipts(now() + timedelta(days=80))
    assert repeat(run) == "duplicate"
