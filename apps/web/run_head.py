"""What stands over every tab of a run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.utils.timezone import now

from apps.tracking import environment, progress, run_metrics
from apps.tracking.models import Run

from . import figures


@dataclass(frozen=True, slots=True)
class RunHead:
    run: Run
    metrics: run_metrics.RunMetrics
    environment: environment.Environment | None
    progress: progress.Progress | None

    @property
    def last_point_at(self) -> datetime | None:
        """None too where a writer's clock was beyond what a calendar holds."""
        if self.metrics.last_time_us is None:
            return None
        try:
            return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=self.metrics.last_time_us)
        except OverflowError:
            return None

    @property
    def took(self) -> str:
        return figures.duration(self._elapsed.total_seconds())

    @property
    def left(self) -> str:
        """How long a run that goes on will still take; "" where nothing tells."""
        left = self.progress.left(self._elapsed) if self.progress and self.run.is_running else None
        return figures.duration(left.total_seconds()) if left else ""

    @property
    def _elapsed(self) -> timedelta:
        if self.run.is_running:
            return max(now() - self.run.started_at, timedelta(0))
        return self.run.duration


def head_of(run: Run) -> RunHead:
    metrics = run_metrics.of_run(run)
    return RunHead(
        run, metrics, environment.of_metadata(run.metadata), progress.of_run(run.config, metrics.last_step)
    )
