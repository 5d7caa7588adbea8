from __future__ import annotations

import json

import pytest
from django.test import Client

from apps.tracking import fields, runs
from apps.tracking.models import Project, Run

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


def test_the_table_is_there_without_a_script(site, project):
    page = site.get("/lab/digits/runs?sort=metrics.loss&q=config.lr+>+0").content.decode()

    assert page.index("run-2") < page.index("run-1")
    assert "2 of 3" in page
    assert 'aria-sort="ascending"' in page
    assert "0.3000" in page


def test_the_table_costs_a_known_number_of_queries(site, project, django_assert_max_num_queries):
    site.get("/lab/digits/runs")
    with django_assert_max_num_queries(40):
        site.get("/lab/digits/runs")


def test_a_query_that_is_refused_is_said_and_the_page_stays(site, project):
    answer = site.get("/lab/digits/runs?q=loss+<")

    assert answer.status_code == 200
    assert "query-error" in answer.content.decode()


def test_a_file_has_what_the_table_shows_and_no_formula(site, project):
    Run.objects.filter(name="run-1").update(name="=cmd()")

    answer = site.get("/lab/digits/runs/export?column=config.lr&sort=config.lr")
    lines = b"".join(answer).decode().splitlines()

    assert lines[0] == "name,id,config.lr"
    assert [line.split(",")[0] for line in lines[1:]] == ["run-0", "'=cmd()", "run-2"]


def test_some_of_the_runs_as_json(site, project):
    wanted = Run.objects.get(name="run-2")

    answer = site.post("/lab/digits/runs/export?form=json&column=metrics.loss", {"ids": wanted.public_id})

    assert json.loads(b"".join(answer)) == [
        {"name": "run-2", "id": wanted.public_id, "metrics.loss": pytest.approx(0.3)}
    ]


def test_the_trash_says_who_and_gives_back(site, project, alice, principal):
    gone = Run.objects.get(name="run-1")
    gone.remove(principal)

    page = site.get("/lab/digits/runs/trash").content.decode()
    assert "run-1" in page
    assert str(alice) in page
    assert "run-2" not in page

    site.post("/lab/digits/runs/trash", {"run": gone.public_id})
    assert not Run.objects.get(pk=gone.pk).is_deleted


def test_who_only_looks_restores_nothing(vera, project, principal):
    gone = Run.objects.get(name="run-1")
    gone.remove(principal)
    client = Client()
    client.force_login(vera)

    assert "Restore" not in client.get("/lab/digits/runs/trash").content.decode()
    assert client.post("/lab/digits/runs/trash", {"run": gone.public_id}).status_code == 403
    assert Run.objects.get(pk=gone.pk).is_deleted
