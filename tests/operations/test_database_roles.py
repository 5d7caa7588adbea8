"""What the application may not do to its own database."""

import pytest
from django.db import ProgrammingError, connection

pytestmark = pytest.mark.django_db


def test_the_application_is_no_superuser_and_owns_nothing():
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper, rolcreatedb, rolcreaterole, rolbypassrls"
            " FROM pg_roles WHERE rolname = current_user"
        )
        assert cursor.fetchone() == (False, False, False, False)
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_roles r ON relowner = r.oid WHERE rolname = current_user"
        )
        assert cursor.fetchall() == []


@pytest.mark.parametrize("statement", ["CREATE TABLE mine (id int)", "DROP TABLE django_migrations"])
def test_the_application_cannot_change_the_schema(statement):
    with pytest.raises(ProgrammingError), connection.cursor() as cursor:
        cursor.execute(statement)


def test_every_commit_waits_for_the_disk():
    with connection.cursor() as cursor:
        cursor.execute("SHOW synchronous_commit")
        assert cursor.fetchone() == ("on",)
