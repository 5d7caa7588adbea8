"""Settings as other processes see them: read anew under another environment."""

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.server import ROOT, environment

KEY = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"


def settings_with(*names: str, **variables: str) -> dict[str, Any]:
    code = (
        "import json, sys; from config import settings;"
        "print(json.dumps({name: getattr(settings, name) for name in sys.argv[1:]}))"
    )
    read = subprocess.run(
        [sys.executable, "-c", code, *names],
        cwd=ROOT,
        env=environment(SECRET_KEY=KEY, **variables),
        capture_output=True,
        text=True,
    )
    assert read.returncode == 0, read.stderr
    values: dict[str, Any] = json.loads(read.stdout)
    return values


def test_without_a_public_address_only_this_machine_is_answered():
    read = settings_with("ALLOWED_HOSTS", "SESSION_COOKIE_SECURE", "SECURE_HSTS_SECONDS", "FORCE_SCRIPT_NAME")
    assert set(read["ALLOWED_HOSTS"]) == {"localhost", "127.0.0.1", "[::1]"}
    assert read["SESSION_COOKIE_SECURE"] is False
    assert read["SECURE_HSTS_SECONDS"] == 0
    assert read["FORCE_SCRIPT_NAME"] is None


def test_a_public_https_address_is_believed_in_everything():
    read = settings_with(
        *(
            "PUBLIC_URL",
            "ALLOWED_HOSTS",
            "CSRF_TRUSTED_ORIGINS",
            "SESSION_COOKIE_SECURE",
            "CSRF_COOKIE_SECURE",
        ),
        *("SESSION_COOKIE_PATH", "SECURE_HSTS_SECONDS", "FORCE_SCRIPT_NAME"),
        PUBLIC_URL="https://example.org/lab/",
    )
    assert read["PUBLIC_URL"] == "https://example.org/lab"
    assert "example.org" in read["ALLOWED_HOSTS"]
    assert read["CSRF_TRUSTED_ORIGINS"] == ["https://example.org"]
    assert read["SESSION_COOKIE_SECURE"]
    assert read["CSRF_COOKIE_SECURE"]
    assert read["SESSION_COOKIE_PATH"] == read["FORCE_SCRIPT_NAME"] == "/lab"
    assert read["SECURE_HSTS_SECONDS"] > 0


def test_the_engine_has_the_main_database_unless_it_is_given_its_own():
    assert settings_with("METRICS_DATABASE")["METRICS_DATABASE"] == "default"
    read = settings_with(
        "METRICS_DATABASE", "DATABASES", METRICS_DATABASE_URL="postgresql://isoline@metrics.example/numbers"
    )
    assert read["METRICS_DATABASE"] == "metrics"
    assert read["DATABASES"]["metrics"]["NAME"] == "numbers"


@pytest.mark.parametrize(
    ("process", "user"),
    [("web", "isoline"), ("worker", "isoline"), ("prepare", "isoline_owner"), ("migrate", "isoline_owner")],
)
def test_only_those_who_change_tables_are_their_owner(process, user):
    urls = {
        "DATABASE_URL": "postgresql://isoline@db/x",
        "DATABASE_OWNER_URL": "postgresql://isoline_owner@db/x",
    }
    for given in ({}, urls):
        read = settings_with("DATABASES", ISOLINE_PROCESS=process, **given)
        assert read["DATABASES"]["default"]["USER"] == user


def test_only_the_web_pools_its_connections():
    web = settings_with("DATABASES", ISOLINE_PROCESS="web")["DATABASES"]["default"]["OPTIONS"]
    # So long does a request wait before it is answered 503 while PostgreSQL is away.
    assert web["pool"]["timeout"] == 2
    assert (
        "pool" not in settings_with("DATABASES", ISOLINE_PROCESS="worker")["DATABASES"]["default"]["OPTIONS"]
    )
