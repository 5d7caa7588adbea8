from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.accounts.models import User
from apps.tracking import heartbeat, runs
from apps.tracking.models import Project, Run
from apps.tracking.models.run import RunQuerySet

pytestmark = pytest.mark.django_db


@pytest.fixture
def project(db):
    heartbeat.forget()
    owner = User.objects.create_user("alice@example.org")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one")[0]


def silence(run, seconds):
    Run.objects.filter(pk=run.pk).update(last_seen_at=now() - timedelta(seconds=seconds))


def test_a_run_that_is_silent_has_crashed_when_it_was_last_heard(run):
    silence(run, 301)

    assert heartbeat.mark_silent() == 1

    run.refresh_from_db()
    assert run.state == "crashed"
    assert run.ended_at == run.last_seen_at


def test_a_run_that_was_heard_lately_goes_on(run):
    silence(run, 299)
    assert heartbeat.mark_silent() == 0


def test_silence_is_a_setting(run, settings):
    settings.RUN_SILENCE_S = 20
    silence(run, 21)
    assert heartbeat.mark_silent() == 1


def test_a_crashed_run_that_speaks_runs_again(run):
    silence(run, 400)
    heartbeat.mark_silent()

    heartbeat.hear(run.pk)

    run.refresh_from_db()
    assert run.is_running
    assert run.ended_at is None


def test_an_ended_run_that_speaks_has_still_ended(run):
    run.end()
    silence(run, 400)

    heartbeat.hear(run.pk)

    run.refresh_from_db()
    assert run.state == "finished"


def test_a_run_that_ends_while_it_is_heard_has_ended(run, monkeypatch):
    """Its writer's state record is applied between the look at the row and the change of it."""
    silence(run, 400)
    heartbeat.mark_silent()
    first = RunQuerySet.first

    def overtaken(runs):
        found = first(runs)
        Run.objects.get(pk=run.pk).end(exit_code=3)
        return found

    monkeypatch.setattr(RunQuerySet, "first", overtaken)

    heartbeat.hear(run.pk)

    run.refresh_from_db()
    assert (run.state, run.exit_code) == ("finished", 3)
    assert run.ended_at is not None


def test_hearing_a_run_often_writes_seldom(run):
    silence(run, 60)
    with CaptureQueriesContext(connection) as queries:
        for _ in range(100):
            heartbeat.hear(run.pk)

    assert len([query for query in queries if query["sql"].startswith("UPDATE")]) == 1


def test_many_silent_runs_are_one_update(project):
    for number in range(30):
        runs.start(project, client_id=str(number))
    Run.objects.update(last_seen_at=now() - timedelta(hours=1))

    with CaptureQueriesContext(connection) as queries:
        assert heartbeat.mark_silent() == 30

    assert len(queries) == 3
