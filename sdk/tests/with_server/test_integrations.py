"""Callbacks with the real libraries, against a real server. Where one is not installed its test says so."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

import isoline
from isoline import Api, SettingsInvalid, StoredRun
from tests.conftest import eventually

# Libraries warn of one another; that is not ours to fail by.
pytestmark = pytest.mark.filterwarnings("default")


def callbacks_of(name: str) -> Any:
    return importlib.import_module(f"isoline.integrations.{name}")


def only_run(api: Api, project: str) -> StoredRun:
    [run] = api.runs(project=project)
    return run


def digits() -> tuple[Any, Any]:
    datasets = pytest.importorskip("sklearn.datasets")
    return datasets.load_digits(n_class=2, return_X_y=True)  # type: ignore[no-any-return]


def test_scikit_learn_leaves_params_scores_rounds_and_a_learning_curve(api: Api, project: str) -> None:
    network = pytest.importorskip("sklearn.neural_network")
    sklearn = callbacks_of("sklearn")
    features, target = digits()
    estimator = network.MLPClassifier(hidden_layer_sizes=(4,), max_iter=20, tol=0, random_state=0)
    with isoline.init(project=project) as run:
        sklearn.log_params(estimator)
        estimator.fit(features, target)
        sklearn.log_rounds(estimator)
        scores = sklearn.log_scores(estimator, features, target, prefix="train")
        sklearn.log_learning_curve(estimator, features, target, train_sizes=[20, 40], cv=2)
    found = api.run(f"{project}/{run.id}")
    assert found.config["MLPClassifier"]["hidden_layer_sizes"] == [4]
    assert found.history("rounds/loss_curve").to_lists()["rounds/loss_curve"] == estimator.loss_curve_
    assert {name: found.summary[name] for name in scores} == scores
    assert set(scores) == {f"train/{name}" for name in ("accuracy", "precision", "recall", "f1", "log_loss")}
    assert found.history("learning_curve/test").to_lists()["step"] == [20, 40]


def test_scikit_learn_scores_regressors_and_needs_a_run(project: str) -> None:
    linear = pytest.importorskip("sklearn.linear_model")
    sklearn = callbacks_of("sklearn")
    features, target = digits()
    estimator = linear.Ridge().fit(features, target)
    with pytest.raises(SettingsInvalid):
        sklearn.log_scores(estimator, features, target)
    with isoline.init(project=project) as run:
        scores = sklearn.log_scores(estimator, features, target, run=run)
    assert scores["test/r2"] == estimator.score(features, target)


def test_xgboost_leaves_its_evaluations(api: Api, project: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    features, target = digits()
    data = xgboost.DMatrix(features, label=target)
    history: dict[str, Any] = {}
    xgboost.train(
        {"max_depth": 2, "objective": "binary:logistic"}, data, num_boost_round=5, evals=[(data, "train")],
        evals_result=history, verbose_eval=False, early_stopping_rounds=3,
        callbacks=[callbacks_of("xgboost").IsolineCallback(project=project)],
    )  # fmt: skip
    run = only_run(api, project)
    assert run.state == "finished"
    assert run.history("train/logloss").to_lists()["train/logloss"] == history["train"]["logloss"]
    assert run.config["xgboost"]["objective"]["name"] == "binary:logistic"
    assert run.summary["best_iteration"] == 4


def test_lightgbm_leaves_its_evaluations(api: Api, project: str) -> None:
    lightgbm = pytest.importorskip("lightgbm")
    features, target = digits()
    data = lightgbm.Dataset(features, target)
    history: dict[str, Any] = {}
    lightgbm.train(
        {"objective": "binary", "verbose": -1, "num_threads": 1}, data, num_boost_round=5, valid_sets=[data],
        valid_names=["train"],
        callbacks=[callbacks_of("lightgbm").IsolineCallback(project=project), lightgbm.record_evaluation(history)],
    )  # fmt: skip
    run = only_run(api, project)
    assert run.state == "finished"
    found = run.history("train/binary_logloss").to_lists()["train/binary_logloss"]
    assert found == history["train"]["binary_logloss"]
    assert run.config["lightgbm"]["objective"] == "binary"


def test_optuna_makes_a_run_of_each_trial(api: Api, project: str) -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)

    def objective(trial: Any) -> float:
        x = trial.suggest_float("x", -1, 1)
        for step in range(3):
            trial.report(x * step, step)
        if trial.number == 2:
            raise optuna.TrialPruned
        return float(x * x)

    study = optuna.create_study(study_name="parabola", sampler=optuna.samplers.RandomSampler(seed=0))
    study.optimize(objective, n_trials=3, callbacks=[callbacks_of("optuna").IsolineCallback(project=project)])

    def runs() -> list[StoredRun]:
        return list(api.runs(project=project, sort="name")) if list(api.projects(contains=project)) else []

    eventually(lambda: [run.state for run in runs()] == ["finished"] * 3)
    for run, trial in zip(runs(), study.trials, strict=True):
        assert (run.group, run.tags) == ("parabola", [trial.state.name.lower()])
        assert run.config["x"] == trial.params["x"]
        assert run.history("intermediate").to_lists()["intermediate"] == list(
            trial.intermediate_values.values()
        )
        assert run.summary.get("value") == trial.value or trial.number == 2


def test_lightning_leaves_metrics_and_hyperparameters(api: Api, project: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    lightning = pytest.importorskip("lightning.pytorch")

    class Line(lightning.LightningModule):  # type: ignore[name-defined,misc]
        def __init__(self, lr: float = 0.1) -> None:
            super().__init__()
            self.save_hyperparameters()
            self.layer = torch.nn.Linear(1, 1)

        def training_step(self, batch: Any, index: int) -> Any:
            loss = ((self.layer(batch[0]) - 1) ** 2).mean()
            self.log("loss", loss)
            return loss

        def configure_optimizers(self) -> Any:
            return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])

    data = torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.ones(8, 1)), batch_size=2)
    trainer = lightning.Trainer(
        max_epochs=2, accelerator="cpu", log_every_n_steps=1, enable_progress_bar=False,
        enable_model_summary=False, enable_checkpointing=False, default_root_dir=tmp_path,
        logger=callbacks_of("lightning").IsolineLogger(project=project),
    )  # fmt: skip
    trainer.fit(Line(lr=0.25), data)
    run = only_run(api, project)
    assert run.state == "finished"
    assert run.config["lr"] == 0.25
    columns = run.history(["loss", "epoch"]).to_lists()
    assert columns["step"] == list(range(8))
    assert columns["loss"][0] > columns["loss"][-1]


def test_the_hugging_face_trainer_leaves_logs_and_arguments(api: Api, project: str, tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    pytest.importorskip("accelerate")

    class Line(torch.nn.Module):  # type: ignore[name-defined,misc]
        def __init__(self) -> None:
            super().__init__()
            self.layer = torch.nn.Linear(1, 1)

        def forward(self, x: Any, labels: Any = None) -> Any:
            found = self.layer(x)
            return {"loss": ((found - labels) ** 2).mean(), "logits": found}

    data = [{"x": torch.ones(1), "labels": torch.ones(1)} for _ in range(8)]
    trainer = transformers.Trainer(
        model=Line(),
        args=transformers.TrainingArguments(
            output_dir=str(tmp_path), num_train_epochs=2, per_device_train_batch_size=4, logging_steps=1,
            report_to=[], use_cpu=True, disable_tqdm=True, save_strategy="no", eval_strategy="epoch",
        ),
        train_dataset=data, eval_dataset=data,
        callbacks=[callbacks_of("huggingface").IsolineCallback(project=project)],
    )  # fmt: skip
    trainer.train()
    run = only_run(api, project)
    assert run.state == "finished"
    assert run.config["training"]["per_device_train_batch_size"] == 4
    assert run.history("train/loss").to_lists()["step"] == [1, 2, 3, 4]
    assert run.history("eval/loss").to_lists()["step"] == [2, 4]


def test_keras_leaves_epochs_and_batches(api: Api, project: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = pytest.importorskip("keras")
    numpy = pytest.importorskip("numpy")
    model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(learning_rate=0.125), loss="mse")
    told = model.fit(
        numpy.ones((8, 1)), numpy.ones((8, 1)), epochs=3, batch_size=4, verbose=0,
        callbacks=[callbacks_of("keras").IsolineCallback(project=project, batch_every=1)],
    )  # fmt: skip
    run = only_run(api, project)
    assert run.state == "finished"
    assert run.config["optimizer"]["learning_rate"] == 0.125
    assert run.history("loss").to_lists()["loss"] == told.history["loss"]
    assert run.history("batch/count").to_lists()["batch/count"] == [1, 2, 3, 4, 5, 6]


def test_a_callback_writes_to_the_current_run_and_leaves_it_open(api: Api, project: str) -> None:
    xgboost = pytest.importorskip("xgboost")
    features, target = digits()
    data = xgboost.DMatrix(features, label=target)
    with isoline.init(project=project) as run:
        xgboost.train({}, data, num_boost_round=2, evals=[(data, "train")], verbose_eval=False,
                      callbacks=[callbacks_of("xgboost").IsolineCallback()])  # fmt: skip
        run.log({"after": 1})
    found = only_run(api, project)
    assert found.id
    assert set(found.metrics) == {"train/rmse", "after"}
