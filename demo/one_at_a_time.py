"""Logistic regression that learns from one sample at a time and logs every loss: two million points in one line.

In so long a line a single bad sample is one pixel's hundredth; the envelope of the chart still shows it.
"""

from __future__ import annotations

import argparse
import math

import isoline
import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.preprocessing import StandardScaler


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=2_000_000)
    parser.add_argument("--rate", type=float, default=0.001)
    asked = parser.parse_args()

    run = isoline.init(
        project="breast-cancer",
        name="one-sample-at-a-time",
        job_type="long",
        tags=["linear", "long"],
        notes="Two million points of one metric. Zoom in: every zoom is answered with finer, exact data.",
        config={
            "optimizer": {"name": "sgd", "lr": asked.rate, "batch_size": 1},
            "model": {"kind": "logistic regression"},
            "data": {"name": "breast-cancer", "scaled": True},
            "steps": asked.steps,
            "seed": 1,
        },
    )
    run.define_metric("online/loss", direction="min", summary="mean")

    values, labels = load_breast_cancer(return_X_y=True)
    samples = StandardScaler().fit_transform(values)
    signs = [1.0 if label else -1.0 for label in labels]
    weights = np.zeros(samples.shape[1])
    order = np.random.default_rng(1).integers(len(samples), size=asked.steps).tolist()
    for step, at in enumerate(order):
        sample, sign = samples[at], signs[at]
        margin = sign * float(weights @ sample)
        run.log({"online/loss": math.log1p(math.exp(-margin)) if margin > -500 else -margin})
        weights += asked.rate * sign / (1 + math.exp(min(margin, 500))) * sample
        if step % 100_000 == 0:
            print(f"sample {step:,} of {asked.steps:,}  |w| {np.linalg.norm(weights):.3f}")
    run.finish()


if __name__ == "__main__":
    main()
