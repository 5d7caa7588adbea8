"""Celery's doors to folding and compacting; beat.py says when they are opened."""

from __future__ import annotations

from celery import shared_task

from apps.metrics import compact as compactor
from apps.metrics import schedule


@shared_task  # type: ignore[untyped-decorator]
def fold_dirty(shard: int) -> None:
    if due := schedule.fold_dirty(shard):
        compact.delay(list(due))


@shared_task  # type: ignore[untyped-decorator]
def compact(runs: list[int]) -> None:
    compactor.compact_many(runs)


@shared_task  # type: ignore[untyped-decorator]
def reconcile() -> None:
    if due := schedule.reconcile():
        compact.delay(list(due))
