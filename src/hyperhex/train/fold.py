"""The events that a fold of a training is fitted to, and how good a fit is on those held out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from hyperhex.config import TrainSettings
from hyperhex.random import integer, stream
from hyperhex.train.classifier import Classifier
from hyperhex.train.methods import classifier
from hyperhex.train.mixture import Shares, TrainingSet, mixture_weights, training_set
from hyperhex.train.robust import robust_shares
from hyperhex.train.sample import Sample
from hyperhex.train.weighted import roc

__all__ = ["Choice", "Fold", "held_efficiency"]

# how a mixture is weighted: by name, or the weights of theories
Choice = str | Mapping[str, float]
# most background that passes where a fit must be good
_BACKGROUND = 0.1


@dataclass(frozen=True)
class Fold:
    """What the fits of a fold are made from."""

    settings: TrainSettings
    name: str
    background: Sequence[Sample]
    signal: Sequence[Sample]
    fold: int

    def shares(self, method: str, choice: Choice) -> Shares:
        """Weights of the mixture; those that are learned are learned with the method itself."""
        if not self.signal:
            return {}
        if choice != "robust":
            return mixture_weights(self.signal, choice)
        train = self.settings.train
        seed = integer(self.settings.seed, "train", self.name, "robust", self.fold, bits=63)

        def fit(data: TrainingSet) -> Classifier:
            fitted = classifier(method, train, train.threads)
            fitted.fit(data, seed)
            return fitted

        begin = mixture_weights(self.signal, "per_theory")
        return robust_shares(self.signal, begin, self.data, fit, self.fold)

    def data(self, shares: Shares) -> TrainingSet:
        """Events to fit to, the same ones held out whatever their weights."""
        train = self.settings.train
        held = stream(self.settings.seed, "train", self.name, "held", self.fold)
        return training_set(self.background, self.signal, shares, self.fold, train.validation, held)


def held_efficiency(data: TrainingSet, fitted: Classifier) -> float:
    """Mean signal efficiency of the held events where little background passes, 0.05 for chance."""
    rows = data.held
    score = fitted.score(data.inputs[rows])
    background, signal = roc(data.label[rows].astype(np.int64), score, data.weight[rows])
    return float(np.interp(np.linspace(0.0, _BACKGROUND, 101), background, signal).mean())
