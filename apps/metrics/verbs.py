"""What may be done to a run's history as a whole: cut it, begin it with another's, delete it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from uuid import UUID

import numpy as np

from apps.base.errors import Conflict
from apps.metrics import fact_rows, inbox, names, rewrite, segments, sheaf
from apps.metrics.blocks import take_rows
from apps.metrics.codec import decode_axis
from apps.metrics.fold import fold_many
from apps.metrics.groups import Axis, Columns, Group, Kind
from apps.metrics.locks import Lock, lock, lock_heads
from apps.metrics.names import Registrar
from apps.metrics.reading import PARENT_STREAMS
from apps.metrics.session import Row, Session, writing

# Parents of parents: deeper than any chain of forks that people make.
MAX_DEPTH = 50
_AT_ONCE = 32
_EVERYTHING = -(2**63)


@dataclass(frozen=True, slots=True)
class Truncated:
    """points: how many were archived. next_rows: where each stream that the server numbers goes on."""

    points: int
    next_rows: dict[UUID, int]


def truncate(run: int, after_step: int) -> Truncated:
    """Archive all points with a greater step. Runs that began with them keep their own copy."""
    with writing() as session:
        _lock_run(session, run)
        _fold_all(run)
        # From here on writers wait; what they brought in between is folded as well.
        session.execute(
            "SELECT 1 FROM metrics_stream WHERE run = %(run)s ORDER BY number FOR UPDATE", {"run": run}
        )
        _fold_all(run)
        _give_to_children(session, run, after_step)
        removed = rewrite.remove_after(session, run, after_step)
        session.execute(
            "UPDATE metrics_link SET upto_step = least(upto_step, %(step)s) WHERE run = %(run)s",
            {"run": run, "step": after_step},
        )
        session.execute(
            "UPDATE metrics_head SET generation = generation + 1 WHERE run = %(run)s", {"run": run}
        )
        return Truncated(removed, _reset_rows(session, run))


def link(run: int, parent: int, upto_step: int) -> None:
    """Let a run begin with its parent's points up to a step, as if they were its own.

    Repeating it changes nothing. Raises Conflict if the run has another parent, or would be its own ancestor.
    """
    inbox.open_run(run)
    with writing() as session:
        # As a parent's truncation does: first its fold lock, then the Heads.
        lock(session, Lock.FOLD, parent)
        lock_heads(session, [run, parent])
        found = session.row("SELECT parent, upto_step FROM metrics_link WHERE run = %(run)s", {"run": run})
        if found is not None:
            if found != (parent, upto_step):
                raise Conflict("The run was forked from elsewhere already.", code="already_linked")
            return
        if run in _ancestors(session, parent):
            raise Conflict("A run cannot be its own ancestor.", code="circular_link")
        session.execute(
            "INSERT INTO metrics_link (run, parent, upto_step) VALUES (%(run)s, %(parent)s, %(upto)s)",
            {"run": run, "parent": parent, "upto": upto_step},
        )
        session.execute(
            "UPDATE metrics_head SET generation = generation + 1 WHERE run = %(run)s", {"run": run}
        )


def purge(run: int) -> None:
    """Delete all a run has, for good. Nothing can be appended to it again; runs forked from it keep their copy."""
    inbox.open_run(run)
    with writing() as session:
        _lock_run(session, run)
        # Against new streams, which look at the Head first.
        session.execute("SELECT 1 FROM metrics_head WHERE run = %(run)s FOR UPDATE", {"run": run})
        _fold_all(run)
        _give_to_children(session, run, _EVERYTHING)
        # Waits for writers on their way, and then they find no stream.
        session.execute("DELETE FROM metrics_stream WHERE run = %(run)s", {"run": run})
        for table in _TABLES:
            session.execute(f"DELETE FROM {table} WHERE run = %(run)s", {"run": run})
        session.execute(
            "UPDATE metrics_head SET generation = generation + 1, points = 0, next_metric = 0, names_digest = '',"
            " purged_at = %(now)s WHERE run = %(run)s",
            {"run": run, "now": datetime.now(UTC)},
        )


_TABLES = (
    "metrics_batch",
    "metrics_cursor",
    "metrics_receipt",
    "metrics_lost",
    "metrics_rejection",
    "metrics_metric",
    "metrics_segment",
    "metrics_envelope",
    "metrics_facts",
    "metrics_link",
    "metrics_archive",
)


def _lock_run(session: Session, run: int) -> None:
    """Keep folds and compactions out, before anything else: both take the Head while they hold their lock."""
    lock(session, Lock.FOLD, run)
    lock(session, Lock.COMPACT, run)


def _fold_all(run: int) -> None:
    while fold_many([run], wait=True).batches:
        pass


def _ancestors(session: Session, run: int) -> list[int]:
    """Return a run and those it begins with. Raises Conflict above MAX_DEPTH."""
    found = [run]
    while len(found) <= MAX_DEPTH:
        row = session.row("SELECT parent FROM metrics_link WHERE run = %(run)s", {"run": found[-1]})
        if row is None:
            return found
        found.append(row[0])
    raise Conflict(f"A chain of forks has at most {MAX_DEPTH} runs.", code="too_many_forks")


# Rows of streams that the server numbers


def _reset_rows(session: Session, run: int) -> dict[UUID, int]:
    """Let server-numbered streams go on after their last row that is left; return where."""
    numbered: dict[int, UUID] = dict(
        session.rows(
            "SELECT number, key FROM metrics_stream WHERE run = %(run)s AND is_numbered_here", {"run": run}
        )
    )
    if not numbered:
        return {}
    next_rows = dict.fromkeys(numbered, 0)
    for axis in _axes(session, run):
        for number in next_rows:
            here = axis.row[axis.stream == number]
            if len(here):
                next_rows[number] = max(next_rows[number], int(here.max()) + 1)
    values = {"run": run, "numbers": list(next_rows), "rows": list(next_rows.values())}
    for table, key in (("metrics_stream", "number"), ("metrics_cursor", "stream")):
        session.execute(
            f"UPDATE {table} t SET next_row = new.row FROM unnest(%(numbers)s::int[], %(rows)s::bigint[])"
            f" AS new (number, row) WHERE t.run = %(run)s AND t.{key} = new.number",
            values,
        )
    return {numbered[number]: row for number, row in next_rows.items()}


def _axes(session: Session, run: int) -> Iterator[Axis]:
    for rows in _in_parts(
        session,
        run,
        "s.is_columnar, s.rows, CASE WHEN s.is_columnar THEN s.axis ELSE s.data END",
        "true",
    ):
        for is_columnar, count, stored in rows:
            if is_columnar:
                yield decode_axis(stored, count)
            else:
                yield from (group.axis for group in sheaf.decode(stored, 0))


def _in_parts(session: Session, run: int, columns: str, where: str, **values: object) -> Iterator[list[Row]]:
    """Yield the run's segments, a few at a time."""
    found = session.rows(
        f"SELECT s.block, s.id FROM metrics_segment s WHERE s.run = %(run)s AND {where}",
        {"run": run, **values},
    )
    for start in range(0, len(found), _AT_ONCE):
        part = found[start : start + _AT_ONCE]
        yield session.rows(
            f"SELECT {columns} FROM unnest(%(blocks)s::int[], %(ids)s::bigint[]) AS w (block, id)"
            " JOIN metrics_segment s ON s.run = %(run)s AND s.block = w.block AND s.id = w.id",
            {"run": run, "blocks": [each[0] for each in part], "ids": [each[1] for each in part]},
        )


# Forks of a run that is about to lose points


def _give_to_children(session: Session, run: int, after_step: int) -> None:
    """Copy the points with a greater step to the runs that begin with them, up to their own cut."""
    own = session.row("SELECT parent, upto_step FROM metrics_link WHERE run = %(run)s", {"run": run})
    children = session.rows(
        "SELECT run, upto_step FROM metrics_link WHERE parent = %(run)s AND upto_step > %(after)s ORDER BY run",
        {"run": run, "after": after_step},
    )
    for child, upto in children:
        lock(session, Lock.FOLD, child)
        _copy(session, run, child, after_step, upto)
        if after_step != _EVERYTHING:
            change = "UPDATE metrics_link SET upto_step = %(after)s WHERE run = %(child)s"
        elif own is not None:
            change = "UPDATE metrics_link SET parent = %(parent)s, upto_step = %(upto)s WHERE run = %(child)s"
        else:
            change = "DELETE FROM metrics_link WHERE run = %(child)s"
        parent, own_upto = own or (None, upto)
        session.execute(
            change, {"child": child, "after": after_step, "parent": parent, "upto": min(upto, own_upto)}
        )


def _copy(session: Session, run: int, child: int, after_step: int, upto_step: int) -> None:
    head = session.row("SELECT names_digest FROM metrics_head WHERE run = %(run)s", {"run": child})
    assert head is not None
    metrics = session.rows("SELECT number, name, kind FROM metrics_metric WHERE run = %(run)s", {"run": run})
    known = {number: (name, kind) for number, name, kind in metrics}
    registrar = Registrar(names.load(session, {child: head[0]})[child])
    for rows in _in_parts(
        session,
        run,
        segments.WHOLE,
        "s.step_max > %(after)s AND s.step_min <= %(upto)s",
        after=after_step,
        upto=upto_step,
    ):
        groups = [group for row in rows for group in segments.groups(row)]
        inside = [(group.axis.step > after_step) & (group.axis.step <= upto_step) for group in groups]
        groups = [_renumbered(group, known, registrar) for group in take_rows(groups, inside)]
        drafts = segments.draft(groups)
        head = session.row(
            "UPDATE metrics_head SET generation = generation + 1, next_segment = next_segment + %(count)s,"
            " next_metric = %(metric)s, names_digest = %(digest)s, points = points + %(points)s"
            " WHERE run = %(run)s RETURNING next_segment",
            {
                "run": child,
                "count": len(drafts),
                "metric": registrar.table.next_number,
                "digest": registrar.table.digest,
                "points": sum(draft.points for draft in drafts),
            },
        )
        assert head is not None
        first = head[0] - len(drafts)
        segments.store(session, [(child, first + place, 1, first, each) for place, each in enumerate(drafts)])
        if groups:
            fact_rows.add(session, {child: groups})
    names.store(session, {child: registrar})


def _renumbered(group: Group, known: dict[int, tuple[str, Kind]], registrar: Registrar) -> Group:
    """Return a parent's group with the child's metric numbers and streams of its own."""
    axis = replace(group.axis, stream=group.axis.stream + np.int32(PARENT_STREAMS))
    columns = []
    for part in group.columns:
        keys = [known[number] for number in part.ids.tolist()]
        ids = registrar.ids([name for name, _ in keys], [kind for _, kind in keys])
        order = np.argsort(ids)
        # A fork of a run with 100,000 keys has room for no others.
        order = order[ids[order] >= 0]
        columns.append(Columns(part.kind, ids[order], part.values[order]))
    return Group(axis, tuple(columns))
