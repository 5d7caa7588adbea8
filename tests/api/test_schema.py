"""The OpenAPI description and its page."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client
from drf_spectacular.validation import validate_schema

from apps.accounts.policy import registered
from apps.api.schema import description

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    description.cache_clear()
    return description()


def test_the_description_is_public_and_valid(schema: dict[str, Any]):
    answer = Client().get("/api/v1/schema")
    assert answer.json()["openapi"].startswith("3.")
    validate_schema(schema)


def test_it_is_made_without_a_warning(capsys: pytest.CaptureFixture[str]):
    description.cache_clear()
    description()
    assert capsys.readouterr().err == ""


def test_every_operation_says_how_it_refuses(schema: dict[str, Any]):
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            assert operation["responses"]["default"], (method, path)
            assert operation["summary"], (method, path)


def test_every_registered_rest_address_is_described(schema: dict[str, Any]):
    described = sum(len(methods) for methods in schema["paths"].values())
    undescribed = {"api:schema", "api:docs"}
    known = [
        (name, method)
        for name, method in registered()
        if name.startswith("api:") and name not in undescribed and method != "HEAD"
    ]
    assert described == len(known)


def test_the_page_shows_every_operation_and_runs_no_script(schema: dict[str, Any]):
    page = Client().get("/api/v1/docs").content.decode()
    for path, methods in schema["paths"].items():
        for method in methods:
            assert f"{method.upper()} {path}" in page
    assert "<script" not in page
    assert " style=" not in page
    assert not re.findall(r'(?:href|src)="(?:https?:)?//', page)
    assert not re.findall(r"\son\w+=", page)
