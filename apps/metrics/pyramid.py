"""The pyramid: buckets of buckets above sealed segments, so that a wide chart reads few rows."""

from __future__ import annotations

from collections.abc import Sequence

from apps.metrics.session import Session


def drop_above(session: Session, run: int, segment_ids: Sequence[int]) -> None:
    """Delete all that is built on these segments; what else it was built on stands free again."""
    values = {"run": run, "ids": list(segment_ids)}
    gone = [
        number
        for (number,) in session.rows(
            "WITH RECURSIVE above (id) AS ("
            " SELECT parent FROM metrics_segment WHERE run = %(run)s AND id = ANY(%(ids)s) AND parent IS NOT NULL"
            " UNION SELECT e.parent FROM above JOIN metrics_envelope e ON e.run = %(run)s AND e.id = above.id"
            " WHERE e.parent IS NOT NULL"
            ") DELETE FROM metrics_envelope e USING above WHERE e.run = %(run)s AND e.id = above.id RETURNING e.id",
            values,
        )
    ]
    if gone:
        for table in ("metrics_segment", "metrics_envelope"):
            session.execute(
                f"UPDATE {table} SET parent = NULL, parent_widest_step = NULL, parent_widest_time = NULL,"
                " parent_step_max = NULL WHERE run = %(run)s AND parent = ANY(%(gone)s)",
                {"run": run, "gone": gone},
            )
