"""Optuna: `study.optimize(objective, callbacks=[IsolineCallback(project="digits")])`."""

from __future__ import annotations

from typing import Any

import optuna

import isoline


class IsolineCallback:
    """Makes each trial a run, in a group named after the study.

    Its parameters are the config, its intermediate values the metric `intermediate` on their steps, its
    result `value` (or `value_0` …), its state a tag. The run is begun when the trial has ended, so an
    objective may have a run of its own beside it.
    """

    def __init__(self, **options: Any) -> None:
        """
        options: what `isoline.init` takes.
        """
        self._options = options

    def __call__(self, study: optuna.study.Study, trial: optuna.trial.FrozenTrial) -> None:
        """Called by Optuna after each trial. Does not wait for the server."""
        options = {"group": study.study_name, "name": f"{study.study_name} {trial.number}", **self._options}
        state = trial.state.name.lower()
        run = isoline.init(
            **options,
            config={**trial.params, "optuna": {"number": trial.number, "user_attrs": trial.user_attrs}},
            tags=[state],
            console=False,
            system=False,
            code=False,
        )
        directions = [direction.name.lower()[:3] for direction in study.directions]
        values = trial.values or []
        names = ["value"] if len(directions) == 1 else [f"value_{n}" for n in range(len(directions))]
        for name, direction in zip(names, directions, strict=True):
            if direction in ("min", "max"):
                run.define_metric(name, direction="min" if direction == "min" else "max", summary="best")
        for step, value in sorted(trial.intermediate_values.items()):
            run.log({"intermediate": value}, step=step)
        if values:
            run.log(dict(zip(names, values, strict=True)))
        run.finish(1 if state == "fail" else 0, timeout_s=0)
