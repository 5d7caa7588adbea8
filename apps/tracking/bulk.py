"""What is done to many runs at once: all of them, or none.

Whoever calls has fetched the runs through the one door. A statement changes all runs that change alike, so a
thousand cost what a few do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.models import F
from django.utils.timezone import now

from . import limits, signals
from .models import Run
from .models.run import RESTORATION, removal

if TYPE_CHECKING:
    from apps.accounts.principal import Principal

# The most that one act is about.
MOST_RUNS = 10_000


def tag(runs: Sequence[Run], *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
    """Add and remove tags; the order of the others stays. Raises Invalid `too_many_tags`."""
    gone, added = set(remove), list(add)
    alike: dict[tuple[str, ...], list[int]] = defaultdict(list)
    with transaction.atomic():
        locked = Run.objects.select_for_update(no_key=True).filter(pk__in=_keys(runs)).order_by("pk")
        for pk, tags in locked.values_list("pk", "tags"):
            wanted = list(dict.fromkeys([*(each for each in tags if each not in gone), *added]))
            if wanted != tags:
                alike[tuple(wanted)].append(pk)
        for wanted_tags, keys in alike.items():
            limits.check_tags(wanted_tags)
            change(keys, tags=list(wanted_tags))


def remove(runs: Sequence[Run], by: Principal | None = None) -> None:
    """Delete the runs, softly. Those that are deleted already stay as they are."""
    with transaction.atomic():
        change([run.pk for run in _locked(runs) if not run.is_deleted], **removal(by))


def restore(runs: Sequence[Run]) -> None:
    """Undo remove()."""
    with transaction.atomic():
        change([run.pk for run in _locked(runs) if run.is_deleted], **RESTORATION)


def change(keys: Sequence[int], **changes: Any) -> None:
    """Write the same into these runs and tell who listens. Inside the caller's transaction."""
    if not keys:
        return
    Run.objects.filter(pk__in=keys).update(
        **changes, version=F("version") + 1, updated_at=now(), fields_due=True
    )
    for pk, project, version in Run.objects.filter(pk__in=keys).values_list("pk", "project_id", "version"):
        signals.after_commit(signals.run_changed, run=pk, project=project, version=version)


def _locked(runs: Sequence[Run]) -> Iterable[Run]:
    """In the order of their keys, so that two acts on the same runs do not meet crosswise."""
    return (
        Run.objects.select_for_update(no_key=True)
        .filter(pk__in=_keys(runs))
        .order_by("pk")
        .only("pk", "deleted_at")
    )


def _keys(runs: Sequence[Run]) -> list[int]:
    return [run.pk for run in runs]
