"""The page of a run without a script: what it says, what it costs, who may stop it."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import User
from apps.accounts.roles import Role
from apps.tracking import runs
from apps.tracking.models import Project, Run
from apps.web import diff

pytestmark = pytest.mark.django_db(databases="__all__")

_TABS = ("", "/charts", "/system", "/logs", "/code")
_DIFF = """diff --git a/train.py b/train.py
index 1..2 100644
--- a/train.py
+++ b/train.py
@@ -1,3 +1,3 @@ def main():
 one
-two
+<b>zwei</b>
 three
"""


@pytest.fixture
def run(team):
    project = Project.objects.begin(team, name="digits")
    run, _ = runs.start(
        project,
        client_id="1",
        name="<b>bold</b>",
        config={"lr": 0.1, "optimizer": {"name": "adam", "betas": [0.9, 0.99]}, "max_steps": 100},
        tags=["<i>tag</i>"],
        notes="<script>alert(1)</script>",
    )
    Run.objects.filter(pk=run.pk).update(
        metadata={
            "w1": {
                "host": "node-7",
                "command": ["python", "train.py", "--name=a b"],
                "packages": {"numpy": "2.1"},
                "git": {"commit": "abc", "remote": "javascript:alert(1)", "dirty": True, "diff": _DIFF},
            }
        }
    )
    run.refresh_from_db()
    return run


@pytest.fixture
def path(run):
    return f"/lab/digits/runs/{run.public_id}"


@pytest.fixture
def site(alice):
    client = Client()
    client.force_login(alice)
    return client


@pytest.mark.parametrize("tab", _TABS)
def test_every_tab_answers_and_what_people_wrote_is_text(site, path, tab):
    answer = site.get(path + tab)
    page = answer.content.decode()

    assert answer.status_code == 200
    assert "&lt;b&gt;bold&lt;/b&gt;" in page
    for markup in ("<b>bold", "<i>tag", "<script>alert", "<b>zwei", 'href="javascript:'):
        assert markup not in page


@pytest.mark.parametrize(
    ("tab", "most"), [("", 24), ("/charts", 14), ("/system", 14), ("/logs", 14), ("/code", 14)]
)
def test_a_tab_costs_a_known_number_of_queries(site, path, tab, most, django_assert_max_num_queries):
    site.get(path + tab)
    with django_assert_max_num_queries(most):
        site.get(path + tab)


def test_the_overview_tells_the_config_the_environment_and_the_ledger(site, path):
    page = site.get(path).content.decode()

    for told in ("optimizer", "betas", "[0.9, 0.99]", "node-7", "Everything that was sent is stored"):
        assert told in page


def test_the_code_tells_the_command_and_what_was_not_committed(site, path):
    page = site.get(f"{path}/code").content.decode()

    assert "python train.py &#x27;--name=a b&#x27;" in page
    assert "diff-row add" in page
    assert "numpy" in page


def test_a_failed_run_says_so_first(site, run, path):
    run.end(state="failed", exit_code=3)

    assert "The run failed with exit code 3" in site.get(path).content.decode()


def test_stopping_asks_the_training_once(site, run, path):
    assert "Stop the run" in site.get(path).content.decode()

    assert site.post(f"{path}/stop").url == path

    run.refresh_from_db()
    assert run.is_asked_to_stop
    page = site.get(path).content.decode()
    assert "Asked to stop" in page
    assert "Stop the run" not in page


def test_a_run_that_has_ended_cannot_be_stopped_and_that_is_said(site, run, path):
    run.end()

    page = site.post(f"{path}/stop", follow=True).content.decode()

    assert "has already ended" in page
    assert "Stop the run" not in page


def test_a_viewer_sees_no_stop_and_cannot_stop(team, run, path):
    viewer = User.objects.create_user("vera@lab.org", "correct-horse-9")
    team.memberships.create(user=viewer, role=Role.VIEWER)
    client = Client()
    client.force_login(viewer)

    page = client.get(path).content.decode()

    assert "Stop the run" not in page
    assert "data-rename" not in page
    assert client.post(f"{path}/stop").status_code == 403
    run.refresh_from_db()
    assert not run.is_asked_to_stop


def test_a_run_of_another_project_is_not_there(site, run):
    Project.objects.begin(run.project.team, name="other")

    assert site.get(f"/lab/other/runs/{run.public_id}").status_code == 404


def test_a_run_about_which_nobody_told_anything_has_every_tab(site, team):
    project = Project.objects.begin(team, name="bare")
    bare, _ = runs.start(project, client_id="1", name="bare")

    for tab in _TABS:
        assert site.get(f"/lab/bare/runs/{bare.public_id}{tab}").status_code == 200


def test_a_diff_is_numbered_as_git_counts():
    (file,) = diff.parse(_DIFF).files

    assert (file.path, file.added, file.removed) == ("train.py", 1, 1)
    assert [(row.kind, row.old, row.new) for row in file.rows] == [
        ("hunk", None, None),
        ("", 1, 1),
        ("del", 2, None),
        ("add", None, 2),
        ("", 3, 3),
    ]


def test_what_is_no_diff_is_no_file():
    assert diff.parse("nothing\n+of the kind").files == []
