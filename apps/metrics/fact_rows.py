"""The stored facts of runs: read, added to by a fold, made anew after a truncation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from apps.metrics import facts
from apps.metrics.blocks import METRICS_PER_BLOCK
from apps.metrics.facts import FACT, Facts
from apps.metrics.groups import Group, Ids
from apps.metrics.session import Session


def add(session: Session, groups: Mapping[int, Sequence[Group]]) -> None:
    """Merge the facts of new points, run → groups, into what is stored."""
    fresh: dict[tuple[int, int], tuple[Ids, Facts]] = {}
    for run, of_run in groups.items():
        ids, made = facts.from_groups(of_run)
        for block, start, stop in _blocks(ids):
            fresh[run, block] = ids[start:stop] - block * METRICS_PER_BLOCK, made[start:stop]
    stored = load(session, list(fresh))
    grown = {place: _grown(stored.get(place), int(ids[-1]) + 1) for place, (ids, _) in fresh.items()}
    # All runs and blocks at once: a merge of few metrics costs as much as one of many.
    merged = facts.merge(
        facts.concat([grown[place][ids] for place, (ids, _) in fresh.items()]),
        facts.concat([made for _, made in fresh.values()]),
    )
    at = 0
    for place, (ids, _) in fresh.items():
        grown[place][ids] = merged[at : at + len(ids)]
        at += len(ids)
    store(session, grown)


def replace(session: Session, run: int, block: int, ids: Ids, made: Facts) -> None:
    """Make these the facts of a block; ids: all metrics of the block that have points, ascending."""
    inside = ids - block * METRICS_PER_BLOCK
    size = int(inside[-1]) + 1 if len(inside) else 0
    store(session, {(run, block): facts.at_numbers(inside, made, size)})


def load(session: Session, places: Sequence[tuple[int, int]]) -> dict[tuple[int, int], Facts]:
    """Return the facts of (run, block) pairs as FACT[n], indexed by metric number less 256 × block."""
    if not places:
        return {}
    rows = session.rows(
        "SELECT f.run, f.block, f.facts FROM unnest(%(runs)s::bigint[], %(blocks)s::int[]) AS w (run, block)"
        " JOIN metrics_facts f ON f.run = w.run AND f.block = w.block",
        {"runs": [run for run, _ in places], "blocks": [block for _, block in places]},
    )
    return {(run, block): facts.decode(stored) for run, block, stored in rows}


def store(session: Session, rows: Mapping[tuple[int, int], Facts]) -> None:
    """Write the facts of (run, block) pairs."""
    session.execute(
        "INSERT INTO metrics_facts (run, block, facts)"
        " SELECT * FROM unnest(%(runs)s::bigint[], %(blocks)s::int[], %(facts)s::bytea[])"
        " ON CONFLICT (run, block) DO UPDATE SET facts = excluded.facts",
        {
            "runs": [run for run, _ in rows],
            "blocks": [block for _, block in rows],
            "facts": [facts.encode(each) for each in rows.values()],
        },
    )


def _blocks(ids: Ids) -> list[tuple[int, int, int]]:
    """Return (block, start, stop) for each block among ascending ids."""
    if not len(ids):
        return []
    found = ids // METRICS_PER_BLOCK
    if found[0] == found[-1]:
        return [(int(found[0]), 0, len(ids))]
    starts = np.flatnonzero(np.append(True, found[1:] != found[:-1])).tolist()
    return [
        (int(found[start]), start, stop) for start, stop in zip(starts, [*starts[1:], len(ids)], strict=True)
    ]


def _grown(stored: Facts | None, size: int) -> Facts:
    made: Facts = np.zeros(max(size, 0 if stored is None else len(stored)), FACT)
    if stored is not None:
        made[: len(stored)] = stored
    return made
