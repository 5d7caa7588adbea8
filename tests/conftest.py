"""The cast and the stage of every test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.core.management import call_command
from django.db import connections
from pytest_django import DjangoDbBlocker

from apps.operations.engines import prepare_database
from apps.operations.layout import APPLICATION_ROLE

from .cast import *  # noqa: F403
from .engines import TestEngines, as_owner


@pytest.fixture(scope="session")
def django_db_setup(
    engines: TestEngines, django_test_environment: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """Instead of pytest-django's own: the application role can make neither databases nor tables."""
    with django_db_blocker.unblock():
        for alias in connections:
            prepare_database(engines.layout, connections[alias].settings_dict["NAME"])
            with as_owner(alias):
                call_command("migrate", database=alias, verbosity=0)
                with connections[alias].cursor() as cursor:
                    # A test with real transactions empties the tables behind itself.
                    cursor.execute(f"GRANT TRUNCATE ON ALL TABLES IN SCHEMA public TO {APPLICATION_ROLE}")
                    cursor.execute(f"GRANT UPDATE ON ALL SEQUENCES IN SCHEMA public TO {APPLICATION_ROLE}")
    yield
    with django_db_blocker.unblock():
        connections.close_all()
