"""The engine alone: in these tests nobody above it listens."""

from __future__ import annotations

import pytest

from apps.metrics import signals


@pytest.fixture(autouse=True)
def _nobody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    for signal in (signals.batch_appended, signals.records_pending, signals.run_folded):
        monkeypatch.setattr(signal, "receivers", [])
        signal.sender_receivers_cache.clear()
