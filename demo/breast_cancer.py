"""Logistic regression tells malignant from benign: `python -m demo.breast_cancer --rate 0.01`"""

from __future__ import annotations

import argparse

import isoline
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import SGDClassifier
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

BATCH = 16


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rate", type=float, required=True, help="the learning rate")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--epochs", type=int, default=80)
    asked = parser.parse_args()

    run = isoline.init(
        project="breast-cancer",
        name=f"logreg-lr{asked.rate:g}-s{asked.seed}",
        group=f"lr={asked.rate:g}",
        job_type="train",
        tags=["linear"],
        config={
            "optimizer": {"name": "sgd", "lr": asked.rate, "schedule": "constant", "batch_size": BATCH},
            "model": {"kind": "logistic regression", "l2": 1e-4},
            "data": {"name": "breast-cancer", "validation": 0.3, "scaled": True},
            "epochs": asked.epochs,
            "seed": asked.seed,
        },
    )
    run.define_metric("*/loss", direction="min", summary=["best", "last"])
    run.define_metric("*/accuracy", direction="max", summary=["best", "last"])
    run.define_metric("val/auc", direction="max", summary=["best", "last"])

    values, labels = load_breast_cancer(return_X_y=True)
    train_x, val_x, train_y, val_y = train_test_split(
        values, labels, test_size=0.3, random_state=asked.seed, stratify=labels
    )
    scaler = StandardScaler().fit(train_x)
    train_x, val_x = scaler.transform(train_x), scaler.transform(val_x)

    model = SGDClassifier(
        loss="log_loss", learning_rate="constant", eta0=asked.rate, alpha=1e-4, random_state=asked.seed
    )
    chance = np.random.default_rng(asked.seed)
    before = np.zeros((1, train_x.shape[1]))
    for epoch in range(asked.epochs):
        order = chance.permutation(len(train_x))
        for start in range(0, len(order) - BATCH + 1, BATCH):
            rows = order[start : start + BATCH]
            model.partial_fit(train_x[rows], train_y[rows], classes=[0, 1])
            run.log(
                {
                    "train/loss": float(
                        log_loss(train_y[rows], model.predict_proba(train_x[rows]), labels=[0, 1])
                    ),
                    "train/accuracy": float(model.score(train_x[rows], train_y[rows])),
                    "train/update_norm": float(np.linalg.norm(model.coef_ - before)),
                    "weights/norm": float(np.linalg.norm(model.coef_)),
                }
            )
            before = model.coef_.copy()
        chances = model.predict_proba(val_x)
        val = {
            "val/loss": float(log_loss(val_y, chances)),
            "val/accuracy": float(model.score(val_x, val_y)),
            "val/auc": float(roc_auc_score(val_y, chances[:, 1])),
        }
        run.log({"epoch": epoch, **val})
        if (epoch + 1) % 10 == 0:
            print(
                f"epoch {epoch + 1}/{asked.epochs}  val loss {val['val/loss']:.4f}  auc {val['val/auc']:.4f}"
            )
    run.finish()


if __name__ == "__main__":
    main()
