"""Lightning: a logger for `Trainer(logger=IsolineLogger(project="digits"))`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

try:
    from lightning.pytorch.loggers.logger import Logger, rank_zero_experiment
    from lightning.pytorch.utilities.rank_zero import rank_zero_only
except ImportError:
    from pytorch_lightning.loggers.logger import Logger, rank_zero_experiment
    from pytorch_lightning.utilities.rank_zero import rank_zero_only

from isoline import Run
from isoline.integrations._runs import Target


class IsolineLogger(Logger):
    """Logs what the module logs, on Lightning's global step; hyperparameters become the config.

    Only the process of rank 0 writes, as with Lightning's own loggers.
    """

    def __init__(self, *, run: Run | None = None, **options: Any) -> None:
        """
        run: by default the current one, else one begun with `options`, which `isoline.init` takes.
        """
        super().__init__()
        self._target = Target(run, options)
        self._options = options

    @property
    def name(self) -> str:
        """The project: Lightning makes a folder of it for checkpoints."""
        return str(self._options.get("project") or "isoline")

    @property
    def version(self) -> str:
        """The run's id, below that folder."""
        run = self.experiment
        return str(getattr(run, "id", ""))

    @property
    @rank_zero_experiment
    def experiment(self) -> Run:
        """The run, begun when it is first asked for."""
        return self._target.begin()

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Called by Lightning. The epoch is a metric like any other."""
        self.experiment.log(metrics, step=step)

    @rank_zero_only
    def log_hyperparams(self, params: dict[str, Any] | argparse.Namespace, *args: Any, **kwargs: Any) -> None:
        """Called by Lightning for what `save_hyperparameters()` has found."""
        self.experiment.config.update(params)

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Called by Lightning at the end of a fit, a test …; `status` is `success` or `failed`."""
        self._target.finish(0 if status == "success" else 1)
