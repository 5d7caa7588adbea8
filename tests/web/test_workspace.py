from __future__ import annotations

import json
import re

import pytest
from django.test import Client

from apps.tracking import fields, runs
from apps.tracking.models import Project

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(team):
    project = Project.objects.begin(team, name="digits")
    for number in range(3):
        run, _ = runs.start(project, client_id=str(number), name=f"run-{number}", config={"lr": 0.1 * number})
        run.merge_summary({"loss": 0.5 - number / 10})
    fields.refresh(project.pk, 10)
    return project


@pytest.fixture
def site(alice):
    client = Client()
    client.force_login(alice)
    return client


def content(answer):
    found = re.search(
        r'<script id="workspace" type="application/json">(.*?)</script>', answer.content.decode()
    )
    return json.loads(found[1])


def test_the_page_brings_runs_metrics_and_views(site, project):
    told = content(site.get("/lab/digits?sort=name&q=config.lr+>+0"))

    assert [run["name"] for run in told["runs"]["items"]] == ["run-1", "run-2"]
    assert told["runs"]["total"] == 2
    assert told["view"] is None
    assert told["mayEdit"] is True


def test_the_workspace_costs_a_known_number_of_queries(site, project, django_assert_max_num_queries):
    site.get("/lab/digits")
    with django_assert_max_num_queries(30):
        site.get("/lab/digits")


def test_hostile_names_stay_text(site, project):
    runs.start(project, client_id="x", name="</script><script>alert(1)</script>")

    answer = site.get("/lab/digits")

    assert "<script>alert(1)" not in answer.content.decode()
    assert "</script><script>alert(1)</script>" in [run["name"] for run in content(answer)["runs"]["items"]]


def test_a_query_that_is_refused_is_told_and_the_page_stays(site, project):
    answer = site.get("/lab/digits?q=loss+<")

    assert answer.status_code == 200
    assert content(answer)["runs"]["refused"]["message"]


def test_strangers_find_nothing(project, django_user_model):
    client = Client()
    client.force_login(django_user_model.objects.create_user("eve@lab.org", "correct-horse-9"))

    assert client.get("/lab/digits").status_code == 404
    assert Client().get("/lab/digits").status_code in (302, 404)
