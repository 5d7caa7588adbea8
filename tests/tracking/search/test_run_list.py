"""Pages of runs: their order, and that they join to the whole list."""

from __future__ import annotations

import math

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.base.errors import Malformed
from apps.tracking import fields, runs
from apps.tracking.models import Project, ProjectField, Run
from apps.tracking.search.ast import Field
from apps.tracking.search.errors import QueryError
from apps.tracking.search.order import Key, parse_order
from apps.tracking.search.run_list import count, run_list

from .queries import look_up, sketches

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(db):
    owner = User.objects.create_user("alice@example.org", name="Alice")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


def pages(project, query="", sort="", limit=3):
    found, cursor = [], None
    while True:
        page = run_list(project, query, sort, cursor=cursor, limit=limit)
        found += page.runs
        if page.cursor is None:
            return found
        assert len(page.runs) == limit
        cursor = page.cursor


KEYS = st.builds(
    Key,
    st.sampled_from(
        [
            Field("config", "lr"),
            Field("config", "opt"),
            Field("metrics", "loss"),
            Field("metrics", "nowhere"),
            Field("run", "name"),
            Field("run", "group"),
            Field("run", "ended"),
            Field("run", "created"),
            Field("run", "duration"),
            Field("run", "exit_code"),
            Field("run", "user"),
        ]
    ),
    st.booleans(),
    as_text=st.booleans(),
)


def place(run, keys):
    """Where a run stands: numbers, then texts, then NaN, then nothing; then the newest first."""
    parts = []
    for key in keys:
        number, text = look_up(key.field, run)
        sign = -1 if key.descending else 1
        if key.field.scope == "run":
            value = text if number is None else number
            parts.append((value is None, _Turned(value, sign)))
        elif number is not None and not math.isnan(number) and not key.as_text:
            parts.append((0, _Turned(number, sign)))
        elif text is not None and (number is None or key.as_text):
            parts.append((1, _Turned(text[:128], sign)))
        elif number is not None and not key.as_text:
            parts.append((2, _Turned(None, sign)))
        else:
            parts.append((3, _Turned(None, sign)))
    return (*parts, -run.pk)


class _Turned:
    def __init__(self, value, sign):
        self.value, self.sign = value, sign

    def __eq__(self, other):
        return self.value == other.value

    def __lt__(self, other):
        return self.value < other.value if self.sign > 0 else other.value < self.value


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
@given(
    st.lists(sketches(), max_size=12),
    st.lists(KEYS, max_size=3, unique_by=lambda key: key.field),
    st.integers(1, 5),
)
def test_pages_join_to_the_list_that_plain_python_sorts(project, some, keys, limit):
    Run.objects.all().delete()
    ProjectField.objects.all().delete()
    made = [sketch.build(project, number) for number, sketch in enumerate(some)]
    for number, run in enumerate(made):
        run.created_by = project.created_by if number % 2 else None
    Run.objects.bulk_create(made)
    fields.refresh(project.pk, 60)
    whole = sorted(Run.objects.select_related("created_by"), key=lambda run: place(run, keys))

    assert [run.pk for run in pages(project, sort=keys, limit=limit)] == [run.pk for run in whole]


def test_missing_values_come_last_in_both_directions(project):
    for number, value in enumerate([0.5, None, math.nan, "high", -1, math.inf]):
        config = {} if value is None else {"x": value}
        runs.start(project, client_id=str(number), name=str(value), config=config)

    assert [run.name for run in run_list(project, sort="config.x").runs] == [
        "-1", "0.5", "inf", "high", "nan", "None",
    ]  # fmt: skip
    assert [run.name for run in run_list(project, sort="-config.x").runs] == [
        "inf", "0.5", "-1", "high", "nan", "None",
    ]  # fmt: skip


def test_without_an_order_the_newest_come_first(project):
    for number in range(5):
        runs.start(project, client_id=str(number), name=str(number))

    assert [run.name for run in pages(project, limit=2)] == ["4", "3", "2", "1", "0"]


def test_deleted_runs_are_left_out_unless_they_are_asked_for(project):
    run, _ = runs.start(project, client_id="1", config={"x": 1})
    run.remove()

    assert run_list(project, "config.x = 1").runs == []
    assert run_list(project, "config.x = 1", among=Run.with_removed.all()).runs == [run]
    assert count(project, "config.x = 1") == 0


def test_a_page_sees_what_was_changed_just_before(project):
    run, _ = runs.start(project, client_id="1")
    assert run_list(project, "config.lr = 0.1").runs == []
    run.merge_config({"lr": 0.1})

    page = run_list(project, "config.lr = 0.1")

    assert page.runs == [run]
    assert page.behind == 0


@pytest.mark.parametrize("cursor", ["x", "AAAA", "é", "gqNhYmOAkA"])
def test_a_cursor_that_was_not_given_out_is_refused(project, cursor):
    with pytest.raises(Malformed):
        run_list(project, cursor=cursor)


def test_a_cursor_of_another_order_is_refused(project):
    for number in range(3):
        runs.start(project, client_id=str(number), config={"x": number})
    cursor = run_list(project, sort="config.x", limit=1).cursor
    assert cursor is not None
    for sort in ("-config.x", "", "name"):
        with pytest.raises(Malformed):
            run_list(project, sort=sort, cursor=cursor)


def test_a_first_nan_does_not_confuse_a_reader_between_two_pages(project):
    for number in range(4):
        runs.start(
            project, client_id=str(number), name=str(number), config={"x": number} if number < 2 else {}
        )
    first = run_list(project, sort="config.x", limit=3)
    runs.start(project, client_id="nan", name="nan", config={"x": math.nan})

    second = run_list(project, sort="config.x", limit=3, cursor=first.cursor)

    assert [run.name for run in first.runs + second.runs] == ["0", "1", "3", "2"]


@pytest.mark.parametrize(
    "text", ["nothing", "config.", "name, name", "tags", ",", "a b c", "name up", ",".join(["config.x"] * 9)]
)
def test_an_order_that_cannot_be_is_refused(text):
    with pytest.raises(QueryError):
        parse_order(text)


def test_an_order_is_written_in_either_way():
    assert parse_order("-metrics.loss, name") == parse_order("metrics.loss desc, name asc")
    assert parse_order('config."a,b" DESC') == (Key(Field("config", "a,b"), descending=True),)


def test_the_number_of_statements_does_not_grow_with_the_runs(project):
    def listing():
        with CaptureQueriesContext(connection) as queries:
            run_list(project, "config.x > 0 and config.y = 'a'", "config.x")
        return len(queries)

    for number in range(3):
        runs.start(project, client_id=str(number), config={"x": number, "y": "a"})
    fields.refresh(project.pk)
    few = listing()
    for number in range(3, 60):
        runs.start(project, client_id=str(number), config={"x": number, "y": "a"})
    fields.refresh(project.pk)

    assert listing() == few
    assert few <= 16
