"""What drives the score of a theory that training never saw: Shapley values of the trees' inputs.

The value of an input is what it adds to an event's log-odds, averaged over the orders in which
inputs may be told (TreeSHAP, arXiv:1802.03888); the values of an event sum to its score, up to the
mean of all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import TrainingError
from hyperhex.train.classifier import Classifier
from hyperhex.train.features import NAMES
from hyperhex.train.sample import Sample
from hyperhex.train.trees import TreesClassifier

__all__ = ["Driver", "drivers", "mean_contributions"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Driver:
    """One input: what it adds on average to the log-odds of a theory, and in size."""

    input: str
    mean: float
    size: float


def mean_contributions(sample: Sample, fits: Sequence[Classifier]) -> tuple[Floats, Floats]:
    """Weighted mean of the contributions of each input, and of their sizes, (inputs,) each.

    Each event by the fit that did not see its fold.
    """
    values = np.zeros((len(sample), len(NAMES)))
    for fold, fit in enumerate(fits):
        if not isinstance(fit, TreesClassifier):
            msg = (
                f"{type(fit).__name__} given, expected trees; add xgboost to train.methods.mixture"
            )
            raise TrainingError(msg)
        rows = sample.fold == fold
        if rows.any():
            values[rows] = fit.contributions(sample.inputs[rows])
    weight = np.maximum(sample.weight, 0.0)
    share = weight / weight.sum()
    return share @ values, share @ np.abs(values)


def drivers(sample: Sample, fits: Sequence[Classifier]) -> list[Driver]:
    """All inputs of a theory's events, by falling size of what they add."""
    mean, size = mean_contributions(sample, fits)
    order = np.argsort(-size, kind="stable")
    return [Driver(NAMES[i], float(mean[i]), float(size[i])) for i in order]
