"""Which runs this process has been writing to in the last two seconds, so that a batch costs no look-up.

What happens in this process takes effect in it at once; elsewhere it is known within two seconds.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

from apps.accounts.access import fetch
from apps.accounts.principal import Principal
from apps.accounts.scopes import Verb
from apps.accounts.signals import access_ended
from apps.base.errors import Gone, NotFound
from apps.tracking.models import Project, Run
from apps.tracking.signals import project_changed, run_changed

REMEMBERED_S = 2.0
_MOST_REMEMBERED = 50_000

Key = tuple[str, int | None, str]


@dataclass(frozen=True, slots=True)
class Target:
    """run, project, team: row numbers."""

    run: int
    project: int
    team: int
    is_asked_to_stop: bool


_remembered: dict[Key, tuple[float, Target]] = {}
_keys_of: dict[int, set[Key]] = {}


def find(principal: Principal, public_id: str) -> Target:
    """Return the run to write to. No query if the same credential wrote to it in the last two seconds.

    Raises NotFound, Denied, and Gone `deleted` for a run the principal could see before it was deleted.
    """
    credential = ("key", principal.key.pk) if principal.key else ("user", principal.user_id)
    key = (*credential, public_id)
    known = _remembered.get(key)
    if known is not None and time.monotonic() < known[0]:
        return known[1]
    target = _look_up(principal, public_id)
    if len(_remembered) >= _MOST_REMEMBERED:
        forget()
    _remembered[key] = (time.monotonic() + REMEMBERED_S, target)
    _keys_of.setdefault(target.run, set()).add(key)
    return target


def forget(*_: Any, **__: Any) -> None:
    _remembered.clear()
    _keys_of.clear()


def _look_up(principal: Principal, public_id: str) -> Target:
    try:
        run = fetch(Run.with_removed.all(), principal, verb=Verb.INGEST, public_id=public_id)
    except NotFound:
        # Its project may have been deleted: a writer must be told so, or it would make the run anew for ever.
        fetch(Project.with_removed.all(), principal, verb=Verb.INGEST, runs__public_id=public_id)
        raise Gone("The project has been deleted; it can be restored for 30 days.", code="deleted") from None
    run.check_accepts()
    return Target(run.pk, run.project_id, run.project.team_id, run.is_asked_to_stop)


def _forget_run(*, run: int, **_: Any) -> None:
    for key in _keys_of.pop(run, ()):
        _remembered.pop(key, None)


run_changed.connect(_forget_run, dispatch_uid="api.ingest_targets.run")
project_changed.connect(forget, dispatch_uid="api.ingest_targets.project")
access_ended.connect(forget, dispatch_uid="api.ingest_targets.access")
