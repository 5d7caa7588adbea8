from __future__ import annotations

import pytest

from apps.accounts.principal import Principal
from apps.base.errors import Conflict, Gone, Invalid
from apps.tracking import bulk, fields
from apps.tracking.models import MetricDefinition, Project, ProjectField, Run, RunField
from apps.tracking.move import move
from apps.tracking.runs import start
from apps.tracking.search.run_list import run_list
from apps.tracking.signals import run_changed

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(team):
    return Project.objects.begin(team, name="digits")


@pytest.fixture
def other(team):
    return Project.objects.begin(team, name="letters")


def make_runs(project: Project, count: int, **more) -> list[Run]:
    return [start(project, client_id=f"run-{number}", **more)[0] for number in range(count)]


def test_tags_of_many_are_changed_together_and_keep_their_order(project):
    first, second, third = make_runs(project, 3)
    first.edit(tags=["a", "b"])
    third.edit(tags=["new", "c"])
    before = {run.pk: run.version for run in (first, second, third)}

    bulk.tag([first, second, third], add=["new"], remove=["b"])

    tags = {run.pk: (run.tags, run.version) for run in Run.objects.all()}
    assert tags == {
        first.pk: (["a", "new"], before[first.pk] + 1),
        second.pk: (["new"], before[second.pk] + 1),
        third.pk: (["new", "c"], before[third.pk]),
    }


def test_one_run_with_too_many_tags_and_none_is_changed(project):
    full, empty = make_runs(project, 2)
    full.edit(tags=[str(number) for number in range(1000)])

    with pytest.raises(Invalid, match="1000 tags"):
        bulk.tag([empty, full], add=["one more"])

    assert Run.objects.get(pk=empty.pk).tags == []


def test_the_trash_knows_who_and_restoring_forgets(project, principal: Principal):
    runs = make_runs(project, 2)

    bulk.remove(runs, principal)
    assert {run.deleted_by for run in Run.objects.all()} == {principal.user}
    assert Run.objects.all().live().count() == 0

    bulk.restore(runs)
    assert {run.deleted_by for run in Run.objects.all()} == {None}
    assert Run.objects.all().live().count() == 2


def test_every_changed_run_is_told_after_the_commit(project, django_capture_on_commit_callbacks):
    runs = make_runs(project, 3)
    heard: list[int] = []

    def hear(*, run: int, **_: object) -> None:
        heard.append(run)

    run_changed.connect(hear)
    try:
        with django_capture_on_commit_callbacks(execute=True):
            bulk.tag(runs, add=["x"])
    finally:
        run_changed.disconnect(hear)
    assert sorted(heard) == [run.pk for run in runs]


def test_a_moved_run_is_found_by_its_values_where_it_is_now(project, other):
    run, stays = make_runs(project, 2, config={"lr": 0.1, "name": "sgd"})
    fields.refresh(project.pk)

    move([run], other)

    assert [each.pk for each in run_list(other, "config.lr = 0.1").runs] == [run.pk]
    assert [each.pk for each in run_list(project, "config.lr = 0.1").runs] == [stays.pk]
    assert set(RunField.objects.filter(run=run).values_list("field__project", flat=True)) == {other.pk}
    assert set(ProjectField.objects.filter(project=other).values_list("path", flat=True)) == {
        "config.lr",
        "config.name",
    }


def test_what_is_known_of_its_metrics_comes_along_and_replaces_nothing(project, other):
    make = MetricDefinition.objects.create
    make(project=project, name="loss", direction="min")
    make(project=project, name="acc", direction="max", unit="%")
    make(project=project, name="never/logged", direction="max")
    make(project=other, name="loss", direction="max")
    (run,) = make_runs(project, 1)
    run.merge_summary({"loss": 0.5, "acc": 90})
    fields.refresh(project.pk)

    move([run], other)

    known = MetricDefinition.objects.filter(project=other).values_list("name", "direction", "unit")
    assert set(known) == {("loss", "max", ""), ("acc", "max", "%")}
    assert MetricDefinition.objects.filter(project=project).count() == 3


def test_a_run_of_the_same_id_stops_the_move_of_all(project, other):
    runs = make_runs(project, 2, config={"lr": 0.1})
    start(other, client_id="run-1")
    fields.refresh(project.pk)

    with pytest.raises(Conflict, match="Nothing was moved"):
        move(runs, other)

    assert Run.objects.filter(project=project).count() == 2
    assert not RunField.objects.filter(field__project=other).exists()


def test_nothing_is_moved_into_a_deleted_project(project, other):
    other.remove()
    with pytest.raises(Gone):
        move(make_runs(project, 1), other)
