"""Hugging Face Trainer: `Trainer(..., callbacks=[IsolineCallback(project="digits")])`."""

from __future__ import annotations

from typing import Any

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from isoline import Run
from isoline.integrations._runs import Target

_EVAL = "eval_"


class IsolineCallback(TrainerCallback):
    """Logs what the Trainer logs, on its global step, as `train/…` and `eval/…`.

    The arguments become the config `training`, the model's own config the config `model`. When somebody asks
    the run to stop, the Trainer stops after the step. Only the main process writes.
    """

    def __init__(self, *, run: Run | None = None, **options: Any) -> None:
        """
        run: by default the current one, else one begun with `options`, which `isoline.init` takes.
        """
        self._target = Target(run, options)
        self._run: Run | None = None

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, model: Any = None,
        **more: Any,
    ) -> None:  # fmt: skip
        if not state.is_world_process_zero:
            return
        run = self._run = self._target.begin()
        config: dict[str, Any] = {"training": args.to_sanitized_dict()}
        described = getattr(model, "config", None)
        if described is not None and hasattr(described, "to_dict"):
            config["model"] = described.to_dict()
        run.config.update(config)

    def on_log(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl,
        logs: dict[str, Any] | None = None, **more: Any,
    ) -> None:  # fmt: skip
        if self._run is not None and logs:
            self._run.log({_name(key): value for key, value in logs.items()}, step=state.global_step)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        if self._run is not None and self._run.stop_requested:
            control.should_training_stop = True

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any
    ) -> None:
        if self._run is None:
            return
        if state.best_metric is not None:
            self._run.summary["best_metric"] = state.best_metric
        self._target.finish()
        self._run = None


def _name(key: str) -> str:
    return f"eval/{key[len(_EVAL) :]}" if key.startswith(_EVAL) else f"train/{key}"
