"""How far a run is: the step it is at, of how many, where its config says how many there will be."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from .entries import leaves

# What trainers call the number of steps, the surest word first.
_TOTALS = (
    "total_steps", "max_steps", "num_training_steps", "n_steps", "num_steps", "train_steps", "training_steps",
    "max_iters", "max_iter", "num_iterations", "iterations", "n_iter", "steps",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Progress:
    """step: of the last point. total: the steps it is to make."""

    step: int
    total: int

    @property
    def percent(self) -> float:
        return min(100.0, 100 * (self.step + 1) / self.total)

    def left(self, elapsed: timedelta) -> timedelta | None:
        """How long it will still take if it goes on as it did; None while too little is known to tell."""
        done = self.step + 1
        if done < self.total * 0.02 or elapsed < timedelta(seconds=10):
            return None
        return elapsed * (max(0, self.total - done) / done)


def of_run(config: Mapping[str, Any], step: int | None) -> Progress | None:
    """Return the progress; None if the config does not tell, or tells less than has been done."""
    if step is None:
        return None
    told: dict[str, int] = {}
    for path, value in leaves("", config):
        name = path.rpartition(".")[2].lower().replace("-", "_")
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            told.setdefault(name, value)
    total = next((told[name] for name in _TOTALS if name in told), None)
    return Progress(step, total) if total is not None and total > step else None
