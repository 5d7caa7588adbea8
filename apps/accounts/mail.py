"""E-mails: a text and an HTML template each, in `templates/email/`; the text's first line is its subject.

A mail is a row until the mail server has it, so a lost queue or a mail server that is away delays it and no more.
"""

from __future__ import annotations

import contextlib
import logging
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string

from .models import OutgoingMail

log = logging.getLogger(__name__)


def send_mail(template: str, *, to: str, **context: Any) -> None:
    """Send a mail if and when the transaction commits.

    path: in the context becomes `link`, on PUBLIC_URL; never on the host a request named (HOST-1, ACC-3).
    """
    if path := context.pop("path", None):
        context["link"] = f"{settings.PUBLIC_URL}{path}"
    mail = OutgoingMail.objects.create(template=template, to=to, context=context)
    transaction.on_commit(lambda: _soon(mail.pk))


def deliver(pk: int) -> bool:
    """Hand one mail to the mail server; False if it has to wait, or has gone already."""
    with transaction.atomic():
        mail = OutgoingMail.objects.select_for_update(skip_locked=True).filter(pk=pk).first()
        if mail is None:
            return False
        try:
            _hand_over(mail)
        except Exception as failure:  # whatever the mail server or the way to it says
            log.warning("A mail (%s) waits: %s", mail.template, type(failure).__name__)
            if not mail.put_off():
                log.error("A mail (%s) is given up after %s tries.", mail.template, mail.tries)
                mail.delete()
            return False
        mail.delete()
    return True


def deliver_waiting() -> int:
    """Deliver what is due and return how many went: for the clock, which finds what a queue has lost."""
    return sum(deliver(pk) for pk in OutgoingMail.objects.due().values_list("pk", flat=True)[:1000])


def _hand_over(mail: OutgoingMail) -> None:
    context = {**mail.context, "site": settings.PUBLIC_URL}
    subject, _, text = render_to_string(f"email/{mail.template}.txt", context).strip().partition("\n")
    message = EmailMultiAlternatives(subject=" ".join(subject.split()), body=text.strip(), to=[mail.to])
    message.attach_alternative(render_to_string(f"email/{mail.template}.html", context), "text/html")
    message.send()


def _soon(pk: int) -> None:
    from .tasks import deliver_mail

    # Without the queue the clock delivers it.
    with contextlib.suppress(Exception):
        deliver_mail.delay(pk)
