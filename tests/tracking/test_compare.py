from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.tracking import fields, runs
from apps.tracking.compare import ABSENT, MetricRow, comparison_of, equal, metric_rows, rows
from apps.tracking.definitions import Dictionary, define
from apps.tracking.models import MetricDefinition, Project

VALUES = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats()
    | st.text(max_size=3)
    | st.lists(st.integers())
)
COLUMNS = st.lists(st.dictionaries(st.sampled_from("abcdef"), VALUES), min_size=2, max_size=5)


@given(COLUMNS)
def test_every_key_has_one_row_with_every_value(columns):
    made = rows(columns)

    assert sorted(row.key for row in made) == sorted({key for column in columns for key in column})
    for row in made:
        for value, column in zip(row.values, columns, strict=True):
            assert value is column.get(row.key, ABSENT)


@given(COLUMNS)
def test_what_differs_does_not_depend_on_the_order_of_the_runs(columns):
    def differing(of):
        return {row.key for row in rows(of) if row.differs}

    assert differing(columns) == differing(columns[::-1])


@given(st.dictionaries(st.text(max_size=3), VALUES))
def test_a_run_does_not_differ_from_itself(column):
    assert not any(row.differs for row in rows([column, column, dict(column)]))


@given(st.lists(st.floats() | st.just(ABSENT), min_size=2, max_size=5), st.sampled_from(["min", "max", ""]))
def test_no_run_is_better_than_a_best_one(values, direction):
    row = MetricRow("metrics.loss", tuple(values), direction=direction)

    if 0 in row.best:
        assert not any(row.is_better(at) for at in range(len(values)))
    for at in row.best:
        assert math.isfinite(values[at])
    if not direction:
        assert not row.best


def test_numbers_are_compared_as_they_read():
    assert equal(1, 1.0)
    assert equal(math.nan, math.nan)
    assert not equal(True, 1)
    assert not equal(None, ABSENT)


def test_a_plain_name_that_repeats_its_first_kind_is_left_out():
    definition = MetricDefinition(name="loss", direction="min", summary=["min"], unit="nats")
    values = {"metrics.loss": 0.2, "min(metrics.loss)": 0.2, "metrics.acc": 0.9}

    made = metric_rows([values, values], Dictionary([definition]))

    assert [(row.name, row.how, row.direction, row.unit) for row in made] == [
        ("loss", "min", "min", "nats"),
        ("acc", "last", "", ""),
    ]


@pytest.mark.django_db(databases="__all__")
def test_twenty_runs_are_compared_in_two_queries(team, django_assert_num_queries):
    project = Project.objects.begin(team, name="digits")
    define(project.pk, {"loss": {"direction": "min"}})
    made = []
    for number in range(20):
        run, _ = runs.start(project, client_id=str(number), config={"seed": number, "depth": 3})
        run.merge_summary({"loss": number / 10})
        made.append(run)
    fields.refresh(project.pk, 10)

    with django_assert_num_queries(2):
        found = comparison_of(made)

    assert [row.key for row in found.config if row.differs] == ["seed"]
    assert found.metrics[0].best == {0}
    assert found.keys == ["loss"]
