"""What the engine tells others, after its commit: plain numbers and texts.

batch_appended   run, stream (its number), seq, version, names, decoded (the batch as wire.Decoded)
records_pending  run
run_folded       run, version
"""

from __future__ import annotations

import logging
from typing import Any

from django.conf import settings
from django.db import transaction
from django.dispatch import Signal

batch_appended = Signal()
records_pending = Signal()
run_folded = Signal()

logger = logging.getLogger(__name__)


def after_commit(signal: Signal, **news: Any) -> None:
    """Send a signal once the open transaction of the engine's database, if any, has committed.

    A listener that fails is logged: the data is stored, and its writer must be told so.
    """
    transaction.on_commit(lambda: _send(signal, news), using=settings.METRICS_DATABASE)


def _send(signal: Signal, news: dict[str, Any]) -> None:
    for receiver, answer in signal.send_robust(sender=None, **news):
        if isinstance(answer, Exception):
            logger.error("A listener failed: %r", receiver, exc_info=answer)
