"""Who may change the segments of a run: one fold and one compaction at a time, each under a lock of its own.

Advisory locks of the transaction: a worker that dies leaves none behind.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntEnum

from apps.metrics.session import Session


class Lock(IntEnum):
    """Taken in this order where both are needed, and before the Head of their run."""

    FOLD = 1
    COMPACT = 2


def try_lock(session: Session, which: Lock, runs: Sequence[int]) -> list[int]:
    """Take the lock of each run that is free; return these runs, ascending."""
    rows = session.rows(
        "SELECT run FROM unnest(%(runs)s::bigint[]) AS wanted (run)"
        " WHERE pg_try_advisory_xact_lock(%(base)s::bigint + run)",
        {"runs": sorted(set(runs)), "base": _base(which)},
    )
    return sorted(run for (run,) in rows)


def lock(session: Session, which: Lock, run: int) -> None:
    """Take a run's lock, waiting for whoever has it."""
    session.rows("SELECT pg_advisory_xact_lock(%(key)s)", {"key": _base(which) + run})


def _base(which: Lock) -> int:
    return which << 56


def lock_heads(session: Session, runs: Sequence[int]) -> None:
    """Take the Heads of runs, always in the same order: two workers never wait for each other in a circle."""
    session.execute(
        "SELECT 1 FROM metrics_head WHERE run = ANY(%(runs)s) ORDER BY run FOR NO KEY UPDATE",
        {"runs": list(runs)},
    )
