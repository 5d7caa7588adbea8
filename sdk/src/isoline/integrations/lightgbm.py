"""LightGBM: `lightgbm.train(..., callbacks=[IsolineCallback(project="digits")])`."""

from __future__ import annotations

from typing import Any

import lightgbm

from isoline import Run
from isoline.integrations._runs import Target


class IsolineCallback:
    """Logs each iteration's evaluations as `valid_0/l2` …; the parameters become the config.

    When somebody asks the run to stop, training stops after the iteration. A run that is begun here is
    finished with the last iteration; where training ends earlier than that, it ends with the program.
    """

    # LightGBM asks callbacks in this order; early stopping, which has 30, ends an iteration by an exception.
    order = 20
    before_iteration = False

    def __init__(self, *, run: Run | None = None, **options: Any) -> None:
        """
        run: by default the current one, else one begun with `options`, which `isoline.init` takes.
        """
        self._target = Target(run, options)

    def __call__(self, env: lightgbm.callback.CallbackEnv) -> None:
        """Called by LightGBM after each iteration."""
        run = self._target.begin()
        if env.iteration == env.begin_iteration:
            run.config.update({"lightgbm": env.params})
        values: dict[str, float] = {}
        for data, metric, value, _, *deviation in env.evaluation_result_list or ():
            values[f"{data}/{metric}"] = value
            if deviation:  # cross validation
                values[f"{data}/{metric}_std"] = deviation[0]
        run.log(values, step=env.iteration)
        if run.stop_requested:
            raise lightgbm.callback.EarlyStopException(env.iteration, env.evaluation_result_list or [])
        if env.iteration + 1 == env.end_iteration:
            self._target.finish()
