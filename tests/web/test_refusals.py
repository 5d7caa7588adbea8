"""Where there is no page: the same words for what is hidden and what never was, and a way on."""

from __future__ import annotations

import re

import pytest
from django.db import OperationalError
from django.test import Client
from django.views.defaults import server_error

from apps.tracking.models import Project
from apps.web.pages import home


def without_tokens(page: str) -> str:
    return re.sub(r'value="[A-Za-z0-9]{64}"', "", page)


@pytest.mark.parametrize("address", ["/lab", "/lab/secret", "/lab/secret/runs", "/lab/new"])
def test_what_is_not_yours_says_the_same_as_what_is_not_there(team, mallory, client, address):
    Project.objects.begin(team, name="secret")
    client.force_login(mallory)
    hidden, absent = client.get(address), client.get(address.replace("lab", "nowhere"))
    assert hidden.status_code == absent.status_code == 404
    assert without_tokens(hidden.content.decode()) == without_tokens(absent.content.decode())
    assert "Your projects" in hidden.content.decode()


def test_who_is_not_signed_in_is_sent_to_the_sign_in_and_back(db, client):
    assert client.get("/lab/secret?q=x").headers["Location"] == "/login?next=/lab/secret%3Fq%3Dx"


def test_an_address_of_no_kind_has_a_page_signed_out_too(db, client):
    answer = client.get("/a/b/c/d/e")
    assert answer.status_code == 404
    assert "There is nothing here" in answer.content.decode()


def test_a_role_that_is_too_low_says_which_it_takes(team, vera, client):
    client.force_login(vera)
    answer = client.get("/lab/new")
    assert answer.status_code == 403
    assert "this takes member" in answer.content.decode()


def test_a_form_that_is_out_of_date_says_so(db):
    answer = Client(enforce_csrf_checks=True).post("/login", {"login": "x", "password": "y"})
    assert answer.status_code == 403
    assert "This form is out of date" in answer.content.decode()


def test_a_fault_has_a_page_without_a_word_to_the_database(rf):
    """This test may not ask the database, so the page does not."""
    answer = server_error(rf.get("/"))
    assert "The server failed" in answer.content.decode()


def test_a_database_that_is_away_is_said_with_when_to_come_back(alice, client, monkeypatch):
    client.force_login(alice)

    def away(principal):
        raise OperationalError

    monkeypatch.setattr(home, "teams_of", away)
    answer = client.get("/")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert "The database is away or busy" in answer.content.decode()
