"""Why a run ended as it did, from what it left: its exit, the end of its log, the first value that was no number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from apps.metrics.latest import MetricFacts
from apps.metrics.nonfinite import NonFinite, first_nonfinite

from . import console
from .console import Record
from .models import Run

_TRACEBACK = "Traceback (most recent call last)"
# What is looked at of a log's end, and shown of it.
_LINES_READ = 400
_LINES_SHOWN = 24
# Metrics whose first bad step is looked up; of more, only how many is told.
_MOST_METRICS = 12


@dataclass(frozen=True, slots=True)
class PostMortem:
    """bad: the first non-finite value of some metrics, the earliest first; more_bad: of how many more there is one.

    lines: the traceback at the end of the log, or the last that went to stderr; error: its last line.
    """

    bad: tuple[NonFinite, ...]
    more_bad: int
    lines: tuple[Record, ...]
    error: str


def of_run(run: Run, metrics: Iterable[MetricFacts]) -> PostMortem | None:
    """Return what there is to tell; None if nothing went wrong."""
    bad = [each.name for each in metrics if each.nan or each.pinf or each.ninf]
    went_wrong = run.state in (Run.State.FAILED, Run.State.CRASHED)
    if not bad and not went_wrong:
        return None
    lines = last_words(console.lines(run.pk, tail=True, limit=_LINES_READ).records) if went_wrong else ()
    return PostMortem(
        bad=tuple(first_nonfinite(run.pk, bad[:_MOST_METRICS])),
        more_bad=max(0, len(bad) - _MOST_METRICS),
        lines=tuple(lines),
        error=lines[-1].text.strip() if lines and _TRACEBACK in lines[0].text else "",
    )


def last_words(records: Sequence[Record]) -> Sequence[Record]:
    """Return the last traceback among the last lines of a log, else what went to stderr at the very end."""
    starts = [place for place, record in enumerate(records) if _TRACEBACK in record.text]
    if starts:
        found = _until_the_error(records[starts[-1] :])
        return found if len(found) <= _LINES_SHOWN else [found[0], *found[1 - _LINES_SHOWN :]]
    errors = [record for record in records if record.kind == "stderr"]
    return errors[-8:]


def _until_the_error(records: Sequence[Record]) -> Sequence[Record]:
    """Return a traceback up to the line that names the error: the first that is not indented."""
    output = records[0].kind
    own = [record for record in records if record.kind == output]
    for place, record in enumerate(own[1:], 1):
        if record.text.strip() and not record.text.startswith((" ", "\t")):
            return own[: place + 1]
    return own
