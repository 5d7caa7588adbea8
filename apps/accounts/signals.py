"""What the layers above may hear, sent after commit."""

from __future__ import annotations

from django.db import transaction
from django.dispatch import Signal

from .remembered import forget

# Some access is less than it was. Says whose: api_key_id, service_account_id, or user_id (with team_id).
# Open sockets are checked again.
access_ended = Signal()


def announce_ended_access(sender: type, **whose: int) -> None:
    """After commit: this process forgets whom it knew, and the layers above hear of it."""

    def announce() -> None:
        forget()
        access_ended.send(sender, **whose)

    transaction.on_commit(announce)
