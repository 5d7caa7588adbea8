from __future__ import annotations

import pytest

from apps.tracking import fields
from apps.tracking.models import MetricDefinition, Project
from apps.tracking.runs import start
from apps.tracking.search.columns import columns, named, spreads, suggested
from apps.tracking.search.complete import complete
from apps.tracking.search.run_list import matching

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(team):
    """Three runs: lr differs, depth does not, only one has a note on its data."""
    project = Project.objects.begin(team, name="digits")
    MetricDefinition.objects.create(project=project, name="val/loss", direction="min", summary=["min"])
    for number, lr in enumerate((0.1, 0.1, 0.3)):
        config = {"lr": lr, "depth": 3, "opt": {"name": "sgd"}} | ({"data": "mnist"} if number == 2 else {})
        run, _ = start(project, client_id=f"run-{number}", config=config, group="a")
        run.merge_summary({"val/loss": 0.5 + number, "bad": float("nan"), "system/cpu": 10})
    fields.refresh(project.pk)
    return project


def test_columns_are_what_runs_have_with_what_is_known_of_metrics(project, django_assert_num_queries):
    with django_assert_num_queries(2):
        found = columns(project)

    known = {column.path: column for column in found.columns}
    assert list(known)[:3] == ["id", "client_id", "name"]
    assert (known["config.lr"].type, known["config.opt.name"].type) == ("number", "text")
    loss = known["metrics.val/loss"]
    assert (loss.scope, loss.name, loss.statistic, loss.direction) == ("metrics", "val/loss", "min", "min")
    assert list(known)[-1] == "metrics.system/cpu"
    assert found.total == len(found.columns)


def test_columns_are_searched_by_a_part_of_their_path(project):
    assert [column.path for column in columns(project, part="OPT").columns] == ["config.opt.name"]
    assert columns(project, limit=1).total == len(columns(project).columns)


def test_a_column_that_no_run_has_yet_is_still_a_column(project):
    assert [column.scope for column in named(project, ["name", "metrics.later", "config.lr"])] == [
        "run",
        "metrics",
        "config",
    ]


def test_who_has_picked_nothing_sees_what_differs_and_what_is_validated(project, django_assert_num_queries):
    with django_assert_num_queries(4):
        paths = [column.path for column in suggested(project)]

    assert paths == [
        "state",
        "step",
        "duration",
        "config.lr",
        "metrics.val/loss",
        "metrics.bad",
        "tags",
        "user",
        "created",
    ]


def test_a_column_differs_if_not_all_have_the_same(project, django_assert_num_queries):
    runs = matching(project)
    asked = ["config.lr", "config.depth", "config.data", "metrics.bad", "metrics.val/loss", "group", "name"]
    with django_assert_num_queries(3):
        told = {spread.path: spread for spread in spreads(runs, project, asked)}

    assert {path: spread.differs for path, spread in told.items()} == {
        "config.lr": True,
        "config.depth": False,
        "config.data": True,
        "metrics.bad": False,
        "metrics.val/loss": True,
        "group": False,
        "name": True,
    }
    assert (told["metrics.val/loss"].low, told["metrics.val/loss"].high) == (0.5, 2.5)


def test_what_differs_is_asked_of_the_runs_of_the_query(project):
    same = matching(project, "config.lr = 0.1")
    assert {spread.path: spread.differs for spread in spreads(same, project)}["config.lr"] is False


def test_completion_says_what_a_name_stands_for(project):
    told = {option.text: option.hint for option in complete(project, "config.").options}
    assert told == {
        "config.data": "config, 1 value",
        "config.depth": "config, 3",
        "config.lr": "config, 0.1 to 0.3",
        "config.opt.name": "config, 1 value",
    }
    assert {
        (each.text, each.hint) for each in complete(project, "config.lr = ").options if each.kind == "value"
    } == {
        ("0.1", "2 runs"),
        ("0.3", "1 run"),
    }
