"""Keras: `model.fit(..., callbacks=[IsolineCallback(project="digits")])`."""

from __future__ import annotations

from typing import Any

import keras

from isoline import Run
from isoline.integrations._runs import Target


class IsolineCallback(keras.callbacks.Callback):
    """Logs each epoch's values on the epoch; batches too, if asked for.

    The optimizer's settings become the config. When somebody asks the run to stop, training stops after the
    epoch.
    """

    def __init__(self, *, run: Run | None = None, batch_every: int | None = None, **options: Any) -> None:
        """
        run: by default the current one, else one begun with `options`, which `isoline.init` takes.
        batch_every: log the running values of every so many batches, as `batch/…`, whose own count is the
        metric `batch/count`.
        """
        super().__init__()
        self._target = Target(run, options)
        self._run: Run | None = None
        self._batch_every = batch_every
        self._batches = 0
        self._epoch = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        run = self._run = self._target.begin()
        config: dict[str, Any] = {"fit": dict(self.params or {})}
        optimizer = getattr(self.model, "optimizer", None)
        if optimizer is not None:
            config["optimizer"] = optimizer.get_config()
        run.config.update(config)
        if self._batch_every:
            run.define_metric("batch/*", x="batch/count")

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._epoch = epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._batches += 1
        if self._run is not None and self._batch_every and self._batches % self._batch_every == 0:
            values = {f"batch/{name}": value for name, value in (logs or {}).items()}
            self._run.log({"batch/count": self._batches, **values}, step=self._epoch)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if self._run is None:
            return
        self._run.log(logs or {}, step=epoch)
        if self._run.stop_requested:
            self.model.stop_training = True

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        self._run = None
        self._target.finish()
