"""Projects what a run is known by into RunField, so that any of it can be filtered and sorted by.

What goes in: the config and labels (nested keys joined by dots), the environment, the values of metrics as
the project's definitions say, and the summary that the user has set, which beats the computed one. See
docs/design/run-fields.md.

A run is due while it runs, was heard of lately, or its row is newer than what was projected. Whether a due
run has news is told by two numbers, its row's version and the engine's: comparing those of a thousand runs
is two queries. Projecting a set of runs is a fixed number of statements; only rows that differ are written.
"""

from __future__ import annotations

import hashlib
import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Q
from django.utils.timezone import now

from apps.metrics import latest
from apps.metrics.groups import Values
from apps.metrics.latest import MetricFacts
from apps.metrics.tail import tail

from . import database_trouble
from .definitions import Dictionary
from .entries import PATH_BYTES, Entry, add, leaves, to_float
from .models import MetricDefinition, Run

# What a run may have in RunField; the rest of it is shown, but not searched.
MOST_VALUES = 2000
MOST_METRICS = 5000

# How long a query waits for news to be projected, and a background pass works.
INLINE_BUDGET_S = 0.25
PASS_BUDGET_S = 0.8
# How many due runs one question looks at, and how many are projected with one set of statements.
MOST_DUE = 5000
_TOGETHER = 50
# A sign of life may be noted this much late (heartbeat.py), so a run stays due that long after its last.
_LINGER = timedelta(seconds=30)

# A run that cannot be projected is left alone for a second, then two, four, … at most so long.
_LONGEST_REST_S = 600

logger = logging.getLogger(__name__)

# Lists of packages are long and nobody filters by them.
_LEFT_OUT = {"metadata": frozenset({"packages"})}


def project(run: int) -> None:
    """Bring one run's fields up to date."""
    _project([run])


def refresh(project: int, budget_s: float = INLINE_BUDGET_S) -> int:
    """Bring the fields of a project's runs up to date, for as long as the budget lasts; return how many are
    behind.
    """
    return _work_off(Q(project=project), budget_s)


def project_everywhere(budget_s: float = PASS_BUDGET_S) -> int:
    """The same for all projects. Those whose fields are oldest go first."""
    return _work_off(Q(), budget_s)


def _work_off(which: Q, budget_s: float) -> int:
    until = time.monotonic() + budget_s
    rested = Q(fields_failures=0) | Q(fields_at__isnull=True) | Q(fields_at__lte=now())
    which &= rested & Q(fields_due=True)
    due = list(
        Run.objects.filter(which)
        .order_by(F("fields_at").asc(nulls_first=True))
        .values_list("pk", "version", "fields_version", "fields_points_version")[: MOST_DUE + 1]
    )
    if not due:
        return 0
    seen, beyond = due[:MOST_DUE], len(due) > MOST_DUE
    versions = latest.versions([pk for pk, *_ in seen])
    stale: list[int] = []
    settled: list[int] = []
    for pk, version, fields_version, points_version in seen:
        current = version == fields_version and points_version == _brief(versions[pk])
        (settled if current else stale).append(pk)
    _settle(settled)
    done = 0
    while done < len(stale) and (not done or time.monotonic() < until):
        _project_apart(stale[done : done + _TOGETHER])
        done += _TOGETHER
    behind = max(0, len(stale) - done)
    if beyond:
        behind += Run.objects.filter(which).count() - MOST_DUE
    return max(0, behind)


def _settle(runs: Sequence[int]) -> None:
    """Let go of runs that are projected and from which nothing more is to be expected."""
    quiet = ~Q(state=Run.State.RUNNING) & Q(last_seen_at__lt=now() - _LINGER)
    if runs:
        Run.objects.filter(quiet, pk__in=runs, version=F("fields_version")).update(fields_due=False)


def _project_apart(runs: Sequence[int]) -> None:
    """Project runs together; those that cannot be are found by halves, noted, and stop no other.

    Raises what a lost database raises.
    """
    try:
        _project(runs)
        return
    except Exception as error:
        if database_trouble.is_lost(error):
            raise
        if len(runs) == 1:
            _rest(runs[0], error)
            return
    half = len(runs) // 2
    _project_apart(runs[:half])
    _project_apart(runs[half:])


def _rest(run: int, error: Exception) -> None:
    """Leave a run alone for a while, twice as long each time. It keeps the fields it has."""
    failures = Run.objects.filter(pk=run).values_list("fields_failures", flat=True).first() or 0
    rest = timedelta(seconds=min(_LONGEST_REST_S, 2 ** min(failures, 16)))
    Run.objects.filter(pk=run).update(
        fields_failures=min(failures + 1, 1000), fields_at=now() + rest, fields_due=True
    )
    if not failures:
        logger.error("The fields of run %s could not be projected", run, exc_info=error)


def _brief(version: str) -> str:
    """Return the version in at most 64 characters: that of a fork of forks is as long as its line."""
    if len(version) <= 64:
        return version
    return hashlib.blake2b(version.encode(), digest_size=32).hexdigest()


def _project(runs: Sequence[int]) -> None:
    """Write the fields of some runs. Later values are never overwritten for good by earlier ones: the
    versions they were made from are stored with them, so whoever looks next sees that there is news."""
    rows = {run.pk: run for run in Run.objects.filter(pk__in=runs)}
    if not rows:
        return
    # Asked before the values: what is stored may be newer than what it claims, never older.
    versions = latest.versions(list(rows))
    facts = latest.latest(list(rows))
    dictionaries = {project: Dictionary.of(project) for project in {run.project_id for run in rows.values()}}
    means = last_means(facts, {pk: dictionaries[run.project_id] for pk, run in rows.items()})
    entries = {
        pk: _entries(run, facts.get(pk, {}), dictionaries[run.project_id], means.get(pk, {}))
        for pk, run in rows.items()
    }
    with transaction.atomic():
        numbers = {
            project: _field_numbers(
                project,
                [entry for pk, of in entries.items() if rows[pk].project_id == project for entry in of],
            )
            for project in sorted(dictionaries)
        }
        _write(
            [
                (pk, numbers[rows[pk].project_id][entry.path], entry)
                for pk in sorted(entries)
                for entry in entries[pk]
            ],
            sorted(rows),
        )
        _note(rows, versions, {pk: last_step(facts.get(pk, {}).values()) for pk in rows})


def last_step(metrics: Iterable[MetricFacts]) -> int | None:
    """Return the greatest step of a run. What the machine measures about itself is counted by its own clock."""
    steps = [each.last_step for each in metrics if not each.name.startswith("system/")]
    return max(steps, default=None)


# What a run is known by


def _entries(
    run: Run, facts: Mapping[str, MetricFacts], dictionary: Dictionary, means: Mapping[str, float]
) -> list[Entry]:
    """Return the fields of a run, each path once. means: of the last values of metrics that are known by it."""
    environment: dict[str, Any] = {}
    for stream in sorted(run.metadata, reverse=True):
        if isinstance(run.metadata[stream], dict):
            environment |= run.metadata[stream]
    given: dict[str, Entry] = {}
    for scope, tree in (("config", run.config), ("labels", run.labels), ("metadata", environment)):
        for path, value in leaves(scope, tree, leave_out=_LEFT_OUT.get(scope, frozenset())):
            if len(given) < MOST_VALUES:
                add(given, path, value)
    computed: dict[str, Entry] = {}
    for name in list(facts)[:MOST_METRICS]:
        for path, number in _metric(name, facts[name], dictionary.of_metric(name), means.get(name, math.nan)):
            if number is not None and len(path.encode()) <= PATH_BYTES:
                computed[path] = Entry(path, to_float(number), None)
    of_user: dict[str, Entry] = {}
    for path, value in leaves("metrics", run.summary):
        if len(of_user) < MOST_VALUES:
            add(of_user, path, value)
    return list((given | computed | of_user).values())


def _metric(
    name: str, facts: MetricFacts, definition: MetricDefinition | None, mean_of_last: float
) -> Iterator[tuple[str, float | None]]:
    """Yield the paths that stand for a metric with their numbers: the plain name first."""
    kinds = definition.summary if definition else []
    if "none" in kinds:
        return
    path = f"metrics.{name}"
    yield path, statistic(kinds[0] if kinds else "last", facts, definition, mean_of_last)
    for kind in kinds:
        yield f"{kind}({path})", statistic(kind, facts, definition, mean_of_last)


def statistic(
    kind: str, facts: MetricFacts, definition: MetricDefinition | None, mean_of_last: float
) -> float | None:
    """Return what stands for a metric. kind: of MetricDefinition.Summary; mean_of_last: see last_means()."""
    if kind == "best":
        kind = definition.direction if definition and definition.direction else "last"
    if kind == "mean":
        if definition and definition.last_k:
            return mean_of_last
        return facts.mean if facts.count > facts.nan + facts.pinf + facts.ninf else math.nan
    value: float | None = getattr(facts, kind)
    return value


def last_means(
    facts: Mapping[int, Mapping[str, MetricFacts]], dictionaries: Mapping[int, Dictionary]
) -> dict[int, dict[str, float]]:
    """Return run → name → the mean of the finite ones among the last k values, of metrics defined so."""
    wanted: dict[int, dict[str, int]] = {}
    for run, of_run in facts.items():
        for name in list(of_run)[:MOST_METRICS]:
            definition = dictionaries[run].of_metric(name)
            if definition and definition.last_k and "mean" in definition.summary:
                wanted.setdefault(run, {})[name] = definition.last_k
    return {
        run: {name: _finite_mean(values) for name, values in of_run.items()}
        for run, of_run in tail(wanted).items()
    }


def _finite_mean(values: Values) -> float:
    finite = [value for value in values.tolist() if math.isfinite(value)]
    return math.fsum(finite) / len(finite) if finite else math.nan


# Writing


def _field_numbers(project: int, entries: Sequence[Entry]) -> dict[str, int]:
    """Return path → number in the project's dictionary, which takes up what is new."""
    kinds: dict[str, tuple[bool, bool]] = {}
    for entry in entries:
        number, text = kinds.get(entry.path, (False, False))
        is_number = entry.number is not None
        kinds[entry.path] = (number or is_number, text or not is_number)
    paths = sorted(kinds)
    with connection.cursor() as cursor:
        cursor.execute(_KNOWN, {"project": project, "paths": paths})
        known = {path: (pk, number, text) for pk, path, number, text in cursor.fetchall()}
        news = [
            path
            for path in paths
            if path not in known
            or (kinds[path][0] and not known[path][1])
            or (kinds[path][1] and not known[path][2])
        ]
        if news:
            cursor.execute(
                _LEARN,
                {
                    "project": project,
                    "paths": news,
                    "numbers": [kinds[path][0] for path in news],
                    "texts": [kinds[path][1] for path in news],
                },
            )
            known |= {path: (pk, True, True) for pk, path in cursor.fetchall()}
    return {path: pk for path, (pk, _, _) in known.items()}


_KNOWN = """
SELECT id, path, has_number, has_text FROM tracking_projectfield
WHERE project_id = %(project)s AND path = ANY(%(paths)s)
"""

_LEARN = """
INSERT INTO tracking_projectfield AS held (project_id, path, has_number, has_text)
SELECT %(project)s, path, number, text
FROM unnest(%(paths)s::text[], %(numbers)s::bool[], %(texts)s::bool[]) AS new (path, number, text)
ON CONFLICT (project_id, path) DO UPDATE
SET has_number = held.has_number OR excluded.has_number, has_text = held.has_text OR excluded.has_text
RETURNING id, path
"""


def _write(rows: Sequence[tuple[int, int, Entry]], runs: Sequence[int]) -> None:
    """Make these the fields of these runs: rows that are equal stay untouched, others go."""
    with connection.cursor() as cursor:
        cursor.execute(
            _UPSERT,
            {
                "every_run": list(runs),
                "runs": [run for run, _, _ in rows],
                "fields": [number for _, number, _ in rows],
                "numbers": [entry.number for _, _, entry in rows],
                "texts": [entry.head for _, _, entry in rows],
                "long_texts": [entry.long_text for _, _, entry in rows],
            },
        )


# In the order of the key, so that two projections of one run meet at its first row and not crosswise.
_UPSERT = """
WITH new AS MATERIALIZED (
    SELECT * FROM unnest(%(runs)s::bigint[], %(fields)s::bigint[], %(numbers)s::float8[], %(texts)s::text[],
        %(long_texts)s::text[]) AS new (run_id, field_id, number, text, long_text)
), gone AS (
    DELETE FROM tracking_runfield held
    WHERE held.run_id = ANY(%(every_run)s)
      AND NOT EXISTS (SELECT FROM new WHERE new.run_id = held.run_id AND new.field_id = held.field_id)
)
INSERT INTO tracking_runfield AS held (run_id, field_id, number, text, long_text)
SELECT run_id, field_id, number, text, long_text FROM new ORDER BY run_id, field_id
ON CONFLICT (run_id, field_id) DO UPDATE
SET number = excluded.number, text = excluded.text, long_text = excluded.long_text
WHERE (held.number, held.text, held.long_text)
    IS DISTINCT FROM (excluded.number, excluded.text, excluded.long_text)
"""


def _note(rows: Mapping[int, Run], versions: Mapping[int, str], steps: Mapping[int, int | None]) -> None:
    """Store which versions the fields were made from, and how far the runs were then."""
    with connection.cursor() as cursor:
        cursor.execute(
            _NOTE,
            {
                "runs": sorted(rows),
                "versions": [rows[pk].version for pk in sorted(rows)],
                "points": [_brief(versions[pk]) for pk in sorted(rows)],
                "steps": [steps[pk] for pk in sorted(rows)],
                "now": now(),
                "quiet_since": now() - _LINGER,
            },
        )


_NOTE = """
UPDATE tracking_run SET
    fields_version = made.version,
    fields_points_version = made.points,
    last_step = made.step,
    fields_at = %(now)s,
    fields_failures = 0,
    fields_due = tracking_run.version <> made.version OR state = 'running' OR last_seen_at >= %(quiet_since)s
FROM unnest(%(runs)s::bigint[], %(versions)s::bigint[], %(points)s::text[], %(steps)s::bigint[])
    AS made (run, version, points, step)
WHERE tracking_run.id = made.run
"""
