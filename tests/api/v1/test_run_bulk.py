from __future__ import annotations

import pytest

from apps.base.ids import public_id
from apps.tracking.models import Project, Run
from apps.tracking.runs import start

pytestmark = pytest.mark.django_db(databases="__all__")


@pytest.fixture
def runs(project):
    return [start(project, client_id=f"bulk-{number}", tags=["old"])[0] for number in range(3)]


def ids(runs):
    return [run.public_id for run in runs]


def test_many_runs_are_tagged_deleted_and_restored(api, runs):
    assert (
        api.post("/api/v1/runs/tags", {"ids": ids(runs), "add": ["best"], "remove": ["old"]}).status_code
        == 204
    )
    assert {tuple(run.tags) for run in Run.objects.filter(pk__in=[run.pk for run in runs])} == {("best",)}

    assert api.post("/api/v1/runs/delete", {"ids": ids(runs)}).status_code == 204
    assert api.post("/api/v1/runs/tags", {"ids": ids(runs), "add": ["x"]}).status_code == 404

    assert api.post("/api/v1/runs/restore", {"ids": ids(runs)}).status_code == 204
    assert Run.objects.filter(deleted_at=None, pk__in=[run.pk for run in runs]).count() == 3


@pytest.mark.parametrize(
    ("address", "more"),
    [("tags", {"add": ["x"]}), ("delete", {}), ("restore", {}), ("move", {"project": "{other}"})],
)
def test_ISO_3_one_foreign_id_among_many_and_nothing_happens(api, runs, team, mallory, address, more):
    elsewhere = Project.objects.begin(mallory.personal_team, name="hers")
    hers, _ = start(elsewhere, client_id="hers", tags=["old"])
    other = Project.objects.begin(team, name="other")
    more = {key: other.public_id if value == "{other}" else value for key, value in more.items()}
    before = list(Run.objects.order_by("pk").values())

    foreign = api.post(f"/api/v1/runs/{address}", {"ids": [*ids(runs), hers.public_id], **more})
    made_up = api.post(f"/api/v1/runs/{address}", {"ids": [*ids(runs), public_id()], **more})

    assert (foreign.status_code, made_up.status_code) == (404, 404)
    assert foreign.json()["error"]["message"] == made_up.json()["error"]["message"]
    assert list(Run.objects.order_by("pk").values()) == before


def test_runs_move_only_where_one_may_write(api, client_of, runs, vera, team, mallory):
    theirs = Project.objects.begin(mallory.personal_team, name="hers")
    own = Project.objects.begin(team, name="own")

    assert api.post("/api/v1/runs/move", {"ids": ids(runs), "project": theirs.public_id}).status_code == 404
    looks = client_of(vera).post("/api/v1/runs/move", {"ids": ids(runs), "project": own.public_id})
    assert looks.status_code == 403
    assert api.post("/api/v1/runs/move", {"ids": ids(runs), "project": own.public_id}).status_code == 204
    assert Run.objects.filter(project=own).count() == 3


def test_the_cost_of_an_act_does_not_grow_with_the_runs(api, runs, django_assert_max_num_queries):
    with django_assert_max_num_queries(16):
        api.post("/api/v1/runs/tags", {"ids": ids(runs), "add": ["x"]})
