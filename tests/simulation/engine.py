"""The real engine behind the model's verbs: the same histories, the same oracle, a real PostgreSQL.

Runs and the records consumer's database stay those of the model (what they do on the real one is for the
fault tests); inbox, cursors, segments and receipts are the engine's tables. A death is an exception at the
n-th statement or commit: PostgreSQL sees a connection that goes away in the middle of a transaction.
Segments are compacted and sealed at a hundredth of their usual size, so that short histories come to it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.apps import apps
from django.conf import settings
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from apps.base.errors import Conflict, DomainError, Gone
from apps.metrics import compact, fold, inbox, reading, segments, signals, stored_points, wire
from apps.metrics.session import Session

from . import bodies
from .server import (
    RECEIPTS_KEPT_S,
    Answer,
    Backup,
    Died,
    ModelServer,
    Nothing,
    Reading,
    Request,
    StreamReading,
)

_numbers = count(1_000_000)

_SMALL: list[tuple[object, str, object]] = [
    (compact, "FAN", 2),
    (compact, "FEWEST", 2),
    (segments, "COLUMNAR_FROM_ROWS", 4),
    (segments, "SEALED_FROM_ROWS", 8),
    (segments, "SEALED_ROWS", 16),
]


class EngineServer(ModelServer):
    """ModelServer with everything that touches `metrics` replaced."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__()
        self._run_numbers: dict[str, int] = {}
        self._beside = _connect()
        self._make_mortal(monkeypatch)
        for module, name, small in _SMALL:
            monkeypatch.setattr(module, name, small)

    def number(self, run: str) -> int:
        if run not in self._run_numbers:
            self._run_numbers[run] = next(_numbers)
        return self._run_numbers[run]

    # the interfaces' verbs

    def append(self, asked: Request, reply: Callable[[Answer], None]) -> None:
        with self._dying():
            batch = wire.decode(
                asked.body, content_type=wire.MSGPACK, content_encoding="", arrival_us=0, next_row=0
            )
            try:
                done = inbox.append(
                    self.number(asked.run), UUID(asked.stream), asked.seq, batch, lost=asked.lost
                )
                answer = Answer(done.status, lost=done.lost)
            except (Conflict, Gone) as refusal:
                answer = Answer(refusal.code, expected=_expected(refusal))
            self._may_die()
        reply(answer)

    def end(self, run: str, now_s: int) -> None:
        inbox.keep_receipts_until({self.number(run): _moment(now_s + RECEIPTS_KEPT_S)})

    def fold(self, run: str, *, die_at: int | None = None) -> None:
        self._die_at = die_at
        with self._dying():
            fold.fold(self.number(run))

    def compact(self, run: str, *, die_at: int | None = None) -> None:
        self._die_at = die_at
        with self._dying():
            compact.compact(self.number(run))

    def apply_records(self, run: str, *, die_at: int | None = None) -> None:
        """Consumer and cursor are the model's, keyed by the stream's UUID; the inbox is the engine's."""
        self._die_at = die_at
        with self._dying():
            for pending in inbox.pending_records(self.number(run), limit=1000):
                cursor = self.cursor_of(run, str(pending.stream_key))
                if pending.seq >= self.tracking.get("cursors", cursor, 0):
                    tokens = [next(iter(record["set"].values())) for record in pending.records]
                    self.apply_batch(run, str(pending.stream_key), pending.seq, tokens, cursor)
                inbox.acknowledge_records(pending.run, pending.stream, pending.seq + 1)

    def drop_receipts(self, now_s: int) -> None:
        inbox.expire_receipts(_moment(now_s))

    # reading

    def read(self, run: str, meanwhile: Nothing) -> Reading:
        """One snapshot; others work before it, as this process has one connection."""
        meanwhile()
        number = self.number(run)
        read = Reading(records=list(self.tracking.get("records", run, ())))
        with reading.reading([number]) as opened:
            keys = {
                stream: (str(key), next_seq)
                for stream, key, next_seq in opened.session.rows(
                    "SELECT number, key, next_seq FROM metrics_stream WHERE run = %(run)s", {"run": number}
                )
            }
            found = stored_points.find(opened.session, opened.stored, stored_points.Where())
            wanted = stored_points.wanted_members(opened.stored)
            groups = (
                stored_points.load(opened.session, found, wanted).get(number, []) + opened.waiting[number]
            )
        for group in groups:
            axis = zip(
                *(
                    part.tolist()
                    for part in (group.axis.stream, group.axis.row, group.axis.step, group.axis.time)
                ),
                strict=True,
            )
            places = list(axis)
            for columns in group.columns:
                for values in columns.values:
                    read.points += [
                        bodies.Point(keys[stream][0], row, step, time_us, int(value))
                        for (stream, row, step, time_us), value in zip(places, values.tolist(), strict=True)
                    ]
        ledger = inbox.ledger(number)
        for key, next_seq in keys.values():
            read.streams[key] = StreamReading(
                next_seq,
                tuple((each.first, each.last) for each in ledger.lost if str(each.stream) == key),
                tuple((each.seq, each.rejected.count) for each in ledger.entries if str(each.stream) == key),
            )
        return read

    # backup

    def back_up(self, meanwhile: Nothing) -> Backup:
        metrics = {table: self._copy_out(table) for table in _tables()}
        known = dict(self._run_numbers)
        meanwhile()
        return Backup((metrics, known), self.tracking.snapshot())

    def restore(self, backup: Backup) -> None:
        metrics, known = backup.metrics
        with self._beside.transaction(), self._beside.cursor() as cursor:
            for table, rows in metrics.items():
                cursor.execute(f"DELETE FROM {table} WHERE run = ANY(%s)", [list(self._run_numbers.values())])
                with cursor.copy(f"COPY {table} FROM STDIN (FORMAT BINARY)") as copy:
                    copy.write(rows)
        self.tracking.restore(backup.tracking)
        assert known.items() <= self._run_numbers.items()

    def fingerprint(self) -> object:
        """The engine's rows of this history's runs, as one digest a table."""
        runs = list(self._run_numbers.values())
        with self._beside.cursor() as cursor:
            parts = " UNION ALL ".join(
                f"SELECT '{table}', md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM {table} t"
                " WHERE run = ANY(%(runs)s)"
                for table in _tables()
            )
            return cursor.execute(parts, {"runs": runs}).fetchall()

    def _copy_out(self, table: str) -> bytes:
        runs = ", ".join(map(str, [*self._run_numbers.values(), -1]))
        query = f"COPY (SELECT * FROM {table} WHERE run IN ({runs})) TO STDOUT (FORMAT BINARY)"
        with self._beside.cursor() as cursor, cursor.copy(query) as copy:
            return b"".join(bytes(part) for part in copy)

    # death

    def _make_mortal(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Let every statement and every commit of the engine be the last thing its process did."""
        ask = Session._cursor
        kind: Any = type(connections[settings.METRICS_DATABASE])
        commit = kind._commit

        def mortal_ask(session: Session) -> psycopg.Cursor[tuple[object, ...]]:
            self._may_die()
            return ask(session)

        def mortal_commit(connection: BaseDatabaseWrapper) -> None:
            try:
                self._may_die()
            except Died:
                connection.close()
                raise
            commit(connection)

        monkeypatch.setattr(Session, "_cursor", mortal_ask)
        # Whoever listens applies records as well, and knows nothing of our runs.
        monkeypatch.setattr(signals, "after_commit", lambda *args, **news: None)
        monkeypatch.setattr(kind, "_commit", mortal_commit)

    def close(self) -> None:
        self._beside.close()

    @contextmanager
    def _dying(self) -> Iterator[None]:
        """A dead process leaves no open transaction behind, and its counter does not outlive the verb."""
        try:
            yield
        except Died:
            connections[settings.METRICS_DATABASE].close()
            raise
        finally:
            self._die_at = None


def _connect() -> psycopg.Connection[tuple[object, ...]]:
    """A connection beside the engine's, for looking on and for moving tables."""
    own = connections[settings.METRICS_DATABASE].get_connection_params()
    parts = {name: own[name] for name in ("dbname", "user", "password", "host", "port") if own.get(name)}
    return psycopg.connect(**parts, autocommit=True)


def _tables() -> list[str]:
    return [model._meta.db_table for model in apps.get_app_config("metrics").get_models()]


def _moment(now_s: int) -> datetime:
    return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=now_s)


def _expected(refusal: DomainError) -> int:
    return int((getattr(refusal, "details", None) or {}).get("expected", 0))
