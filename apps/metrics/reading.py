"""What every read begins with: one snapshot, the columns asked for, and what waits in the inbox for them.

A run that is linked to a parent reads the parent's points up to a step as its own: each run has one or more
*sources*. Within a reading a column is known by its place among the run's columns, wherever its points are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import numpy as np

from apps.metrics import blocks, pending
from apps.metrics.fold import fold, fold_many
from apps.metrics.groups import Group, Kind
from apps.metrics.session import Session
from apps.metrics.snapshot import snapshot

_NO_CAP = 2**63 - 1
# The streams of a parent are numbered from here on, those of its parent from twice as far.
PARENT_STREAMS = 1 << 20
# What a read takes from the inbox; of more, the runs that have most there are folded first.
_MOST_POINTS = 2_000_000
_MOST_BYTES = 64 * 1024 * 1024
# How long it waits for somebody who is folding them.
_MOMENT_S = 0.5


@dataclass(frozen=True, slots=True)
class Source:
    """Where a run has points from: itself (depth 0), its parent up to a step (depth 1), and so on."""

    run: int
    source: int
    upto_step: int
    depth: int


@dataclass(frozen=True, slots=True)
class Stored:
    """A column of a run as one of its sources has it: its number there, its place among the run's columns."""

    source: Source
    number: int
    place: int


@dataclass(slots=True)
class Columns:
    """The columns of one run: place → (name, kind)."""

    keys: list[tuple[str, Kind]] = field(default_factory=list)
    places: dict[tuple[str, Kind], int] = field(default_factory=dict)

    def place(self, name: str, kind: Kind) -> int:
        key = (name, kind)
        place = self.places.get(key)
        if place is None:
            place = self.places[key] = len(self.keys)
            self.keys.append(key)
        return place

    def by_name(self) -> dict[str, list[int]]:
        """Return name → its columns, one per kind it has had, in order of their first appearance."""
        found: dict[str, list[int]] = {}
        for place, (name, _) in enumerate(self.keys):
            found.setdefault(name, []).append(place)
        return found


@dataclass(frozen=True, slots=True)
class Reading:
    """One state of the engine, seen through what was asked for.

    columns: run → its columns. stored: where they are in segments. waiting: run → points of the inbox, as groups
    whose ids are places. versions: of each run.
    """

    session: Session
    versions: dict[int, str]
    columns: dict[int, Columns]
    stored: list[Stored]
    waiting: dict[int, list[Group]]


# Picks among all names the runs have, in order of first appearance.
Choice = Callable[[list[str]], Collection[str]]


@contextmanager
def reading(
    runs: Sequence[int], names: Collection[str] | Choice | None = None, *, inbox: bool = True
) -> Iterator[Reading]:
    """Open a reading of some metrics (None: all) of some runs.

    Batches of which only a fold can tell what counts (unique points, rows at a place) are folded first, and so
    are those that would take much memory, unless somebody else is at it for longer than a moment.
    """
    tried: set[int] = set()
    while True:
        with snapshot() as session:
            sources, versions = _sources(session, runs)
            waiting = pending.waiting(session, list({each.source for each in sources})) if inbox else []
            unsettled = {batch.run for batch in waiting if batch.needs_fold} - tried
            crowded = _crowded(waiting) - unsettled - tried
            if not unsettled and not crowded:
                # What came while we folded is newer than the question.
                settled = [batch for batch in waiting if not batch.needs_fold]
                yield _read(session, runs, names, sources, versions, settled)
                return
        for run in sorted(unsettled):
            fold(run, wait=True)
        for run in sorted(crowded):
            _relieve(run)
        tried |= unsettled | crowded


def _crowded(waiting: Sequence[pending.Waiting]) -> set[int]:
    """Return the runs, those with most first, without which the inbox is no more than a read should hold."""
    loads: dict[int, tuple[int, int]] = {}
    for batch in waiting:
        points, size_bytes = loads.get(batch.run, (0, 0))
        loads[batch.run] = points + batch.points, size_bytes + batch.size_bytes
    all_points = sum(points for points, _ in loads.values())
    all_bytes = sum(size_bytes for _, size_bytes in loads.values())
    crowded = set()
    for run, (points, size_bytes) in sorted(loads.items(), key=lambda each: each[1], reverse=True):
        if all_points <= _MOST_POINTS and all_bytes <= _MOST_BYTES:
            break
        crowded.add(run)
        all_points -= points
        all_bytes -= size_bytes
    return crowded


def _relieve(run: int) -> None:
    """Fold slice after slice, as long as a slice is full."""
    deadline = time.monotonic() + _MOMENT_S
    while True:
        done = fold_many([run])
        if not done.behind or (not done.batches and time.monotonic() > deadline):
            return
        if not done.batches:
            time.sleep(0.02)


def _sources(session: Session, runs: Sequence[int]) -> tuple[list[Source], dict[int, str]]:
    """Return the sources of all runs, and their versions."""
    rows = session.rows(_SOURCES, {"runs": list(dict.fromkeys(runs)), "no_cap": _NO_CAP})
    versions: dict[int, str] = {}
    for run, *_, total, generation in rows:
        version = f"{total}-{generation}"
        versions[run] = f"{versions[run]}.{version}" if run in versions else version
    return [Source(*row[:4]) for row in rows], versions


# A circle of links cannot be made (verbs.link refuses it), and would end at its first repeated row.
_SOURCES = """
WITH RECURSIVE source (run, source, upto_step, depth) AS (
    SELECT run, run, %(no_cap)s::bigint, 0 FROM unnest(%(runs)s::bigint[]) AS wanted (run)
    UNION
    SELECT source.run, link.parent, least(source.upto_step, link.upto_step), depth + 1
    FROM source JOIN metrics_link link ON link.run = source.source WHERE depth < 100
)
SELECT run, source, upto_step, depth,
       coalesce((SELECT sum(next_seq) FROM metrics_stream s WHERE s.run = source.source), 0)::bigint,
       coalesce((SELECT generation FROM metrics_head h WHERE h.run = source.source), 0)
FROM source ORDER BY run, depth
"""


def _read(
    session: Session,
    runs: Sequence[int],
    names: Collection[str] | Choice | None,
    sources: Sequence[Source],
    versions: dict[int, str],
    waiting: Sequence[pending.Waiting],
) -> Reading:
    if callable(names):
        names = names(_all_names(session, sources, waiting))
    columns = {run: Columns() for run in runs}
    stored = [
        Stored(source, number, columns[source.run].place(name, kind))
        for source, number, name, kind in _metrics(session, names, sources)
    ]
    readers: dict[int, list[Source]] = {}
    for source in sources:
        readers.setdefault(source.source, []).append(source)
    groups: dict[int, list[Group]] = {run: [] for run in runs}
    wanted = None if names is None else frozenset(names)
    for batch, content in pending.load(session, waiting, wanted):
        inside = [wanted is None or name in wanted for name in content.names]
        if not any(inside):
            continue
        for source in readers[batch.run]:
            own = columns[source.run]
            places = np.array(
                [
                    own.place(name, kind) if here else -1
                    for name, kind, here in zip(content.names, content.kinds, inside, strict=True)
                ],
                np.int32,
            )
            groups[source.run] += as_own(pending.groups(batch, content, places), source)
    return Reading(session, versions, columns, stored, groups)


def _all_names(session: Session, sources: Sequence[Source], waiting: Sequence[pending.Waiting]) -> list[str]:
    row = session.row(
        "SELECT array_agg(m.name ORDER BY w.place, m.number)"
        " FROM unnest(%(runs)s::bigint[]) WITH ORDINALITY AS w (run, place) JOIN metrics_metric m ON m.run = w.run",
        {"runs": [each.source for each in sources]},
    )
    names: dict[str, None] = dict.fromkeys((row and row[0]) or ())
    for _, content in pending.load(session, waiting):
        names.update(dict.fromkeys(content.names))
    return list(names)


def as_own(groups: Iterable[Group], source: Source) -> list[Group]:
    """Return what a run sees of a source's groups: up to its step, its streams apart from the run's own."""
    if not source.depth:
        return list(groups)
    shifted = [
        Group(
            replace(each.axis, stream=each.axis.stream + np.int32(source.depth * PARENT_STREAMS)),
            each.columns,
        )
        for each in groups
    ]
    return blocks.take_rows(shifted, [each.axis.step <= source.upto_step for each in shifted])


def _metrics(
    session: Session, names: Collection[str] | None, sources: Sequence[Source]
) -> list[tuple[Source, int, str, Kind]]:
    named = "" if names is None else "AND m.name = ANY(%(names)s)"
    rows = session.rows(
        "SELECT w.place, m.number, m.name, m.kind FROM unnest(%(runs)s::bigint[]) WITH ORDINALITY AS w (run, place)"
        f" JOIN metrics_metric m ON m.run = w.run {named} ORDER BY w.place, m.number",
        {"runs": [each.source for each in sources], "names": None if names is None else list(names)},
    )
    return [(sources[place - 1], number, name, kind) for place, number, name, kind in rows]
