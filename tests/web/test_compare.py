from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import Team
from apps.tracking import fields, runs
from apps.tracking.definitions import define
from apps.tracking.models import Project, Run

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def project(team):
    project = Project.objects.begin(team, name="digits")
    define(project.pk, {"loss": {"direction": "min"}})
    for number in range(3):
        config = {"lr": 0.1 * (number + 1), "data": "digits"}
        run, _ = runs.start(project, client_id=str(number), name=f"run-{number}", config=config)
        run.merge_summary({"loss": 0.5 - number / 10})
    fields.refresh(project.pk, 10)
    return project


@pytest.fixture
def site(alice):
    client = Client()
    client.force_login(alice)
    return client


def address(*names, **more):
    ids = ",".join(Run.objects.get(name=name).public_id for name in names)
    rest = "".join(f"&{key}={value}" for key, value in more.items())
    return f"/lab/digits/compare?runs={ids}{rest}"


def test_only_what_differs_is_shown_until_all_is_asked_for(site, project):
    page = site.get(address("run-0", "run-2")).content.decode()
    assert 'data-key="lr"' in page
    assert 'data-key="data"' not in page
    assert "1 setting differs. loss is 0.2000 lower." in page

    assert 'data-key="data"' in site.get(address("run-0", "run-2", all=1)).content.decode()


def test_the_best_is_marked_and_told_by_the_direction_of_the_metric(site, project):
    page = site.get(address("run-0", "run-1", "run-2")).content.decode()

    assert page.count('class="num best"') == 1
    assert "down good" in page
    assert "run-2 is best by loss" in page


def test_another_run_can_be_the_baseline(site, project):
    last = Run.objects.get(name="run-2")

    page = site.get(address("run-0", "run-2", baseline=last.public_id)).content.decode()

    assert "run-0</b>" not in page
    assert "against the baseline run-2" in page
    assert "up bad" in page


def test_keys_are_searched_without_a_script(site, project):
    page = site.get(address("run-0", "run-1", q="LR")).content.decode()

    assert 'data-key="lr"' in page
    assert 'data-key="metrics.loss"' not in page


def test_uncommitted_changes_are_shown_for_the_runs_that_had_them(site, project):
    run = Run.objects.get(name="run-1")
    patch = "diff --git a/train.py b/train.py\n--- a/train.py\n+++ b/train.py\n@@ -1 +1 @@\n-old\n+<new>\n"
    Run.objects.filter(pk=run.pk).update(
        metadata={"w": {"host": "h1", "git": {"commit": "4b17d02aa", "dirty": True, "diff": patch}}}
    )

    page = site.get(address("run-0", "run-1")).content.decode()

    assert "train.py" in page
    assert "&lt;new&gt;" in page
    assert 'data-key="host"' in page


@pytest.mark.parametrize("asked", ["", "runs=", "runs=one", "runs=" + ",".join(map(str, range(21)))])
def test_too_few_and_too_many_runs_are_said(site, project, asked):
    answer = site.get(f"/lab/digits/compare?{asked}")

    assert answer.status_code == 400
    assert "Pick 2 to 20 runs to compare" in answer.content.decode()


def test_runs_that_are_not_of_this_project_are_not_found(site, project, team, mallory):
    elsewhere = Project.objects.begin(Team.objects.get(slug="elsewhere"), name="secret")
    other = Project.objects.begin(team, name="other")
    wanted = Run.objects.get(name="run-0").public_id
    for where in (elsewhere, other):
        foreign, _ = runs.start(where, client_id="x", name="foreign")
        answer = site.get(f"/lab/digits/compare?runs={wanted},{foreign.public_id}")
        assert answer.status_code == 404
        assert "foreign" not in answer.content.decode()
    assert site.get(f"/lab/digits/compare?runs={wanted},a%00b").status_code == 404


def test_a_stranger_learns_nothing(project, mallory):
    client = Client()
    client.force_login(mallory)

    assert client.get(address("run-0", "run-1")).status_code == 404


def test_the_page_costs_nine_queries_however_many_runs(site, project, django_assert_num_queries):
    for where in (address("run-0", "run-1"), address("run-0", "run-1", "run-2")):
        site.get(where)
        with django_assert_num_queries(9):
            site.get(where)


def test_a_long_config_is_cut_and_says_so(site, team):
    project = Project.objects.begin(team, name="digits")
    for number in range(20):
        config = {f"k{key}": number for key in range(600)}
        runs.start(project, client_id=str(number), name=f"run-{number}", config=config)

    page = site.get(address(*(f"run-{number}" for number in range(20)))).content.decode()

    assert "200 more rows are not listed" in page
