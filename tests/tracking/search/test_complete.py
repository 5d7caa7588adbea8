from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.accounts.models import User
from apps.tracking import fields, runs
from apps.tracking.models import Project
from apps.tracking.search.complete import complete

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(db):
    owner = User.objects.create_user("alice@example.org", name="Alice")
    project = Project.objects.begin(owner.personal_team, name="Digits", by=owner)
    for number, opt in enumerate(["adam", "sgd", "adamw", "adam"]):
        runs.start(
            project,
            client_id=str(number),
            name=f"swift-{opt}",
            config={"opt": opt, "a b": 1, "lr": 0.1},
            tags=["best"] if number else ["worst"],
            group="one",
        )
    fields.refresh(project.pk, 10)
    return project


def offered(project, text, at=None):
    return [option.text for option in complete(project, text, at).options]


def test_fields_are_offered_where_a_field_may_stand(project):
    assert {"name", "state", "config.lr", 'config."a b"'} <= set(offered(project, ""))
    assert offered(project, "config.l") == ["config.lr"]
    assert offered(project, "lr") == ["config.lr"]
    assert "config.opt" in offered(project, "name = 'x' and (config.")
    assert "state" in offered(project, "name = 'x' or st")


def test_comparators_follow_a_field(project):
    assert {"=", "<", "in", "contains", "is null"} <= set(offered(project, "config.lr "))
    assert offered(project, "config.lr is") == ["is null", "is not null"]


def test_values_are_those_the_field_has(project):
    assert offered(project, "config.opt = ")[:3] == ['"adam"', '"adamw"', '"sgd"']
    assert offered(project, 'config.opt = "s') == ['"sgd"']
    assert offered(project, "name = 'x' and config.opt in (\"sgd\", ")[0] == '"adam"'
    assert "running" in offered(project, "state = ")[0]
    assert offered(project, "tags has ")[:2] == ['"best"', '"worst"']
    assert offered(project, "group = ")[0] == '"one"'


def test_words_follow_a_condition(project):
    assert offered(project, "config.lr = 0.1 ") == ["and", "or"]
    assert offered(project, "config.lr = 0.1 a") == ["and"]


def test_what_is_typed_is_what_is_replaced(project):
    completion = complete(project, "name = 'x' and config.l < 3", 23)
    assert (completion.start, completion.end) == (15, 23)


def test_nothing_is_offered_behind_a_mistake(project):
    assert offered(project, "name ! 'x' and ") == []


PARTS = st.sampled_from(
    [
        "name",
        "config.",
        "config.opt",
        "=",
        "!=",
        '"',
        "'",
        "ad",
        "and",
        "or",
        "not",
        "in",
        "(",
        ",",
        ")",
        "tags",
        "has",
    ]
)


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    st.lists(PARTS, max_size=8).map(" ".join)
    | st.lists(PARTS, max_size=8).map("".join)
    | st.text(max_size=10)
)
def test_no_text_is_too_odd_to_be_completed(project, text):
    if "\0" not in text:
        complete(project, text)
