"""Mixture weights for the worst theory: group distributionally robust optimisation.

In the manner of arXiv:1911.08731, with theories as groups and their significance improvement for
the loss: weights of theories that a fit improves least are raised, fit by fit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from hyperhex.train.classifier import Classifier
from hyperhex.train.mixture import Shares, TrainingSet
from hyperhex.train.sample import Sample

__all__ = ["improvements", "robust_shares"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]

_ROUNDS = 5
_STEP = 0.7
# no theory is given up: this part of the weight stays equal
_EQUAL = 0.2
_BACKGROUND = 0.03


def robust_shares(
    signal: Sequence[Sample],
    begin: Shares,
    data: Callable[[Shares], TrainingSet],
    fit: Callable[[TrainingSet], Classifier],
    fold: int,
) -> Shares:
    """Mean weights over some fits, each with more weight where the last one was worst.

    `data` gives the events of a fold for some weights, in the order of `signal`.
    """
    names = [sample.theory for sample in signal]
    equal = np.array([begin[name].sum() for name in names])
    weight, total = equal.copy(), np.zeros_like(equal)
    for _ in range(_ROUNDS):
        events = data(_shares(names, begin, weight))
        found = improvements(events, _owners(signal, fold, events), fit(events))
        log.info("robust: least SI %.2f (%s)", found.min(), names[int(found.argmin())])
        moved = weight * np.maximum(found, 1e-2) ** -_STEP
        weight = (1.0 - _EQUAL) * moved / moved.sum() + _EQUAL * equal
        total += weight
    return _shares(names, begin, total / _ROUNDS)


def improvements(events: TrainingSet, owner: NDArray[np.integer], fitted: Classifier) -> Floats:
    """SI of each theory on the held events, (theories,); `owner` (n,), -1 for background."""
    score = fitted.score(events.inputs[events.held])
    mine, weight = owner[events.held], events.weight[events.held].astype(np.float64)
    background = mine < 0
    order = np.argsort(-score[background])
    passed = np.cumsum(weight[background][order])
    cut = score[background][order][np.searchsorted(passed, _BACKGROUND * passed[-1])]
    number = int(owner.max()) + 1
    total = np.bincount(mine[~background], weight[~background], number)
    above = ~background & (score > cut)
    passing = np.bincount(mine[above], weight[above], number)
    return np.asarray(passing / np.where(total > 0.0, total, 1.0) / np.sqrt(_BACKGROUND))


def _owners(signal: Sequence[Sample], fold: int, events: TrainingSet) -> NDArray[np.int64]:
    """Number of the theory of each event, -1 for background."""
    each = [np.full(int((sample.fold != fold).sum()), index) for index, sample in enumerate(signal)]
    background = np.full(int((events.label == 0).sum()), -1)
    return np.concatenate([background, *each])


def _shares(names: Sequence[str], begin: Shares, weight: Floats) -> Shares:
    found = {}
    for name, one in zip(names, weight, strict=True):
        total = begin[name].sum()
        found[name] = begin[name] * (one / total if total > 0.0 else 0.0)
    return found
