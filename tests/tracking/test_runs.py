from __future__ import annotations

import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils.timezone import now

from apps.accounts.models import User
from apps.base.errors import Conflict, Gone, Invalid, NotFound, TooLarge
from apps.metrics import verbs
from apps.tracking import fields, limits, runs
from apps.tracking.models import Project, Run, RunField
from apps.tracking.models.run import RunEnded

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(db):
    owner = User.objects.create_user("alice@example.org", name="Alice")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one")[0]


def test_a_run_ends_once(run):
    run.end()

    with pytest.raises(RunEnded):
        run.end()
    assert run.state == "finished"
    assert run.ended_at is not None


def test_starting_twice_gives_one_run(project):
    first, made = runs.start(project, client_id="one", config={"lr": 0.1, "net": {"depth": 3}})
    second, made_again = runs.start(project, client_id="one", config={"net": {"width": 8}})

    assert (made, made_again) == (True, False)
    assert first.pk == second.pk
    assert Run.objects.get().config == {"lr": 0.1, "net": {"depth": 3, "width": 8}}


def test_resume_says_what_may_be_there(project, run):
    with pytest.raises(Conflict) as refused:
        runs.start(project, client_id="one", resume="never")
    assert refused.value.code == "run_exists"
    with pytest.raises(NotFound):
        runs.start(project, client_id="other", resume="must")
    assert runs.start(project, client_id="one", resume="must") == (run, False)


def test_an_ended_run_that_is_resumed_goes_on(project, run):
    run.end(state="failed", exit_code=1)

    again, _ = runs.start(project, client_id="one")

    assert again.is_running
    assert (again.ended_at, again.exit_code) == (None, None)


def test_a_deleted_run_is_gone_until_it_is_restored(project, run):
    run.remove()
    with pytest.raises(Gone):
        runs.start(project, client_id="one")

    run.restore()

    assert runs.start(project, client_id="one")[0] == run


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_many_that_start_one_run_at_once_get_the_same(project):
    got: list[tuple[int, bool]] = []
    together = threading.Barrier(6)

    def begin() -> None:
        together.wait()
        try:
            run, made = runs.start(project, client_id="rank")
            got.append((run.pk, made))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=begin) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len({pk for pk, _ in got}) == 1
    assert sorted(made for _, made in got) == [False] * 5 + [True]


def test_a_clone_begins_with_what_its_model_was_given(project):
    model, _ = runs.start(project, client_id="one", name="base", config={"lr": 0.1}, tags=["best"], group="a")
    model.end()

    copy = runs.clone(model, client_id="two")

    assert (copy.config, copy.tags, copy.group, copy.state) == ({"lr": 0.1}, ["best"], "a", "running")


def test_fixed_config_takes_the_same_value_again_and_no_other(run):
    run.fix_config({"lr": "0.1"})
    run.fix_config({"lr": "0.1", "depth": "3"})

    with pytest.raises(Conflict) as refused:
        run.fix_config({"depth": "4", "new": "1"})

    assert refused.value.details["key"] == "depth"
    assert Run.objects.get().config == {"lr": "0.1", "depth": "3"}


def test_floats_that_json_cannot_hold_come_back_from_a_config(run):
    odd = {
        "a": float("inf"),
        "b": [float("-inf"), 1e22],
        "c": -0.0,
        "d": {"$float": "x"},
        "e": 2.0,
        "f": 5e-324,
    }
    run.merge_config({**odd, "n": float("nan")})

    config = Run.objects.get().config

    assert repr(config.pop("n")) == "nan"
    assert config == odd
    assert repr(config["c"]) == "-0.0"
    assert isinstance(config["b"][1], float)
    assert isinstance(config["e"], float)


def test_every_change_moves_the_version(run):
    before = run.version

    run.rename("better")
    run.tag(add=["a", "b"], remove=["b"])
    run.tag(add=["a"])

    assert run.version == before + 2
    assert run.tags == ["a", "b"]


def test_what_was_deleted_long_ago_is_swept(project, run):
    run.merge_config({"lr": 0.1})
    fields.refresh(project.pk)
    other, _ = runs.start(project, client_id="two")
    for each in (run, other):
        each.remove()
    Run.objects.filter(pk=run.pk).update(deleted_at=now() - timedelta(days=31))

    assert runs.sweep_deleted() == 1

    assert list(Run.objects.all()) == [other]
    assert not RunField.objects.exists()


def test_a_run_that_cannot_be_purged_stops_no_other(project, run, monkeypatch, caplog):
    others = [runs.start(project, client_id=str(number))[0] for number in range(2)]
    Run.objects.update(deleted_at=now() - timedelta(days=31))
    purge = verbs.purge

    def failing(pk):
        if pk == run.pk:
            raise OSError("damaged")
        purge(pk)

    with monkeypatch.context() as patched:
        patched.setattr(verbs, "purge", failing)
        assert runs.sweep_deleted() == 2
        assert runs.sweep_deleted(limit=1) == 0
        others.append(runs.start(project, client_id="later")[0])
        others[-1].remove()
        Run.objects.update(deleted_at=now() - timedelta(days=31))
        # Those that fail do not use up the sweep's limit.
        assert runs.sweep_deleted(limit=1) == 1

    assert list(Run.objects.all()) == [run]
    assert {record.args for record in caplog.records} == {(run.pk,)}
    assert runs.sweep_deleted() == 1


def test_a_project_that_cannot_be_deleted_stops_no_other(project, monkeypatch):
    other = Project.objects.begin(project.team, name="Other")
    Project.objects.update(deleted_at=now() - timedelta(days=31))
    delete = Project.delete

    def failing(row):
        if row.pk == project.pk:
            raise OSError("damaged")
        return delete(row)

    monkeypatch.setattr(Project, "delete", failing)

    runs.sweep_deleted()

    assert list(Project.objects.all()) == [project]
    assert other.pk != project.pk


def test_a_project_deleted_long_ago_is_swept_with_its_runs(project, run):
    project.remove()
    Project.objects.update(deleted_at=now() - timedelta(days=31))

    runs.sweep_deleted()

    assert not Project.objects.exists()
    assert not Run.objects.exists()


def test_the_scheduled_tasks_exist():
    from apps.tracking import beat, tasks

    for entry in beat.SCHEDULE.values():
        assert hasattr(tasks, entry["task"].rpartition(".")[2])


def test_each_task_is_fine_with_nothing_to_do(db):
    from apps.tracking import tasks

    for task in ("apply_pending_records", "project_dirty_fields", "mark_silent", "sweep_deleted"):
        assert getattr(tasks, task)() == 0


@pytest.mark.parametrize(
    "write",
    [
        lambda run: run.merge_config({"a": "x" * 900}),
        lambda run: run.merge_summary({"a": "x" * 2000}),
        lambda run: run.merge_labels({"a": "x" * 2000}),
        lambda run: run.replace_config({"a": "x" * 2000}),
        lambda run: run.replace_summary({"a": "x" * 2000}),
        lambda run: run.fix_config({"a": "x" * 900}),
        lambda run: runs.start(run.project, client_id="two", config={"a": "x" * 2000}),
        lambda run: runs.start(run.project, client_id="one", config={"a": "x" * 900}),
        lambda run: runs.start(run.project, client_id="two", labels={"a": "x" * 2000}),
    ],
)
def test_what_a_run_holds_has_one_limit_whoever_writes(run, monkeypatch, write):
    run.merge_config({"there": "x" * 200})
    monkeypatch.setattr(limits, "STRUCTURE_BYTES", 1000)

    with pytest.raises(TooLarge):
        write(run)

    assert [each.config for each in Run.objects.all()] == [{"there": "x" * 200}]


@pytest.mark.parametrize(
    "write",
    [
        lambda run, tags: run.edit(tags=tags),
        lambda run, tags: run.tag(add=tags),
        lambda run, tags: runs.start(run.project, client_id="two", tags=tags),
        lambda run, tags: runs.start(run.project, client_id="one", tags=tags),
    ],
)
def test_a_run_has_so_many_tags_at_most(run, write):
    tags = [str(number) for number in range(limits.MOST_TAGS)]

    write(run, [*tags, "0"])
    with pytest.raises(Invalid, match="at most 1000 tags"):
        write(run, [*tags, "more"])
