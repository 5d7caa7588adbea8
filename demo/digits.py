"""A small network learns handwritten digits. Every iteration is logged: `python -m demo.digits --rate 0.2`"""

from __future__ import annotations

import argparse

import isoline
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="the learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=40)
    parser.add_argument("--activation", default="relu", help="identity makes a network without a limit")
    asked = parser.parse_args()

    hidden = (48, 24)
    run = isoline.init(
        project="digits",
        name=f"{asked.activation}-lr{asked.rate:g}-s{asked.seed}",
        group=f"lr={asked.rate:g}",
        job_type="train",
        tags=["mlp", asked.activation],
        config={
            "optimizer": {"name": "sgd", "lr": asked.rate, "momentum": 0.0, "batch_size": BATCH},
            "model": {"kind": "mlp", "hidden": list(hidden), "activation": asked.activation},
            "data": {"name": "digits", "validation": 0.25},
            "epochs": asked.epochs,
            "seed": asked.seed,
        },
    )
    run.define_metric("*/loss", direction="min", summary=["best", "last"])
    run.define_metric("*/accuracy", direction="max", summary=["best", "last"])

    images, labels = load_digits(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(
        images / 16, labels, test_size=0.25, random_state=0, stratify=labels
    )
    model = MLPClassifier(
        hidden,
        activation=asked.activation,
        solver="sgd",
        learning_rate_init=asked.rate,
        momentum=0.0,
        batch_size=BATCH,
        random_state=asked.seed,
    )
    chance = np.random.default_rng(asked.seed)
    for epoch in range(asked.epochs):
        order = chance.permutation(len(train_x))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            before = [weights.copy() for weights in getattr(model, "coefs_", [])]
            try:
                model.partial_fit(train_x[rows], train_y[rows], classes=np.arange(10))
            except ValueError:
                # scikit-learn refuses weights that are not finite; the loss that says so belongs to the record.
                run.log({"train/loss": float(model.loss_)})
                raise
            row = {
                "train/loss": float(model.loss_),
                "train/accuracy": float(model.score(train_x[rows], train_y[rows])),
                "weights/norm": _norm(model.coefs_),
            }
            if before:
                # Plain gradient descent moves by rate × gradient, so the step tells the gradient.
                moved = [now - was for now, was in zip(model.coefs_, before, strict=True)]
                row["train/grad_norm"] = _norm(moved) / asked.rate
            run.log(row)
        with np.errstate(all="ignore"):
            chances = model.predict_proba(val_x)
        row = {"epoch": epoch, "val/accuracy": float(model.score(val_x, val_y))}
        if np.isfinite(chances).all():
            row["val/loss"] = float(log_loss(val_y, chances, labels=np.arange(10)))
        run.log(row)
        print(f"epoch {epoch + 1}/{asked.epochs}  loss {model.loss_:.4f}  val {row['val/accuracy']:.3f}")
    run.finish()


def _norm(layers: list[np.ndarray]) -> float:
    return float(np.sqrt(sum(float((layer**2).sum()) for layer in layers)))


if __name__ == "__main__":
    main()
