"""Celery doors to the verbs of tracking. No logic here; each may run twice, or at the same time as itself."""

from __future__ import annotations

from celery import shared_task

from . import definitions, fields, heartbeat, receipts, records, runs


@shared_task
def apply_pending_records() -> int:
    return records.apply_everywhere()


@shared_task
def apply_records_of(run: int) -> int:
    return records.apply_pending(run, wait_ms=records.LATER_WAIT_MS)


@shared_task
def project_dirty_fields() -> int:
    definitions.spread()
    return fields.project_everywhere()


@shared_task
def mark_silent() -> int:
    return heartbeat.mark_silent()


@shared_task
def sweep_deleted() -> int:
    return runs.sweep_deleted()


@shared_task
def limit_receipts() -> None:
    receipts.limit_receipts()
