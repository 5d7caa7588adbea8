"""What the layers above may hear, sent after commit."""

from __future__ import annotations

from django.dispatch import Signal

# Some access is less than it was. Says whose: api_key_id, service_account_id, or user_id (with team_id).
# Open sockets are checked again, and cached principals are forgotten.
access_ended = Signal()
