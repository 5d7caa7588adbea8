"""Ready means: points can be stored and read."""

import pytest
from django.db import connections

from apps.operations import health, readiness
from tests.server import wait_until

pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture(autouse=True)
def _forget(monkeypatch):
    monkeypatch.setattr(health, "_was_migrated", False)


def test_it_is_ready_when_the_database_is_migrated(client, monkeypatch):
    assert client.get("/readyz").json() == {"status": "ready", "database": "ok", "redis": "ok"}
    assert client.get("/healthz").json() == {"status": "alive"}


def test_a_database_without_the_newest_tables_is_not_ready(client, monkeypatch):
    monkeypatch.setattr(health, "is_migrated", lambda: False)
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json()["database"] == "not migrated"


def test_fail_3_without_redis_it_is_still_ready(client, engines):
    engines.stop_redis()
    try:
        answer = client.get("/readyz")
    finally:
        engines.start_redis()
    assert answer.status_code == 200
    assert answer.json() == {"status": "ready", "database": "ok", "redis": "away"}


def test_fail_4_without_postgres_it_is_not_ready_and_recovers_by_itself(client, engines):
    assert client.get("/readyz").status_code == 200
    engines.stop_postgres()
    try:
        answer = client.get("/readyz")
        alive = client.get("/healthz")
    finally:
        engines.start_postgres()
        connections.close_all()
    assert (answer.status_code, answer.json()["database"]) == (503, "away")
    assert alive.status_code == 200
    wait_until(lambda: client.get("/readyz").status_code == 200)


def test_a_database_that_is_too_old_is_refused(monkeypatch, settings):
    monkeypatch.setattr(readiness, "OLDEST_POSTGRES", 990000)
    with pytest.raises(Exception, match=r"DATABASE_URL is PostgreSQL .*; Isoline needs 99 or newer"):
        readiness.check_databases()


def test_a_database_that_forgets_is_refused():
    """The tests' own does: it has fsync off."""
    with pytest.raises(Exception, match="acknowledged points could be lost"):
        readiness.check_databases()
