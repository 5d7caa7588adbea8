"""A project's settings: who edits what, its metrics, and its end."""

from __future__ import annotations

import pytest

from apps.tracking.definitions import define
from apps.tracking.models import MetricDefinition, Project

EDIT = {"name": "Digits", "slug": "digits", "description": "", "visibility": "team"}
# Session, person, roles; project, definitions, teams of the rail.
QUERIES = 6


@pytest.fixture
def project(team, alice):
    project = Project.objects.begin(team, name="digits", by=alice)
    define(project.pk, {"val/acc": {"direction": "max", "summary": ["best", "last"]}})
    return project


@pytest.fixture
def signed_in(client, bob, project):
    client.force_login(bob)
    return client


def test_the_page_costs_a_known_number_of_queries(signed_in, django_assert_num_queries):
    signed_in.get("/lab/digits/settings")
    with django_assert_num_queries(QUERIES):
        page = signed_in.get("/lab/digits/settings").content.decode()
    assert "val/acc" in page


def test_another_slug_is_another_address(signed_in, project):
    answer = signed_in.post(
        "/lab/digits/settings", {**EDIT, "slug": "digits-2", "description": "Which rate?"}
    )
    assert answer.headers["Location"] == "/lab/digits-2/settings"
    project.refresh_from_db()
    assert (project.slug, project.name, project.description) == ("digits-2", "Digits", "Which rate?")


@pytest.mark.parametrize("slug", ["Two Words", "settings"])
def test_a_slug_that_is_none_is_refused_beside_the_field(signed_in, project, slug):
    answer = signed_in.post("/lab/digits/settings", {**EDIT, "slug": slug})
    assert answer.status_code == 422
    assert 'id="slug-error"' in answer.content.decode()
    project.refresh_from_db()
    assert project.slug == "digits"


def test_who_hides_a_project_from_themselves_is_led_to_the_team(signed_in):
    answer = signed_in.post("/lab/digits/settings", {**EDIT, "visibility": "private"})
    assert answer.headers["Location"] == "/lab"
    assert signed_in.get("/lab/digits/settings").status_code == 404


def test_a_metric_is_defined_changed_and_removed(signed_in, project):
    asked = {"name": "val/*", "direction": "min", "summary": "best", "unit": "nats", "x": "epoch"}
    signed_in.post("/lab/digits/settings/metric", asked)
    made = MetricDefinition.objects.get(name="val/*")
    assert (made.direction, made.summary, made.unit, made.x, made.is_set_by_person) == (
        "min",
        ["best"],
        "nats",
        "epoch",
        True,
    )
    signed_in.post("/lab/digits/settings/metric?name=val/acc", {"direction": "max", "summary": "max"})
    assert MetricDefinition.objects.get(name="val/acc").summary == ["max", "last"]
    signed_in.post("/lab/digits/settings/metric/remove", {"name": "val/*"})
    assert not MetricDefinition.objects.filter(name="val/*").exists()


def test_the_best_needs_a_direction(signed_in):
    answer = signed_in.post("/lab/digits/settings/metric", {"name": "loss", "summary": "best"})
    assert answer.status_code == 422
    assert 'id="direction-error"' in answer.content.decode()


def test_a_project_goes_only_when_its_slug_was_typed_and_comes_back(signed_in, project):
    refused = signed_in.post("/lab/digits/settings/delete", {"confirmation": "digit"})
    assert refused.status_code == 422
    gone = signed_in.post("/lab/digits/settings/delete", {"confirmation": "digits"})
    assert signed_in.get("/lab/digits/settings").status_code == 404
    assert "Restore" in signed_in.get(gone.headers["Location"]).content.decode()
    assert signed_in.post(gone.headers["Location"]).headers["Location"] == "/lab/digits"
    assert signed_in.get("/lab/digits/settings").status_code == 200


def test_who_only_looks_sees_no_form(client, vera, project):
    client.force_login(vera)
    page = client.get("/lab/digits/settings").content.decode()
    assert "val/acc" in page
    for word in ('name="slug"', "Define a metric", "Delete the project"):
        assert word not in page
    assert client.post("/lab/digits/settings", EDIT).status_code == 403
    assert client.get("/lab/digits/settings/metric").status_code == 403
    assert client.post("/lab/digits/settings/delete", {"confirmation": "digits"}).status_code == 403
    assert client.get(f"/projects/{project.public_id}/deleted").status_code == 403
    assert Project.objects.filter(pk=project.pk).exists()
