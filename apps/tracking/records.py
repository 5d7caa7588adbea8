"""The inbox's second consumer: everything a writer sends that is not a point.

Exactly once per (stream, seq): the cursor of a stream moves in the transaction that applies its batches,
here, in the default database; only after that is the engine told, which may live in another. A crash
between the two is a batch read again and skipped by the cursor. The run's row is locked meanwhile, so two
workers take turns.

Cost of one call: a fixed number of statements, whatever the number of batches and records in it.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils.timezone import now
from psycopg.errors import LockNotAvailable

from apps.base.errors import DomainError
from apps.metrics import inbox, record_shapes

from . import database_trouble, definitions, later, limits, segments, signals
from .blocks import Row
from .models import RecordCursor, RecordRefusal, RecordSegment, Run
from .names import clean_name
from .record_types import LEVELS, check
from .structures import merge, same

__all__ = ["apply_everywhere", "apply_pending", "check", "on_records_pending"]

Kind = RecordSegment.Kind

# Batches read at once, and how many bytes of them: one batch alone may be 32 MiB.
BATCHES = 16
BATCH_BYTES = 8 << 20
# How many writers of a run keep an environment of their own.
STREAMS_WITH_METADATA = 1000
# How long an append waits for another that applies records of the same run, before leaving it to the
# reconciler.
INLINE_WAIT_MS = 500
# How long the worker waits that it is left to.
LATER_WAIT_MS = 1500

logger = logging.getLogger(__name__)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Columns of a run that records may change.
_COLUMNS = ("name", "notes", "tags", "config", "summary", "metadata", "host", "git_commit")
_STATE_COLUMNS = ("state", "exit_code", "ended_at", "stop_requested_at")


def apply_pending(run: int, *, wait_ms: int | None = None) -> int:
    """Apply what the run's writers have sent and nobody has applied; return how many batches that was.

    wait_ms: how long to wait for whoever applies records of this run now; None waits as long as it takes.

    Idempotent. Must not be called inside a transaction: the engine would be told of what could still be
    undone.
    """
    return _apply_all(run, wait_ms)[0]


def _apply_all(run: int, wait_ms: int | None) -> tuple[int, bool]:
    """Return how many batches were applied, and whether those were all."""
    applied = 0
    while True:
        with transaction.atomic(durable=True):
            row = _lock(run, wait_ms)
            if row is None and Run.objects.filter(pk=run).exists():
                return applied, False
            batches = inbox.pending_records(run, limit=BATCHES, max_bytes=BATCH_BYTES)
            # Of a run that has been purged nothing is kept: what still comes is only acknowledged.
            applied += _apply_fresh(row, batches) if row else 0
        reached = {batch.stream: batch.seq + 1 for batch in batches}
        for stream, seq in reached.items():
            inbox.acknowledge_records(run, stream, seq)
        if len(batches) < BATCHES and sum(batch.size for batch in batches) < BATCH_BYTES:
            return applied, True


def apply_everywhere(limit: int = 200) -> int:
    """Apply records of the runs that have any left: what hints lost. Returns how many batches."""
    applied = 0
    for run in inbox.runs_with_pending_records(limit):
        try:
            applied += apply_pending(run, wait_ms=0)
        except Exception:
            # One run's trouble must not keep the others waiting.
            logger.exception("Records of run %s could not be applied", run)
    return applied


def on_records_pending(run: int, **_: Any) -> None:
    """Heard after each append that holds records, before its answer: a writer's next read sees them.

    Where that is not possible within the time, a worker is asked to.
    """
    is_done = False
    try:
        is_done = _apply_all(run, INLINE_WAIT_MS)[1]
    finally:
        if not is_done:
            later.apply_records(run)


def _lock(run: int, wait_ms: int | None) -> Run | None:
    """Return the run as it is now, locked; None if it is gone, or held by another for too long."""
    rows = Run.objects.filter(pk=run)
    if wait_ms == 0:
        return rows.select_for_update(no_key=True, skip_locked=True).first()
    try:
        with transaction.atomic():
            if wait_ms is not None:
                with connection.cursor() as cursor:
                    cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{wait_ms}ms"])
            return rows.select_for_update(no_key=True).first()
    except OperationalError as error:
        if isinstance(error.__cause__, LockNotAvailable):
            return None
        raise


def _apply_fresh(run: Run, batches: Iterable[Any]) -> int:
    """Apply the batches no cursor is past. The caller holds the run's lock."""
    cursors = dict(RecordCursor.objects.filter(run=run.pk).values_list("stream", "next_seq"))
    fresh = [batch for batch in batches if batch.seq >= cursors.get(batch.stream_key, 0)]
    if not fresh:
        return 0
    _apply_apart(run, [(batch, record) for batch in fresh for record in batch.records])
    for batch in fresh:
        cursors[batch.stream_key] = batch.seq + 1
    RecordCursor.objects.bulk_create(
        [
            RecordCursor(run=run, stream=stream, next_seq=cursors[stream])
            for stream in {batch.stream_key for batch in fresh}
        ],
        update_conflicts=True,
        unique_fields=["run", "stream"],
        update_fields=["next_seq"],
    )
    return len(fresh)


def _apply_apart(run: Run, pairs: Sequence[tuple[Any, Mapping[str, Any]]]) -> None:
    """Apply records together. One that unexpectedly fails is found by halves, refused, and holds up no other.

    run: as it is now. Raises what may succeed if it is tried again: a lost database, a deadlock.
    """
    try:
        with transaction.atomic():
            work = _Work(run)
            for batch, record in pairs:
                work.apply(batch, record)
            work.write()
        return
    except Exception as error:
        if isinstance(error, MemoryError) or database_trouble.passes(error):
            raise
        if len(pairs) == 1:
            _refuse_unexpected(run, *pairs[0])
            return
    half = len(pairs) // 2
    for part in (pairs[:half], pairs[half:]):
        # What was gathered is in the object and not in the row.
        _apply_apart(Run.objects.get(pk=run.pk), part)


def _refuse_unexpected(run: Run, batch: Any, record: Mapping[str, Any]) -> None:
    kind = str(record_shapes.type_of(record) or "")
    logger.exception("A %s record in batch %s of run %s could not be applied", kind, batch.seq, run.pk)
    RecordRefusal.objects.create(
        run_id=run.pk,
        stream=batch.stream_key,
        seq=batch.seq,
        code="not_applied",
        key=kind,
        message="The record could not be applied. The server's log says why.",
    )


class _Work:
    """What a set of batches does to a run, gathered in memory and then written with few statements."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._before = {column: getattr(run, column) for column in (*_COLUMNS, *_STATE_COLUMNS)}
        self._lines: dict[segments.Slot, dict[int, Row]] = defaultdict(dict)
        self._rows: dict[segments.Slot, list[Row]] = defaultdict(list)
        self._definitions: dict[str, dict[str, Any]] = {}
        self._refused: list[RecordRefusal] = []

    def apply(self, batch: Any, record: Mapping[str, Any]) -> None:
        refused = check(record)
        if refused is not None:
            self._refuse(batch, refused.code, refused.key, refused.message)
            return
        try:
            getattr(self, f"_{record['type']}")(batch, record)
        except DomainError as error:
            self._refuse(batch, error.code, record["type"], error.message)

    def write(self) -> None:
        """Write what is another than before."""
        run = self._run
        segments.store(run.pk, {**{s: list(rows.values()) for s, rows in self._lines.items()}, **self._rows})
        if self._definitions:
            definitions.define(run.project_id, self._definitions)
        changes = {
            column: getattr(run, column)
            for column, before in self._before.items()
            if not same(before, getattr(run, column))
        }
        if changes:
            run.version += 1
            Run.objects.filter(pk=run.pk).update(
                **changes, version=F("version") + 1, updated_at=now(), fields_due=True
            )
            signals.after_commit(signals.run_changed, run=run.pk, project=run.project_id, version=run.version)
        if "state" in changes and run.is_running:
            signals.after_commit(signals.run_started, run=run.pk, project=run.project_id)
        kinds = sorted({kind for kind, _ in (*self._lines, *self._rows)})
        if kinds:
            signals.after_commit(signals.records_added, run=run.pk, project=run.project_id, kinds=kinds)
        RecordRefusal.objects.bulk_create(self._refused)

    def _refuse(self, batch: Any, code: str, key: str, message: str) -> None:
        self._refused.append(
            RecordRefusal(
                run=self._run, stream=batch.stream_key, seq=batch.seq, code=code, key=key, message=message
            )
        )

    # One function a type

    def _config(self, batch: Any, record: Mapping[str, Any]) -> None:
        self._merge("config", record)

    def _summary(self, batch: Any, record: Mapping[str, Any]) -> None:
        self._merge("summary", record)

    def _merge(self, column: str, record: Mapping[str, Any]) -> None:
        merged = merge(getattr(self._run, column), record.get("set", {}), record.get("unset", ()))
        limits.check_size(merged)
        setattr(self._run, column, merged)

    def _metadata(self, batch: Any, record: Mapping[str, Any]) -> None:
        run, stream = self._run, str(batch.stream_key)
        if stream not in run.metadata and len(run.metadata) >= STREAMS_WITH_METADATA:
            return
        merged = {**run.metadata, stream: merge(run.metadata.get(stream, {}), record["set"])}
        limits.check_size(merged)
        run.metadata = merged
        host, git = record["set"].get("host"), record["set"].get("git")
        if isinstance(host, str) and not run.host:
            run.host = host[:256]
        if isinstance(git, Mapping) and isinstance(git.get("commit"), str) and not run.git_commit:
            run.git_commit = git["commit"][:64]

    def _tags(self, batch: Any, record: Mapping[str, Any]) -> None:
        removed = set(record.get("remove", ()))
        kept = [tag for tag in self._run.tags if tag not in removed]
        tags = list(dict.fromkeys([*kept, *record.get("add", ())]))
        limits.check_tags(tags)
        self._run.tags = tags

    def _note(self, batch: Any, record: Mapping[str, Any]) -> None:
        self._run.notes = record["text"]

    def _name(self, batch: Any, record: Mapping[str, Any]) -> None:
        self._run.name = clean_name(record["text"])

    def _metric(self, batch: Any, record: Mapping[str, Any]) -> None:
        given = {field: value for field, value in record.items() if field not in ("type", "name")}
        self._definitions[record["name"]] = {**self._definitions.get(record["name"], {}), **given}

    def _console(self, batch: Any, record: Mapping[str, Any]) -> None:
        for line in record["lines"]:
            level = 1 + LEVELS.index(line["level"]) if "level" in line else 0
            # Within what is applied together, too, the later line of a number takes the place.
            self._lines[line["fd"], batch.stream_key][line["n"]] = Row(
                line["time"], line["n"], level, line["text"]
            )

    def _value(self, batch: Any, record: Mapping[str, Any]) -> None:
        content = {"key": record["key"], "step": record["step"], "value": record["value"]}
        self._rows[Kind.VALUE, batch.stream_key].append(Row(record["time"], record["row"], 0, content))

    def _alert(self, batch: Any, record: Mapping[str, Any]) -> None:
        level = 1 + LEVELS.index(record.get("level", "info"))
        content = {"title": record["title"], "text": record.get("text", "")}
        self._rows[Kind.ALERT, batch.stream_key].append(Row(record["time"], batch.seq, level, content))

    def _state(self, batch: Any, record: Mapping[str, Any]) -> None:
        run = self._run
        run.state = record["state"]
        if run.is_running:
            run.ended_at = run.exit_code = run.stop_requested_at = None
        else:
            run.exit_code = record.get("exit_code")
            run.ended_at = _moment(record["time"]) if "time" in record else batch.received_at


def _moment(time_us: int) -> datetime:
    return _EPOCH + timedelta(microseconds=time_us)
