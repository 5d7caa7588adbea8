"""The projection of what runs are known by, against the real engine."""

from __future__ import annotations

import logging
import math
from datetime import timedelta
from uuid import UUID

import numpy as np
import pytest
from django.db import DataError, InterfaceError, connection
from django.test.utils import CaptureQueriesContext
from django.utils.timezone import now

from apps.accounts.models import User
from apps.metrics import inbox, tiles, verbs, wire
from apps.metrics.fold import fold
from apps.metrics.groups import Axis, Columns, Group
from apps.tracking import definitions, fields, runs
from apps.tracking.models import Project, ProjectField, Run, RunField
from tests.metrics.statements import count_statements

pytestmark = pytest.mark.django_db(databases="__all__")

STREAM = UUID(int=1)


@pytest.fixture
def project(db):
    owner = User.objects.create_user("alice@example.org", name="Alice")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one")[0]


def log(run, seq, *, stride=1, **metrics):
    """Append a batch: a list of values for each metric, at the steps that follow."""
    n = len(next(iter(metrics.values())))
    rows = np.arange(n, dtype=np.int64) + 1000 * seq
    axis = Axis(step=rows * stride, time=rows * 1_000_000, stream=np.zeros(n, np.int32), row=rows)
    columns = Columns(
        "f64", np.arange(len(metrics), dtype=np.int32), np.array(list(metrics.values()), np.float64)
    )
    body = wire.encode([Group(axis, (columns,))], list(metrics))
    batch = wire.decode(body, content_type="application/msgpack", content_encoding="", arrival_us=0)
    inbox.append(run.pk, STREAM, seq, batch)


def of(run):
    held = RunField.objects.filter(run=run.pk).values_list("field__path", "number", "text")
    return {path: (number, text) for path, number, text in held}


def test_a_run_knows_its_last_step_but_not_by_the_machines_clock(run):
    fields.project(run.pk)
    run.refresh_from_db()
    assert run.last_step is None

    log(run, 0, loss=[1.0, 2.0, 3.0], acc=[0.1, 0.2, 0.3])
    log(run, 1, **{"system/cpu": [50.0]})
    fields.project(run.pk)
    run.refresh_from_db()

    assert run.last_step == 2


def test_config_labels_environment_and_summary_become_fields(run):
    run.merge_config(
        {"lr": 0.1, "net": {"depth": 3, "act": "relu"}, "a.b": True, "none": None, "list": [1, 2]}
    )
    run.merge_labels({"stage": "dev"})
    run.merge_summary({"score": 0.9, "note": "good"})
    Run.objects.filter(pk=run.pk).update(
        metadata={"s": {"git": {"branch": "main"}, "packages": {"numpy": "2.0"}}}
    )

    fields.project(run.pk)

    assert of(run) == {
        "config.lr": (0.1, "0.1"),
        "config.net.depth": (3, "3"),
        "config.net.act": (None, "relu"),
        "config.a.b": (1, "true"),
        "config.list": (None, "[1,2]"),
        "labels.stage": (None, "dev"),
        "metrics.score": (0.9, "0.9"),
        "metrics.note": (None, "good"),
        "metadata.git.branch": (None, "main"),
    }


def test_metrics_come_with_their_last_value_before_any_fold(run):
    log(run, 0, loss=[3.0, 2.0, 1.5], acc=[0.1, 0.5, math.nan])

    fields.project(run.pk)

    held = of(run)
    assert held["metrics.loss"] == (1.5, None)
    assert math.isnan(held["metrics.acc"][0])


def test_a_metric_s_values_are_those_its_definition_names(project, run):
    definitions.define(
        project.pk,
        {
            "loss": {"direction": "min", "summary": ["best", "last", "max", "first", "mean"]},
            "val/*": {"summary": ["mean"], "last_k": 2},
            "val/acc": {"direction": "max", "summary": ["best"]},
            "hidden": {"summary": ["none"]},
        },
    )
    log(
        run,
        0,
        **{
            "loss": [3.0, 1.0, 2.0],
            "val/acc": [1.0, 5.0, 2.0],
            "val/x": [1.0, 5.0, 2.0],
            "hidden": [1, 1, 1],
        },
    )

    fields.project(run.pk)

    assert {path: number for path, (number, _) in of(run).items()} == {
        "metrics.loss": 1.0,
        "best(metrics.loss)": 1.0,
        "last(metrics.loss)": 2.0,
        "max(metrics.loss)": 3.0,
        "first(metrics.loss)": 3.0,
        "mean(metrics.loss)": 2.0,
        "metrics.val/acc": 5.0,
        "best(metrics.val/acc)": 5.0,
        "metrics.val/x": 3.5,
        "mean(metrics.val/x)": 3.5,
    }


@pytest.mark.parametrize("stride", [0, 10**12], ids=["constant step", "sparse steps"])
def test_the_mean_of_the_last_values_is_read_backward(project, run, monkeypatch, stride):
    monkeypatch.setattr(tiles, "MAX_EXACT_POINTS", 1000)
    definitions.define(project.pk, {"loss": {"summary": ["mean"], "last_k": 3}})
    for seq in range(3):
        log(run, seq, stride=stride, loss=[float(n) for n in range(600)])
        fold(run.pk)
    log(run, 3, stride=stride, loss=[math.inf, 3.0])

    with count_statements() as sent:
        assert fields.refresh(project.pk, 60) == 0

    assert of(run)["metrics.loss"] == (301.0, None)
    assert len(sent) < 40


def test_a_summary_of_the_user_beats_the_computed_one(run):
    log(run, 0, loss=[3.0, 1.0])
    run.merge_summary({"loss": 42})

    fields.project(run.pk)

    assert of(run)["metrics.loss"] == (42, "42")


def test_a_changed_definition_reaches_runs_that_were_projected_before(project, run):
    log(run, 0, loss=[3.0, 1.0, 2.0])
    fields.project(run.pk)
    run.end()
    Run.objects.update(fields_due=False)

    definitions.define(project.pk, {"loss": {"summary": ["min"]}})
    assert definitions.spread() == 1
    assert definitions.spread() == 0
    fields.refresh(project.pk)

    assert of(run)["metrics.loss"] == (1.0, None)


def test_only_what_differs_is_written(project, run):
    run.merge_config({"lr": 0.1, "depth": 3})
    log(run, 0, loss=[1.0], acc=[0.5])
    fields.project(run.pk)
    with connection.cursor() as cursor:
        cursor.execute("SELECT field_id, xmin::text, ctid::text FROM tracking_runfield")
        before = set(cursor.fetchall())
    log(run, 1, loss=[0.5], acc=[0.5])
    run.merge_config({}, unset=["depth"])

    fields.project(run.pk)

    with connection.cursor() as cursor:
        cursor.execute("SELECT field_id, xmin::text, ctid::text FROM tracking_runfield")
        after = set(cursor.fetchall())
    assert len(after - before) == 1
    assert of(run) == {"config.lr": (0.1, "0.1"), "metrics.loss": (0.5, None), "metrics.acc": (0.5, None)}


def test_a_refresh_takes_up_news_and_leaves_the_rest(project, run):
    log(run, 0, loss=[1.0])
    assert fields.refresh(project.pk) == 0
    at = Run.objects.get().fields_at

    assert fields.refresh(project.pk) == 0
    assert Run.objects.get().fields_at == at

    log(run, 1, loss=[0.25])
    assert fields.refresh(project.pk) == 0
    assert of(run)["metrics.loss"] == (0.25, None)


def test_a_refresh_without_time_says_how_many_are_behind(project):
    for number in range(130):
        runs.start(project, client_id=str(number), config={"n": number})

    assert fields.refresh(project.pk, budget_s=0) == 80
    assert fields.refresh(project.pk, budget_s=60) == 0
    assert RunField.objects.count() == 130


def test_a_run_that_has_ended_and_is_projected_is_let_go_of(project, run):
    run.end()
    fields.refresh(project.pk)
    assert Run.objects.get().fields_due
    Run.objects.update(last_seen_at=now() - timedelta(minutes=1))

    fields.refresh(project.pk)

    assert not Run.objects.get().fields_due


def test_statements_do_not_grow_with_the_runs(project):
    def projecting(count, first):
        made = [
            runs.start(project, client_id=str(first + number), config={"a": number, "b": "x"})[0].pk
            for number in range(count)
        ]
        with CaptureQueriesContext(connection) as queries:
            fields._project(made)
        return len(queries)

    projecting(1, 0)
    assert projecting(40, 100) == projecting(2, 10)


def test_what_is_beyond_the_bounds_stays_out(run, monkeypatch):
    monkeypatch.setattr(fields, "MOST_VALUES", 3)
    monkeypatch.setattr(fields, "MOST_METRICS", 2)
    run.merge_config({str(number): number for number in range(10)} | {"x" * 1100: 1})
    log(run, 0, a=[1.0], b=[1.0], c=[1.0])

    fields.project(run.pk)

    assert sum(path.startswith("config.") for path in of(run)) == 3
    assert sum(path.startswith("metrics.") for path in of(run)) == 2


def test_the_dictionary_says_what_a_path_holds(project, run):
    run.merge_config({"lr": 0.1, "opt": "adam"})
    log(run, 0, loss=[1.0])
    fields.project(run.pk)
    other, _ = runs.start(project, client_id="two", config={"opt": "12"})
    fields.project(other.pk)

    held = {field.path: (field.has_number, field.has_text) for field in ProjectField.objects.all()}
    assert held == {"config.lr": (True, False), "config.opt": (True, True), "metrics.loss": (True, False)}


def test_a_fork_of_many_forks_is_projected(project, run):
    line = [run]
    for number in range(20):
        log(line[-1], 0, loss=[1.0])
        child, _ = runs.start(project, client_id=f"fork {number}")
        verbs.link(child.pk, line[-1].pk, 0)
        line.append(child)

    assert fields.refresh(project.pk, 60) == 0

    assert of(line[-1])["metrics.loss"] == (1.0, None)
    at = Run.objects.get(pk=line[-1].pk).fields_at
    fields.refresh(project.pk, 60)
    assert Run.objects.get(pk=line[-1].pk).fields_at == at
    log(line[0], 1, acc=[1.0])
    log(line[0], 2, loss=[1.0])
    fields.refresh(project.pk, 60)
    assert Run.objects.get(pk=line[-1].pk).fields_at > at


@pytest.fixture
def seven(project):
    return [runs.start(project, client_id=str(number), config={"n": number})[0] for number in range(7)]


def spoil(monkeypatch, run, error):
    """Make one run's projection fail in the middle of its group."""
    entries = fields._entries

    def failing(row, *rest):
        if row.pk == run.pk:
            raise error
        return entries(row, *rest)

    monkeypatch.setattr(fields, "_entries", failing)


@pytest.mark.parametrize("error", [DataError("too long"), ValueError("damaged"), RecursionError()])
def test_a_run_that_cannot_be_projected_stops_no_other(project, seven, monkeypatch, caplog, error):
    spoil(monkeypatch, seven[3], error)

    with caplog.at_level(logging.ERROR):
        assert fields.refresh(project.pk, 60) == 0

    held = set(RunField.objects.values_list("run", flat=True))
    assert held == {each.pk for each in seven if each != seven[3]}
    assert [record.args for record in caplog.records] == [(seven[3].pk,)]


def test_what_the_database_minds_stops_no_other(project, seven, monkeypatch):
    entries = fields._entries

    def too_long(row, *rest):
        made = entries(row, *rest)
        return [*made, fields.Entry("x\0", 1.0, None)] if row == seven[0] else made

    monkeypatch.setattr(fields, "_entries", too_long)

    fields.refresh(project.pk, 60)

    assert RunField.objects.values("run").distinct().count() == 6


def test_a_run_that_failed_rests_longer_each_time_and_is_logged_once(project, seven, monkeypatch, caplog):
    with monkeypatch.context() as patched:
        spoil(patched, seven[3], ValueError("damaged"))
        fields.refresh(project.pk, 60)
        rests = []
        for _ in range(12):
            row = Run.objects.get(pk=seven[3].pk)
            rests.append((row.fields_at - now()).total_seconds())
            tried = []
            patched.setattr(fields, "_rest", lambda run, _, tried=tried: tried.append(run))
            fields.refresh(project.pk, 60)
            assert tried == []
            patched.undo()
            spoil(patched, seven[3], ValueError("damaged"))
            Run.objects.filter(pk=row.pk).update(fields_at=now() - timedelta(seconds=1))
            fields.refresh(project.pk, 60)
    assert [round(rest) for rest in rests[:4]] == [1, 2, 4, 8]
    assert round(rests[-1]) == 600
    assert len(caplog.records) == 1

    Run.objects.filter(pk=seven[3].pk).update(fields_at=now())
    fields.refresh(project.pk, 60)

    assert Run.objects.get(pk=seven[3].pk).fields_failures == 0
    assert "config.n" in of(seven[3])


def test_a_lost_database_ends_the_pass(project, seven, monkeypatch):
    spoil(monkeypatch, seven[3], InterfaceError("connection already closed"))

    with pytest.raises(InterfaceError):
        fields.refresh(project.pk, 60)

    assert not Run.objects.filter(fields_failures__gt=0).exists()
