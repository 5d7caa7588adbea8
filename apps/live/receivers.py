"""News from the apps below becomes hints. All of this runs after commit, and none of it may fail a writer."""

from __future__ import annotations

import time
from typing import Any

from django.contrib.auth.signals import user_logged_out

from apps.accounts.signals import access_ended
from apps.metrics import wire
from apps.metrics.signals import batch_appended
from apps.tracking.models import Run
from apps.tracking.signals import project_changed, records_added, run_changed

from .groups import (
    ACCESS,
    MAX_PAYLOAD_BYTES,
    AccessChanged,
    BatchAppended,
    ProjectChanged,
    RecordsHint,
    RunHint,
    run_group,
)
from .publisher import publisher

# A run may be moved to another project, so what is remembered of it ages.
REMEMBERED_S = 60.0
_MOST_REMEMBERED = 50_000
_remembered: dict[int, tuple[float, str, int]] = {}


def connect() -> None:
    for signal, receiver in (
        (batch_appended, on_batch_appended),
        (run_changed, on_run_changed),
        (records_added, on_records_added),
        (project_changed, on_project_changed),
        (access_ended, on_access_ended),
        (user_logged_out, on_logged_out),
    ):
        signal.connect(receiver, dispatch_uid=f"live.{receiver.__name__}")


def on_batch_appended(
    *, run: int, stream: int, seq: int, version: str, decoded: wire.Decoded, **_: Any
) -> None:
    is_small = decoded.points and len(decoded.payload) <= MAX_PAYLOAD_BYTES
    hint = BatchAppended(
        run=run,
        stream=stream,
        seq=seq,
        version=version,
        points=decoded.points,
        payload=decoded.payload if is_small else b"",
        encoding=decoded.encoding,
    )
    publisher.publish(run_group(run), hint)
    public_id, project = _where(run)
    if public_id:
        publisher.mark_dirty(project, public_id, version=version)


def on_run_changed(*, run: int, project: int, **_: Any) -> None:
    found = Run.objects.filter(pk=run).values_list("public_id", "state").first()
    if found is not None:
        public_id, state = found
        publisher.publish(run_group(run), RunHint(run=run, state=state))
        publisher.mark_dirty(project, public_id, state=state)
        _remembered[run] = (time.monotonic() + REMEMBERED_S, public_id, project)


def on_records_added(*, run: int, kinds: Any, **_: Any) -> None:
    publisher.publish(run_group(run), RecordsHint(run=run, kinds=sorted(kinds)))


def on_project_changed(*, project: int, **_: Any) -> None:
    """A project that became private, or was deleted, may no longer be for everyone who follows it."""
    publisher.publish(ACCESS, ProjectChanged(project=project))


def on_access_ended(
    *,
    api_key_id: int | None = None,
    service_account_id: int | None = None,
    user_id: int | None = None,
    **_: Any,
) -> None:
    change = AccessChanged(api_key_id=api_key_id, service_account_id=service_account_id, user_id=user_id)
    publisher.publish(ACCESS, change)


def on_logged_out(*, user: Any = None, **_: Any) -> None:
    if user is not None:
        publisher.publish(ACCESS, AccessChanged(user_id=user.pk))


def _where(run: int) -> tuple[str, int]:
    """Return the run's public id and its project; ("", 0) if it is gone."""
    until, public_id, project = _remembered.get(run, (0.0, "", 0))
    if time.monotonic() >= until:
        found = Run.objects.filter(pk=run).values_list("public_id", "project_id").first()
        public_id, project = found or ("", 0)
        if len(_remembered) >= _MOST_REMEMBERED:
            _remembered.clear()
        _remembered[run] = (time.monotonic() + REMEMBERED_S, public_id, project)
    return public_id, project
