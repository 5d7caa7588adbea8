"""XGBoost: `xgboost.train(..., callbacks=[IsolineCallback(project="digits")])`, or in an estimator's
`callbacks`.
"""

from __future__ import annotations

import json
from typing import Any

from xgboost.callback import TrainingCallback

from isoline import Run
from isoline.integrations._runs import Target


class IsolineCallback(TrainingCallback):
    """Logs each round's evaluations as `validation/rmse` …; the booster's parameters become the config.

    When somebody asks the run to stop, training stops after the round.
    """

    def __init__(self, *, run: Run | None = None, **options: Any) -> None:
        """
        run: by default the current one, else one begun with `options`, which `isoline.init` takes.
        """
        super().__init__()
        self._target = Target(run, options)

    def before_training(self, model: Any) -> Any:
        """Called by XGBoost."""
        # Under cross validation `model` is a pack of boosters, which has no config of its own.
        if hasattr(model, "save_config"):
            config = json.loads(model.save_config())
            self._target.begin().config.update({"xgboost": config["learner"]})
        return model

    def after_iteration(self, model: Any, epoch: int, evals_log: dict[str, dict[str, Any]]) -> bool:
        """Called by XGBoost; True ends the training."""
        run = self._target.begin()
        values: dict[str, float] = {}
        for data, metrics in evals_log.items():
            for metric, history in metrics.items():
                last = history[-1]
                if isinstance(last, tuple):  # cross validation: mean and standard deviation
                    values[f"{data}/{metric}"], values[f"{data}/{metric}_std"] = last
                else:
                    values[f"{data}/{metric}"] = last
        run.log(values, step=epoch)
        return run.stop_requested

    def after_training(self, model: Any) -> Any:
        """Called by XGBoost."""
        run = self._target.begin()
        attributes = model.attributes() if hasattr(model, "attributes") else {}
        if "best_iteration" in attributes:
            run.summary.update(
                best_iteration=int(attributes["best_iteration"]), best_score=float(attributes["best_score"])
            )
        self._target.finish()
        return model
