"""Mails leave once, after commit; what cannot leave waits."""

from __future__ import annotations

import smtplib
from datetime import timedelta

from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.utils.timezone import now

from apps.accounts import mail
from apps.accounts.models import OutgoingMail

WORDS = {"team": "R & D", "inviter": "Ada", "role": "member", "path": "/invite/abc"}


def test_a_mail_has_text_and_html_and_a_link_on_the_public_address(db, mailoutbox, settings):
    settings.PUBLIC_URL = "https://isoline.example/lab"
    mail.send_mail("invitation", to="new@lab.example", **WORDS)

    assert mail.deliver_waiting() == 1

    (sent,) = mailoutbox
    assert sent.to == ["new@lab.example"]
    assert sent.subject == "Ada invites you to R & D on Isoline"
    assert "https://isoline.example/lab/invite/abc" in sent.body
    (html, kind) = sent.alternatives[0]
    assert kind == "text/html"
    assert "R &amp; D" in html
    assert "R & D" not in html
    assert not OutgoingMail.objects.exists()


def test_a_subject_is_one_line(db, mailoutbox):
    mail.send_mail("invitation", to="new@lab.example", **{**WORDS, "inviter": "Ada\nBcc: all@lab.example"})
    assert mail.deliver_waiting() in (0, 1)
    assert all("\n" not in sent.subject for sent in mailoutbox)


def test_what_is_undone_sends_nothing(db):
    with transaction.atomic():
        mail.send_mail("invitation", to="new@lab.example", **WORDS)
        transaction.set_rollback(True)
    assert not OutgoingMail.objects.exists()


def test_a_server_that_is_away_delays_it(db, mailoutbox, monkeypatch):
    mail.send_mail("invitation", to="new@lab.example", **WORDS)
    with monkeypatch.context() as away:
        away.setattr(EmailMultiAlternatives, "send", _refuse)
        assert mail.deliver_waiting() == 0
    waiting = OutgoingMail.objects.get()
    assert waiting.tries == 1
    assert waiting.next_try_at > now() + timedelta(seconds=30)
    assert mail.deliver_waiting() == 0

    OutgoingMail.objects.update(next_try_at=now())
    assert mail.deliver_waiting() == 1
    assert len(mailoutbox) == 1


def test_after_three_days_it_is_given_up(db, monkeypatch, caplog):
    mail.send_mail("invitation", to="new@lab.example", **WORDS)
    OutgoingMail.objects.update(created_at=now() - timedelta(days=4))
    monkeypatch.setattr(EmailMultiAlternatives, "send", _refuse)
    assert mail.deliver_waiting() == 0
    assert not OutgoingMail.objects.exists()
    assert "given up" in caplog.text
    assert "new@lab.example" not in caplog.text


def _refuse(*args: object, **more: object) -> None:
    raise smtplib.SMTPServerDisconnected
