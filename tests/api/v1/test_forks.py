from __future__ import annotations

import pytest

from apps.metrics import inbox
from apps.tracking import runs
from apps.tracking.models import Project
from tests.metrics.batches import STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")


def steps(client, run):
    told = client.get(f"/api/v1/runs/{run.public_id}/history?metric=loss").json()
    return [step for series in told["series"] for step in series["step"]]


@pytest.fixture
def logged(run):
    inbox.append(run.pk, STREAM, 0, make_batch({"loss": [0.1 * n for n in range(10)]}))
    return run


def test_points_after_a_step_are_cut_off(api, reader, logged):
    url = f"/api/v1/runs/{logged.public_id}/truncate"

    assert reader.post(url, {"after_step": 3}).status_code == 403
    assert api.post(url, {"after_step": 3}).status_code == 200
    assert steps(api, logged) == [0, 1, 2, 3]


def test_a_run_goes_on_from_another(api, project, logged):
    fork = runs.start(project, client_id="fork")[0]
    answer = api.post(f"/api/v1/runs/{fork.public_id}/link", {"parent": logged.public_id, "upto_step": 4})
    inbox.append(fork.pk, STREAM, 0, make_batch({"loss": [5.0]}, first_row=5))

    assert answer.status_code == 200
    assert steps(api, fork) == [0, 1, 2, 3, 4, 5]


def test_a_run_goes_on_only_within_its_project(api, team, alice, logged):
    elsewhere = Project.objects.begin(team, name="Other", by=alice)
    fork = runs.start(elsewhere, client_id="fork")[0]
    body = {"parent": logged.public_id, "upto_step": 4}

    assert api.post(f"/api/v1/runs/{fork.public_id}/link", body).json()["error"]["code"] == "other_project"
