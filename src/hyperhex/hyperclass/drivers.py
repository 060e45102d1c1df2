"""What drives the score of a theory that training never saw, input by input.

For trees the value of an input is what it adds to an event's log-odds, averaged over the orders in
which inputs may be told (TreeSHAP, arXiv:1802.03888); for networks it is the integrated gradient
from the mean of the background. The values of an event sum to its score, up to the same for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import TrainingError
from hyperhex.hyperclass import gradients
from hyperhex.hyperclass.gradients import OBJECTS, Background
from hyperhex.train.classifier import Classifier
from hyperhex.train.features import NAMES
from hyperhex.train.module import ModuleClassifier
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


def drivers(sample: Sample, fits: Sequence[Classifier], background: Background) -> list[Driver]:
    """All inputs of a theory's events, by falling size of what they add."""
    mean, size = mean_contributions(sample, fits, background)
    names = (*NAMES, OBJECTS)
    order = np.argsort(-size, kind="stable")
    return [Driver(names[i], float(mean[i]), float(size[i])) for i in order]


def mean_contributions(
    sample: Sample, fits: Sequence[Classifier], background: Background
) -> tuple[Floats, Floats]:
    """Weighted mean of the contributions of each input, and of their sizes.

    Each event by the fit that did not see its fold; (inputs,), for networks (inputs + 1,) with the
    presence of objects.
    """
    parts = []
    for fold, fit in enumerate(fits):
        rows = sample.fold == fold
        values = _contributions(fit, sample.inputs[rows], background)
        parts.append((sample.weight[rows], values))
    weight = np.maximum(np.concatenate([one for one, _ in parts]), 0.0)
    values = np.concatenate([one for _, one in parts])
    share = weight / weight.sum()
    return share @ values, share @ np.abs(values)


def _contributions(fit: Classifier, inputs: NDArray[np.float32], background: Background) -> Floats:
    if isinstance(fit, TreesClassifier):
        return fit.contributions(inputs)
    if isinstance(fit, ModuleClassifier):
        return gradients.contributions(fit.module, inputs, background)
    msg = f"{type(fit).__name__} given, expected trees or a network (train.methods.mixture)"
    raise TrainingError(msg)
