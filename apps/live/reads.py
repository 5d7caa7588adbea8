"""What a connection asks the database: rights, and where a run stands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Q
from django.utils.timezone import now

from apps.accounts.access import fetch
from apps.accounts.principal import Principal
from apps.metrics import latest
from apps.metrics.models import Stream
from apps.tracking.models import Project, Run

# Twice as long as the pause between two questions, and as a sign of life may be noted late.
NEWS_AGE = timedelta(seconds=30)
MOST_NEWS = 500


@dataclass(frozen=True)
class RunNow:
    """streams: of each writer, the number of the batch it is expected to send next."""

    version: str
    state: str
    streams: dict[int, int]


@dataclass(frozen=True)
class ProjectNews:
    """project: its row number. run: a public id."""

    project: int
    run: str
    state: str


def run_number(principal: Principal, public_id: str) -> int:
    """Raises NotFound, Denied."""
    return fetch(Run, principal, public_id=public_id).pk


def project_number(principal: Principal, public_id: str) -> int:
    """Raises NotFound, Denied."""
    return fetch(Project, principal, public_id=public_id).pk


def progress(runs: list[int]) -> dict[int, RunNow]:
    """Return where each of the runs stands; a few queries, however many they are."""
    states = dict(Run.objects.filter(pk__in=runs).values_list("pk", "state"))
    streams: dict[int, dict[int, int]] = {run: {} for run in runs}
    for run, number, next_seq in Stream.objects.filter(run__in=runs).values_list("run", "number", "next_seq"):
        streams[run][number] = next_seq
    versions = latest.versions(runs)
    return {
        run: RunNow(
            version=versions[run],
            state=states.get(run, ""),
            streams=streams[run],
        )
        for run in runs
    }


def news(projects: list[int]) -> list[ProjectNews]:
    """Return the runs of the projects that were changed or heard of within the last NEWS_AGE."""
    since = now() - NEWS_AGE
    runs = Run.objects.live().filter(project__in=projects)
    lately = runs.filter(Q(updated_at__gte=since) | Q(state=Run.State.RUNNING, last_seen_at__gte=since))
    found = lately.order_by("-updated_at").values_list("project_id", "public_id", "state")[:MOST_NEWS]
    return [ProjectNews(*each) for each in found]


def is_all_visible(principal: Principal, *, runs: list[int], projects: list[int]) -> bool:
    """Whether all of these may still be seen."""
    seen_runs = Run.objects.visible_to(principal).filter(pk__in=runs).count() if runs else 0
    seen = Project.objects.visible_to(principal).filter(pk__in=projects).count() if projects else 0
    return seen_runs == len(runs) and seen == len(projects)
