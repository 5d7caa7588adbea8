"""A mail that has yet to leave: written with what it tells of, so that neither is there without the other."""

from __future__ import annotations

from datetime import timedelta
from typing import Self

from django.db import models
from django.utils.timezone import now

# 1, 2, 4 … minutes after a failure, at most six hours; given up after three days.
_LONGEST_WAIT = timedelta(hours=6)
GIVE_UP_AFTER = timedelta(days=3)


class OutgoingMailQuerySet(models.QuerySet["OutgoingMail"]):
    def due(self) -> Self:
        return self.filter(next_try_at__lte=now())


class OutgoingMail(models.Model):
    """The row is deleted once the mail server has the mail: what is in it (a link) is not kept."""

    template = models.CharField(max_length=50)
    to = models.EmailField(max_length=254)
    context = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=now, editable=False)
    next_try_at = models.DateTimeField(default=now, db_index=True)
    tries = models.PositiveSmallIntegerField(default=0)

    objects = OutgoingMailQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.template} to {self.to}"

    def put_off(self) -> bool:
        """Note a failure and when to try again. False if it is time to give up."""
        self.tries += 1
        self.next_try_at = now() + min(timedelta(minutes=2 ** min(self.tries - 1, 12)), _LONGEST_WAIT)
        self.save(update_fields=["tries", "next_try_at"])
        return now() - self.created_at < GIVE_UP_AFTER
