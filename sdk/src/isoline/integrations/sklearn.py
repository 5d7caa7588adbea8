"""scikit-learn: parameters, scores and curves of an estimator, each by one call."""

from __future__ import annotations

from typing import Any

from sklearn import metrics
from sklearn.base import is_classifier, is_regressor
from sklearn.model_selection import learning_curve

import isoline
from isoline import Run
from isoline.errors import SettingsInvalid

# What estimators that learn in rounds keep of them.
_ROUNDS = ("loss_curve_", "validation_scores_", "train_score_", "validation_score_")


def log_params(estimator: Any, *, run: Run | None = None) -> None:
    """Put an estimator's parameters into the config, below the name of its class.

    Raises SettingsInvalid if there is no run.
    """
    # Parameters of nested estimators stand beside those as `step__name`; an object becomes its text.
    _run(run).config.update({type(estimator).__name__: estimator.get_params(deep=True)})


def log_rounds(estimator: Any, *, run: Run | None = None) -> None:
    """Log what a fitted estimator kept of its rounds, on the round: losses, scores of validation.

    Knows networks, gradient boosting and its histogram form; logs nothing for others.

    Raises SettingsInvalid if there is no run.
    """
    kept = {name.rstrip("_"): getattr(estimator, name, None) for name in _ROUNDS}
    curves = {name: list(values) for name, values in kept.items() if values is not None and len(values)}
    writer = _run(run)
    for step in range(max(map(len, curves.values()), default=0)):
        values = {f"rounds/{name}": curve[step] for name, curve in curves.items() if step < len(curve)}
        writer.log(values, step=step)


def log_scores(
    estimator: Any, features: Any, target: Any, *, prefix: str = "test", run: Run | None = None
) -> dict[str, float]:
    """Score a fitted estimator on data, put the scores into the summary as `test/accuracy` …, and return them.

    A classifier has accuracy, precision, recall and F1 (weighted by class), and where it tells probabilities
    of all classes, log loss; a regressor R², mean absolute and root mean squared error; anything else its own
    `score`.

    Raises SettingsInvalid if there is no run.
    """
    scores = _scores(estimator, features, target)
    named = {f"{prefix}/{name}": value for name, value in scores.items()}
    _run(run).summary.update(named)
    return named


def log_learning_curve(
    estimator: Any, features: Any, target: Any, *, run: Run | None = None, **options: Any
) -> None:
    """Fit on growing parts of the data and log mean and spread of the scores, on the number of samples.

    options: what `sklearn.model_selection.learning_curve` takes.

    Raises SettingsInvalid if there is no run.
    """
    writer = _run(run)
    sizes, train, test = learning_curve(estimator, features, target, **options)[:3]
    for size, of_train, of_test in zip(sizes, train, test, strict=True):
        writer.log(
            {
                "learning_curve/train": of_train.mean(),
                "learning_curve/train_std": of_train.std(),
                "learning_curve/test": of_test.mean(),
                "learning_curve/test_std": of_test.std(),
            },
            step=int(size),
        )


def _scores(estimator: Any, features: Any, target: Any) -> dict[str, float]:
    if is_classifier(estimator):
        found = estimator.predict(features)
        average = {"average": "weighted", "zero_division": 0}
        scores = {
            "accuracy": metrics.accuracy_score(target, found),
            "precision": metrics.precision_score(target, found, **average),
            "recall": metrics.recall_score(target, found, **average),
            "f1": metrics.f1_score(target, found, **average),
        }
        if hasattr(estimator, "predict_proba"):
            chances = estimator.predict_proba(features)
            scores["log_loss"] = metrics.log_loss(target, chances, labels=estimator.classes_)
    elif is_regressor(estimator):
        found = estimator.predict(features)
        scores = {
            "r2": metrics.r2_score(target, found),
            "mean_absolute_error": metrics.mean_absolute_error(target, found),
            "root_mean_squared_error": metrics.mean_squared_error(target, found) ** 0.5,
        }
    else:
        scores = {"score": estimator.score(features, target)}
    return {name: float(value) for name, value in scores.items()}


def _run(run: Run | None) -> Run:
    found = run or isoline.current_run()
    if found is None:
        raise SettingsInvalid("There is no run to log to: call isoline.init() first, or pass run=.")
    return found
