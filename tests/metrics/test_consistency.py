"""The engine against a plain dict, beside other threads, and killed in the middle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections import Counter
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from django.conf import settings
from django.db import connections
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from apps.base.errors import Conflict, Gone
from apps.metrics import codec, history, inbox, latest, pending, reading, segments, tiles, verbs
from apps.metrics import compact as compactor
from apps.metrics.compact import compact
from apps.metrics.fold import fold
from apps.metrics.locks import Lock, lock
from apps.metrics.models import Batch, Segment
from apps.metrics.session import Session, autocommitted, writing

from .batches import START_US, STREAM, make_batch

pytestmark = pytest.mark.django_db(databases="__all__")
RUN = 7
ALL = pytest.mark.django_db(databases="__all__", transaction=True)

# A dict against the engine

VALUES = st.one_of(
    st.floats(width=64),
    st.sampled_from([float("nan"), float("inf"), -float("inf"), -0.0, 5e-324]),
)
STEPS = st.integers(-5, 30)


def bits(value: float) -> int:
    return int(np.float64(value).view(np.int64))


class Engine(RuleBasedStateMachine):
    """Verbs in any order; after each, every read says what the model holds.

    model: run → {(stream, row, name): (step, bits)}.
    """

    runs = (1, 2)

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[int, dict[tuple[str, int, str], tuple[int, int]]] = {run: {} for run in self.runs}
        self.seqs: Counter[tuple[int, str]] = Counter()
        self.rows: Counter[tuple[int, str]] = Counter()
        self.sent: dict[tuple[int, str, int], Any] = {}
        self.identities: dict[int, set[tuple[str, int, int]]] = {run: set() for run in self.runs}
        self.purged: set[int] = set()

    @rule(
        run=st.sampled_from(runs),
        stream=st.sampled_from(["one", "two"]),
        names=st.sampled_from([["loss"], ["acc"], ["loss", "acc"]]),
        points=st.lists(st.tuples(STEPS, VALUES), min_size=1, max_size=5),
    )
    def append(self, run: int, stream: str, names: list[str], points: list[tuple[int, float]]) -> None:
        place = (run, stream)
        first = self.rows[place]
        batch = make_batch(
            {name: [value for _, value in points] for name in names},
            first_row=first,
            step=[step for step, _ in points],
            time=START_US,
        )
        key = UUID(int=len(stream) * 100 + ord(stream[0]))
        if run in self.purged:
            with pytest.raises(Gone):
                inbox.append(run, key, 0, batch)
            return
        inbox.append(run, key, self.seqs[place], batch)
        self.sent[run, stream, self.seqs[place]] = batch
        self.seqs[place] += 1
        self.rows[place] += len(points)
        for offset, (step, value) in enumerate(points):
            for name in names:
                self.model[run][stream, first + offset, name] = (step, bits(value))

    @rule(run=st.sampled_from(runs), stream=st.sampled_from(["one", "two"]), data=st.data())
    def append_again(self, run: int, stream: str, data: st.DataObject) -> None:
        if run in self.purged or not self.seqs[run, stream]:
            return
        seq = data.draw(st.integers(0, self.seqs[run, stream] - 1))
        key = UUID(int=len(stream) * 100 + ord(stream[0]))
        assert inbox.append(run, key, seq, self.sent[run, stream, seq]).status == "duplicate"
        with pytest.raises(Conflict):
            inbox.append(run, key, seq, make_batch({"other": [1.0]}))
        with pytest.raises(Conflict):
            inbox.append(run, key, self.seqs[run, stream] + 1, self.sent[run, stream, seq])

    @rule(
        run=st.sampled_from(runs),
        base=st.integers(0, 6),
        values=st.lists(VALUES, min_size=1, max_size=4),
        overwrite=st.booleans(),
    )
    def lines(self, run: int, base: int, values: list[float], overwrite: bool) -> None:
        if run in self.purged:
            return
        base = min(base, self.rows[run, "lines"])
        steps = [base + offset for offset in range(len(values))]
        batch = make_batch({"line": values}, step=steps, time=START_US)
        mode: Any = "overwrite" if overwrite else "append"
        inbox.append_points(run, "lines", batch, base=base, mode=mode)
        for offset, value in enumerate(values):
            row = base + offset
            if overwrite or row >= self.rows[run, "lines"]:
                self.model[run]["lines", row, "line"] = (row, bits(value))
        self.rows[run, "lines"] = max(self.rows[run, "lines"], base + len(values))

    @rule(
        run=st.sampled_from(runs),
        points=st.lists(
            st.tuples(STEPS, st.sampled_from([0.0, -0.0, 1.5, float("nan")])), min_size=1, max_size=4
        ),
    )
    def unique(self, run: int, points: list[tuple[int, float]]) -> None:
        if run in self.purged:
            return
        batch = make_batch(
            {"unique": [value for _, value in points]}, step=[step for step, _ in points], time=START_US
        )
        inbox.append_points(run, "unique", batch, unique_points=True)
        first = self.rows[run, "unique"]
        self.rows[run, "unique"] += len(points)
        for offset, (step, value) in enumerate(points):
            identity = ("unique", step, bits(value))
            if identity not in self.identities[run]:
                self.identities[run].add(identity)
                self.model[run]["unique", first + offset, "unique"] = (step, bits(value))

    @rule(run=st.sampled_from(runs))
    def fold(self, run: int) -> None:
        fold(run)

    @rule(run=st.sampled_from(runs))
    def compact(self, run: int) -> None:
        compact(run)

    @rule(run=st.sampled_from(runs), step=STEPS)
    def truncate(self, run: int, step: int) -> None:
        if run in self.purged:
            return
        verbs.truncate(run, step)
        self.model[run] = {key: point for key, point in self.model[run].items() if point[0] <= step}
        self.identities[run] = {each for each in self.identities[run] if each[1] <= step}
        for stream in ("lines", "unique"):
            left = [row for own, row, _ in self.model[run] if own == stream]
            self.rows[run, stream] = max(left, default=-1) + 1

    @rule()
    def purge(self) -> None:
        # Only one of them, or there would soon be nothing to test.
        verbs.purge(2)
        self.model[2] = {}
        self.purged.add(2)

    @invariant()
    def reads_agree(self) -> None:
        for run in self.runs:
            expected: dict[str, list[tuple[int, int]]] = {}
            for (_, _, name), point in self.model[run].items():
                expected.setdefault(name, []).append(point)
            found = {
                each.name: list(zip(each.step.tolist(), each.values.view(np.int64).tolist(), strict=True))
                for each in tiles.points(run, ["loss", "acc", "line", "unique"]).series or ()
            }
            assert {name: sorted(points) for name, points in found.items()} == {
                name: sorted(points) for name, points in expected.items()
            }
            for points in found.values():
                assert [step for step, _ in points] == sorted(step for step, _ in points)
            rows = [(row.step, name) for row in history.rows(run) for name in row.values]
            assert Counter(rows) == Counter(
                (step, name) for (_, _, name), (step, _) in self.model[run].items()
            )
            known = latest.latest([run])[run]
            assert {name: facts.count for name, facts in known.items()} == {
                name: len(points) for name, points in expected.items()
            }
            drawn = tiles.tiles([run], ["loss", "acc", "line", "unique"], pixels=3)
            assert {each.name: int(each.marks.count.sum()) for each in drawn.series} == {
                name: len(points) for name, points in expected.items()
            }


def test_the_engine_is_a_dict(monkeypatch: pytest.MonkeyPatch) -> None:
    """With sizes so small that a few points make sealed segments, compactions and cuts."""
    from django.db import transaction

    for module in (codec, segments):
        monkeypatch.setattr(module, "COLUMNAR_FROM_ROWS", 4)
    monkeypatch.setattr(segments, "SEALED_FROM_ROWS", 8)
    monkeypatch.setattr(segments, "SEALED_ROWS", 12)
    monkeypatch.setattr(compactor, "FAN", 2)
    monkeypatch.setattr(compactor, "FEWEST", 2)
    monkeypatch.setattr(compactor, "DEPTH", 1)

    class InOneTransaction(Engine):
        def __init__(self) -> None:
            super().__init__()
            self._atomic = transaction.atomic(using=settings.METRICS_DATABASE)
            self._atomic.__enter__()

        def teardown(self) -> None:
            transaction.set_rollback(True, using=settings.METRICS_DATABASE)
            self._atomic.__exit__(None, None, None)

    run_state_machine_as_test(
        InOneTransaction,
        settings=hypothesis_settings(
            max_examples=15,
            stateful_step_count=20,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )


# Beside other threads


def beside(work: Any) -> tuple[threading.Thread, list[BaseException]]:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as failure:
            failures.append(failure)
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, failures


@ALL
def test_a_reader_beside_a_fold_never_sees_fewer_points() -> None:
    batches = 150
    done = threading.Event()

    def write() -> None:
        for seq in range(batches):
            inbox.append(RUN, STREAM, seq, make_batch({"loss": [float(seq)] * 3}, first_row=3 * seq))
        done.set()

    def keep_folding() -> None:
        while not done.is_set():
            fold(RUN)
            compact(RUN)
        fold(RUN)

    workers = [beside(write), beside(keep_folding)]
    seen = 0
    while not done.is_set() or seen < 3 * batches:
        acked = Batch.objects.order_by("-seq").values_list("seq", flat=True).first()
        found = tiles.points(RUN, ["loss"]).series or ()
        count = len(found[0].values) if found else 0
        assert count >= seen
        assert count % 3 == 0
        assert acked is None or count >= 3 * (acked + 1)
        drawn = tiles.tiles([RUN], ["loss"], pixels=50).series
        assert not drawn or drawn[0].marks.count.sum() >= count
        known = latest.latest([RUN])[RUN]
        assert not known or known["loss"].count >= count
        seen = count
    for thread, failures in workers:
        thread.join()
        assert not failures
    assert values() == [float(seq) for seq in range(batches) for _ in range(3)]


def values(run: int = RUN) -> list[float]:
    found = tiles.points(run, ["loss"]).series or ()
    return found[0].values.tolist() if found else []


@ALL
def test_an_append_does_not_wait_for_a_fold() -> None:
    """A fold that hangs before its commit holds up neither its writer nor a new one."""
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}))
    folded, go_on = threading.Event(), threading.Event()

    def hang() -> None:
        from apps.metrics.session import writing

        with writing():
            fold(RUN)
            folded.set()
            go_on.wait(20)

    thread, failures = beside(hang)
    assert folded.wait(10)
    start = time.monotonic()
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [0.25]}, first_row=1))
    inbox.append(RUN, UUID(int=99), 0, make_batch({"loss": [0.125]}, first_row=2))
    taken = time.monotonic() - start
    assert fold(RUN).behind
    assert sorted(values()) == [0.125, 0.25, 0.5]
    go_on.set()
    thread.join()

    assert not failures
    assert taken < 5
    fold(RUN)
    assert sorted(values()) == [0.125, 0.25, 0.5]


def somebody_waits() -> bool:
    """Whether a lock is waited for. Locks are no table: every transaction sees them as they are now."""
    asked = "SELECT 1 FROM pg_locks WHERE NOT granted"
    return autocommitted().row(asked) is not None


@ALL
@pytest.mark.parametrize("verb", [lambda: verbs.truncate(RUN, 9), lambda: verbs.purge(RUN)])
def test_a_verb_beside_a_compaction_waits_for_it(verb: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The compactor has taken the old segments and is about to take the Head when the verb comes."""
    for seq in range(16):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [float(seq)]}, first_row=seq))
        fold(RUN)
    inbox.append(RUN, STREAM, 16, make_batch({"loss": [16.0]}, first_row=16))
    new_ids, has_begun = compactor.new_ids, threading.Event()

    def once_somebody_waits(session: Session, counts: dict[int, int]) -> dict[int, int]:
        has_begun.set()
        deadline = time.monotonic() + 10
        while not somebody_waits() and time.monotonic() < deadline:
            time.sleep(0.01)
        return new_ids(session, counts)

    monkeypatch.setattr(compactor, "new_ids", once_somebody_waits)
    workers = [beside(lambda: compact(RUN))]
    assert has_begun.wait(10)
    workers.append(beside(verb))

    for thread, failures in workers:
        thread.join(20)
        assert not failures
    assert values() in ([], [float(seq) for seq in range(10)])


@ALL
@pytest.mark.parametrize("is_being_folded", [False, True])
def test_a_read_holds_few_points_of_the_inbox(is_being_folded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowded inbox is folded first; where somebody hangs in that, only what was asked for is decoded."""
    monkeypatch.setattr(reading, "_MOST_POINTS", 1_000)
    for seq in range(20):
        columns = {"loss": np.arange(100.0), "acc": np.arange(100.0)}
        inbox.append(RUN, STREAM, seq, make_batch(columns, first_row=100 * seq))
    held = []
    load = pending.load

    def counting(session: Session, batches: Any, names: Any = None) -> Any:
        for batch, content in load(session, batches, names):
            # A fold asks for all.
            held.append(content.points if names else 0)
            yield batch, content

    go_on, locked = threading.Event(), threading.Event()

    def hang() -> None:
        with writing() as session:
            lock(session, Lock.FOLD, RUN)
            locked.set()
            go_on.wait(20)

    thread, failures = beside(hang if is_being_folded else locked.set)
    assert locked.wait(10)
    monkeypatch.setattr(pending, "load", counting)
    found = values()
    go_on.set()
    thread.join()

    assert not failures
    assert found == [float(value) for _ in range(20) for value in range(100)]
    assert sum(held) == (2_000 if is_being_folded else 0)


@ALL
def test_two_workers_folding_the_same_runs_store_each_point_once() -> None:
    runs = range(1, 9)

    def work() -> None:
        for _ in range(12):
            for run in runs:
                fold(run)
                compact(run)

    workers = [beside(work) for _ in range(3)]
    for seq in range(20):
        for run in runs:
            inbox.append(run, STREAM, seq, make_batch({"loss": [float(seq)]}, first_row=seq))
    for thread, failures in workers:
        thread.join()
        assert not failures
    for run in runs:
        fold(run, wait=True)
        assert values(run) == [float(seq) for seq in range(20)]


# Killed


def killed_at(statement: str, work: str) -> None:
    """Run `work` in a process that kills itself (SIGKILL) right before its first statement holding a text."""
    script = f"""
        import os, signal
        import django
        django.setup()
        import psycopg
        from django.conf import settings
        for alias, database in settings.DATABASES.items():
            database["NAME"] = {{alias: name for alias, name in {_names()!r}.items()}}[alias]
        execute, copy, commit = psycopg.Cursor.execute, psycopg.Cursor.copy, psycopg.Connection.commit
        def die(text):
            if {statement!r} in str(text):
                os.kill(os.getpid(), signal.SIGKILL)
        def dying_execute(self, query, *args, **options):
            die(query)
            return execute(self, query, *args, **options)
        def dying_copy(self, statement, *args, **options):
            die(statement.as_string(None))
            return copy(self, statement, *args, **options)
        def dying_commit(self):
            die("COMMIT")
            return commit(self)
        psycopg.Cursor.execute, psycopg.Cursor.copy = dying_execute, dying_copy
        psycopg.Connection.commit = dying_commit
        from apps.metrics import inbox, verbs
        from apps.metrics.fold import fold
        from apps.metrics.compact import compact
        {work}
    """
    environment = os.environ | {"DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"]}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(script)], env=environment, capture_output=True
    )
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()


def _names() -> dict[str, Any]:
    return {alias: connections[alias].settings_dict["NAME"] for alias in connections}


@ALL
@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE metrics_head",
        'COPY "metrics_segment"',
        "DELETE FROM metrics_batch",
        "COMMIT",
    ],
)
def test_a_fold_killed_anywhere_has_done_nothing(statement: str) -> None:
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.0, 1.0]}))
    inbox.append(RUN, STREAM, 1, make_batch({"loss": [2.0]}, first_row=2))

    killed_at(statement, f"fold({RUN})")

    assert Batch.objects.count() == 2
    assert not Segment.objects.exists()
    assert values() == [0, 1, 2]
    assert fold(RUN, wait=True).points == 3
    assert values() == [0, 1, 2]
    assert latest.latest([RUN])[RUN]["loss"].count == 3


@ALL
@pytest.mark.parametrize("statement", ['COPY "metrics_segment"', "COMMIT"])
def test_a_compaction_killed_anywhere_has_done_nothing(statement: str) -> None:
    for seq in range(16):
        inbox.append(RUN, STREAM, seq, make_batch({"loss": [float(seq)]}, first_row=seq))
        fold(RUN)

    killed_at(statement, f"compact({RUN})")

    assert Segment.objects.count() == 16
    assert values() == [float(seq) for seq in range(16)]
    assert compact(RUN) == 16
    assert values() == [float(seq) for seq in range(16)]


@ALL
def test_killed_between_the_consumers_nothing_is_lost_or_doubled() -> None:
    tags = {"type": "tags", "add": ["x"]}
    inbox.append(RUN, STREAM, 0, make_batch({"loss": [0.5]}, records=[tags]))
    fold(RUN)
    assert [each.records for each in inbox.pending_records(RUN)] == [(tags,)]

    killed_at("DELETE FROM metrics_batch", f"inbox.acknowledge_records({RUN}, 0, 1)")

    assert inbox.pending_records(RUN) == []
    assert Batch.objects.exists()
    assert fold(RUN).batches == 0
    assert inbox.sweep([RUN]) == 1
    assert values() == [0.5]
