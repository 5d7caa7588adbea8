"""Celery doors to the verbs of accounts. No logic here; each may run twice, or at the same time as itself."""

from __future__ import annotations

from celery import shared_task

from . import mail


@shared_task
def deliver_mail(pk: int) -> bool:
    return mail.deliver(pk)


@shared_task
def deliver_waiting_mail() -> int:
    return mail.deliver_waiting()
