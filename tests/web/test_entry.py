"""Signing in and out, and what belongs to it."""

from __future__ import annotations

import re
from io import StringIO

import pytest
from django.core import mail
from django.core.management import call_command
from django.test import Client

from apps.accounts.models import User

PASSWORD = "a long enough phrase"


@pytest.fixture
def ada(db: None) -> User:
    return User.objects.create_user("ada@lab.example", PASSWORD)


@pytest.fixture
def sends_mail(settings):
    settings.EMAIL_HOST = "mail.example.org"
    settings.PUBLIC_URL = "https://isoline.example.org"


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/login", "Sign in"),
        ("/signup", "Accounts are given here"),
        ("/account/inactive", "This account is closed"),
        ("/account/password/reset", "This server sends no mail"),
        ("/account/password/reset/sent", "Look at your mail"),
        ("/account/password/reset/done", "Your password has been set"),
        ("/account/password/reset/1-nonsense", "This link does not work any more"),
    ],
)
def test_pages_for_strangers_are_ours(db, client, settings, address, words):
    settings.EMAIL_HOST = ""
    answer = client.get(address)
    assert answer.status_code == 200
    assert words in answer.content.decode()
    assert "pages/entry.css" in answer.content.decode()


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("/logout", "Sign out?"),
        ("/account/password", "Change password"),
        ("/account/confirm", "Confirm that it is you"),
    ],
)
def test_pages_for_those_signed_in_are_ours(ada, client, address, words):
    client.force_login(ada)
    assert words in client.get(address).content.decode()


def test_signing_in_leads_to_where_one_was_going(ada, client):
    asked = client.get("/settings/keys")
    assert asked.headers["Location"] == "/login?next=/settings/keys"
    signed_in = client.post(
        asked.headers["Location"], {"login": ada.email, "password": PASSWORD, "next": "/settings/keys"}
    )
    assert signed_in.headers["Location"] == "/settings/keys"


def test_signing_in_leads_to_no_other_site(ada, client):
    signed_in = client.post(
        "/login", {"login": ada.email, "password": PASSWORD, "next": "https://evil.example/"}
    )
    assert signed_in.headers["Location"] == "/"


def test_a_wrong_password_is_said_and_nothing_more(ada, client):
    wrong = client.post("/login", {"login": ada.email, "password": "wrong"}).content.decode()
    unknown = client.post("/login", {"login": "x@y.example", "password": "wrong"}).content.decode()
    assert 'role="alert"' in wrong
    sentence = re.compile(r'role="alert">([^<]+)<')
    assert sentence.findall(wrong) == sentence.findall(unknown)


def test_changing_the_password_ends_the_other_sessions(ada, client):
    other = Client()
    for one in (client, other):
        one.force_login(ada)
    changed = client.post(
        "/account/password",
        {"oldpassword": PASSWORD, "password1": "another long phrase", "password2": "another long phrase"},
    )
    assert changed.headers["Location"] == "/settings"
    assert client.get("/settings").status_code == 200
    assert other.get("/settings").status_code == 302


def test_a_mail_brings_a_link_of_the_configured_host_that_sets_the_password(ada, client, sends_mail):
    client.post("/account/password/reset", {"email": ada.email}, headers={"Host": "localhost"})
    (link,) = re.findall(r"https://isoline\.example\.org(/\S+)", mail.outbox[0].body)
    form = client.get(link, follow=True)
    address = form.redirect_chain[-1][0]
    asked = {"password1": "another long phrase", "password2": "another long phrase"}
    assert client.post(address, asked).status_code == 302
    ada.refresh_from_db()
    assert ada.check_password("another long phrase")
    assert "does not work any more" in Client().get(link, follow=True).content.decode()


def test_an_unknown_address_gets_the_same_answer_and_no_mail(db, client, sends_mail):
    answer = client.post("/account/password/reset", {"email": "nobody@lab.example"})
    assert answer.headers["Location"] == "/account/password/reset/sent"
    assert mail.outbox == []


def test_whoever_runs_the_server_sets_a_password(ada, client, monkeypatch):
    client.force_login(ada)
    monkeypatch.setattr("sys.stdin", StringIO("another long phrase\n"))
    call_command("set_password", email=ada.email)
    ada.refresh_from_db()
    assert ada.check_password("another long phrase")
    assert client.get("/settings").status_code == 302
