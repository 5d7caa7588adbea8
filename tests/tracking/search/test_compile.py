"""Every query gives the runs that plain Python says it should, on the real database."""

from __future__ import annotations

import pytest
from django.db import DataError, connection
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.tracking import fields
from apps.tracking.models import Project, ProjectField, Run
from apps.tracking.search import regex
from apps.tracking.search.errors import QueryError
from apps.tracking.search.parse import parse
from apps.tracking.search.run_list import matching, run_list
from apps.tracking.search.unparse import unparse

from .queries import AT, holds, queries, sketches

pytestmark = pytest.mark.django_db(databases="__all__")

ON_ONE_DATABASE = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)


@pytest.fixture
def project(db):
    owner = User.objects.create_user("alice@example.org", name="Alice")
    return Project.objects.begin(owner.personal_team, name="Digits", by=owner)


def fill(project, sketches_):
    Run.objects.all().delete()
    ProjectField.objects.all().delete()
    runs = [sketch.build(project, number) for number, sketch in enumerate(sketches_)]
    for number, run in enumerate(runs):
        run.created_by = project.created_by if number % 2 else None
    Run.objects.bulk_create(runs)
    for run in runs[1::3]:
        run.parent = runs[0]
        run.save()
    fields.refresh(project.pk, 60)
    return list(Run.objects.select_related("created_by", "parent"))


@ON_ONE_DATABASE
@given(st.lists(sketches(), min_size=1, max_size=12), st.lists(queries(), min_size=1, max_size=6))
def test_the_database_and_plain_python_agree(project, some, asked):
    runs = fill(project, some)
    for node in asked:
        found = set(matching(project, node, at=AT).values_list("pk", flat=True))
        assert found == {run.pk for run in runs if holds(node, run)}, unparse(node)


@ON_ONE_DATABASE
@given(queries())
def test_what_is_not_true_of_a_run_is_true_with_a_not(project, node):
    from apps.tracking.search.ast import Not

    if not Run.objects.exists():
        Run.objects.create(project=project, client_id="1", name="adam", config={"lr": 0.1})
        fields.refresh(project.pk, 60)
    for run in Run.objects.all():
        yes = matching(project, node, at=AT).filter(pk=run.pk).exists()
        no = matching(project, Not(node), at=AT).filter(pk=run.pk).exists()
        assert yes != no


PATTERN = st.text(alphabet="aAb01é.|*+?()[]^$-\\dws{,}1:i \n", max_size=12)


@ON_ONE_DATABASE
@given(PATTERN, st.lists(st.text(alphabet="aAb01é.-\n [", max_size=6), max_size=5))
def test_a_pattern_means_the_same_to_postgresql_and_python(project, pattern, texts):
    import re

    try:
        canonical, ignore_case = regex.canonical(pattern)
    except QueryError:
        return
    compiled = re.compile(regex.python(canonical), re.DOTALL | (re.IGNORECASE if ignore_case else 0))
    operator = "~*" if ignore_case else "~"
    with connection.cursor() as cursor:
        for text in texts:
            try:
                cursor.execute(f'SELECT %s COLLATE "pg_c_utf8" {operator} %s', [text, canonical])
            except DataError:
                pytest.fail(f"{pattern!r} became {canonical!r}, which PostgreSQL does not take")
            assert cursor.fetchone()[0] == (compiled.search(text) is not None), (canonical, text)


@pytest.mark.parametrize(
    "text",
    [
        r"name matches '(a+)+\\1'",
        "name matches '(?=a)'",
        "name matches '(?<!a)b'",
        "name matches '[a'",
        "name matches 'a**'",
        "name matches '((a{100}){100})'",
        "name matches 'a{1000}'",
        r"name matches '\\A'",
        "name like 'a\\\\'",
        "state = 'asleep'",
        "started > 'yesterday'",
        "started > 5",
        "exit_code = 'x'",
        "name > 5",
        "duration = 'long'",
        "created matches 'x'",
        "config.x < true",
        "started > now - 90000w",
    ],
)
def test_a_comparison_that_cannot_be_is_refused(project, text):
    with pytest.raises(QueryError):
        run_list(project, text)


def test_a_moment_before_the_calendar_is_refused_with_its_place(project):
    with pytest.raises(QueryError) as refused:
        run_list(
            project, "started > now + 5000w and ended < now - 5000w and name = 'x'", at=AT.replace(year=50)
        )
    assert refused.value.details["length"] == len("now - 5000w")


def test_code_2_no_relation_can_be_walked(project):
    for name in ("project__team__slug", "created_by__password", "project.team", "pk", "deleted_at"):
        with pytest.raises(QueryError):
            parse(f"{name} = 'x'")


def test_a_field_that_no_run_has_is_false_and_told_with_what_looks_alike(project):
    Run.objects.create(project=project, client_id="1", name="a", config={"learning_rate": 0.1})

    page = run_list(project, "config.learnin_rate = 0.1")

    assert page.runs == []
    [unknown] = page.unknown
    assert unknown.suggestions == ("config.learning_rate",)
    assert len(run_list(project, "config.learnin_rate is null").runs) == 1


def test_a_field_of_another_project_is_unknown(project):
    other = Project.objects.begin(project.team, name="Other")
    Run.objects.create(project=other, client_id="1", name="a", config={"secret": 1})
    fields.refresh(other.pk)

    page = run_list(project, "config.secrets = 1")

    assert page.unknown[0].suggestions == ()
    assert len(run_list([project, other], "config.secret = 1").runs) == 1


def test_dos_3_a_query_that_takes_too_long_is_refused(project, monkeypatch):
    from apps.tracking.search.run_list import costs_bounded

    with pytest.raises(QueryError) as refused, costs_bounded(timeout_ms=50), connection.cursor() as cursor:
        cursor.execute("SELECT pg_sleep(2)")
    assert refused.value.code == "query_too_costly"
