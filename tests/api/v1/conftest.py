from __future__ import annotations

import pytest

from apps.tracking import runs
from apps.tracking.models import Project
from tests.cast import client_with, make_key


@pytest.fixture
def project(team, alice):
    return Project.objects.begin(team, name="Digits", by=alice)


@pytest.fixture
def run(project):
    return runs.start(project, client_id="one", config={"lr": 0.1})[0]


@pytest.fixture
def api(alice, team):
    """Alice with a key that may write."""
    return client_with(make_key(alice, scopes=["write"], team=team))


@pytest.fixture
def reader(vera, team):
    return client_with(make_key(vera, scopes=["read"], team=team))


@pytest.fixture
def writer(alice, team):
    """A key that feeds runs and reads nothing."""
    return client_with(make_key(alice, scopes=["ingest"], team=team))


@pytest.fixture
def stranger(mallory):
    return client_with(make_key(mallory))
