"""A page of runs: filtered, in order, with where the next page begins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import DataError, OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import QueryCanceled

from .. import fields as projection
from ..models import Project, Run
from . import ast
from .ast import Node
from .compile import FieldNumbers, Unknown, compile, unknown_fields
from .errors import QueryError
from .order import Key, Order, Phase, parse_order, read_cursor, write_cursor
from .parse import parse

MOST_RUNS = 1000
TIMEOUT_MS = 5000


@dataclass(frozen=True)
class RunPage:
    """cursor: where the next page begins; None on the last.

    behind: how many runs have newer values than this page was made from; more than 0 only while a project
    takes in more than is projected at once. unknown: fields asked for that no run has.
    """

    runs: list[Run]
    cursor: str | None
    behind: int
    unknown: tuple[Unknown, ...]


def run_list(
    projects: Project | Sequence[Project],
    query: str | Node = "",
    sort: str | Sequence[Key] = "",
    *,
    cursor: str | None = None,
    limit: int = 100,
    among: QuerySet[Run] | None = None,
    defer: Sequence[str] = (),
    at: datetime | None = None,
) -> RunPage:
    """Return runs of the projects, which the caller has fetched through the one door.

    sort: `-metrics.loss, created`; without one the newest come first. Missing values come last either way.
    among: the runs to choose from, by default those that are not deleted. at: what `now` means.
    defer: columns the runs are to be read without.

    Raises QueryError (`query_too_costly` after five seconds), Malformed `bad_cursor`.
    """
    ids = [project.pk for project in ([projects] if isinstance(projects, Project) else projects)]
    node = parse(query) if isinstance(query, str) else query
    keys = parse_order(sort) if isinstance(sort, str) else tuple(sort)
    limit = max(1, min(limit, MOST_RUNS))
    behind = _caught_up(ids, node, keys)
    with costs_bounded():
        compiled = compile(node, ids, at=at)
        numbers = FieldNumbers(ids, [key.field for key in keys])
        runs = _of_projects(among, ids)
        order = Order(keys, numbers)
        found, following = _page(order.phases(runs, compiled), order, cursor, limit, defer)
        unknown = (*compiled.unknown, *unknown_fields([key.field for key in keys], numbers))
    return RunPage(found, following, behind, unknown)


def matching(
    projects: Project | Sequence[Project],
    query: str | Node = "",
    *,
    among: QuerySet[Run] | None = None,
    at: datetime | None = None,
) -> QuerySet[Run]:
    """Return all runs of the query as a queryset, for counting and for acting on many. Raises QueryError."""
    ids = [project.pk for project in ([projects] if isinstance(projects, Project) else projects)]
    node = parse(query) if isinstance(query, str) else query
    return _of_projects(among, ids).filter(compile(node, ids, at=at).over("pk"))


def count(projects: Project | Sequence[Project], query: str | Node = "") -> int:
    """Return how many runs match. Raises QueryError."""
    with costs_bounded():
        return matching(projects, query).count()


def _of_projects(among: QuerySet[Run] | None, ids: Sequence[int]) -> QuerySet[Run]:
    runs = Run.objects.filter(deleted_at__isnull=True) if among is None else among
    return runs.filter(project=ids[0]) if len(ids) == 1 else runs.filter(project__in=ids)


def _caught_up(ids: Sequence[int], node: Node, keys: Sequence[Key]) -> int:
    """Project what runs have logged lately, if the question touches it. Returns how many are still behind."""
    touched = [*ast.fields(node), *(key.field for key in keys)]
    if all(field.scope == "run" for field in touched):
        return 0
    return sum(projection.refresh(project) for project in ids)


def _page(
    phases: list[Phase], order: Order, cursor: str | None, limit: int, defer: Sequence[str]
) -> tuple[list[Run], str | None]:
    after = None
    if cursor:
        phases, after = read_cursor(order, phases, cursor)
    rows: list[tuple[Phase, tuple[Any, ...]]] = []
    for phase in phases:
        rows += ((phase, row) for row in phase.page(after, limit + 1 - len(rows)))
        after = None
        if len(rows) > limit:
            break
    following = write_cursor(order, *rows[limit - 1]) if len(rows) > limit else None
    # The order has been found out from indexes; only now are the runs themselves read.
    keys = [row[-1] for _, row in rows[:limit]]
    whole = Run.objects.defer(*defer).in_bulk(keys)
    return [whole[key] for key in keys if key in whole], following


@contextmanager
def costs_bounded(timeout_ms: int = TIMEOUT_MS) -> Iterator[None]:
    """Give every statement of the block that long, and room for its hashes. Raises QueryError `query_too_costly`."""
    chosen = {
        "statement_timeout": str(timeout_ms),
        "work_mem": "64MB",
        "jit": "off",
        "max_parallel_workers_per_gather": "0",
    }
    nested = connection.in_atomic_block
    try:
        with transaction.atomic():
            before = _set(chosen)
            yield
            if nested:
                _set(before)
    except OperationalError as error:
        if _is_cancelled(error):
            raise QueryError(
                "The query takes longer than five seconds. Fewer conditions or a narrower pattern may do.",
                code="query_too_costly",
            ) from None
        raise
    except DataError as error:
        # A pattern that PostgreSQL finds too complex; everything else has been checked before.
        raise QueryError("The query holds a value that cannot be compared.", code="bad_value") from error


def _set(chosen: dict[str, str]) -> dict[str, str]:
    """Set settings until the transaction ends; return what they were."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name, current_setting(name), set_config(name, value, true)"
            " FROM unnest(%s::text[], %s::text[]) AS chosen (name, value)",
            [list(chosen), list(chosen.values())],
        )
        return {name: was for name, was, _ in cursor.fetchall()}


def _is_cancelled(error: Any) -> bool:
    return isinstance(error.__cause__, QueryCanceled)
