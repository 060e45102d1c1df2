"""The hyperclass sum_i w_i p_i(x) and the events that stand for it (arXiv:2207.07631).

The sum runs over points, p_i is the density of a point in the region (normalised there, so a point
counts by its weight w_i and not by how many events it has), and the background is one class of the
same total.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import TrainingError
from hyperhex.train.sample import Sample

__all__ = ["Shares", "TrainingSet", "mixture_weights", "positive", "training_set"]

log = logging.getLogger(__name__)

Floats = NDArray[np.float64]
# w_i of each point of each theory
Shares = dict[str, Floats]


@dataclass(frozen=True)
class TrainingSet:
    """Events of two classes.

    `inputs` (n, inputs), `label` (n,) 1 for the hyperclass and 0 for the background, `weight` (n,)
    positive, of mean one, the same total in both classes; `held` (n,) marks the events that only
    decide when a fit stops.
    """

    inputs: NDArray[np.float32]
    label: NDArray[np.float32]
    weight: NDArray[np.float32]
    held: NDArray[np.bool_]


def mixture_weights(samples: Sequence[Sample], choice: str | Mapping[str, float]) -> Shares:
    """Weights w_i of all points, of unit sum over all theories.

    `choice` is `per_theory` (equal theories, equal points in a theory), `per_group` (equal groups,
    equal theories in a group), `per_point` (equal points), `cross_section` (cross-section in the
    region), or relative weights of theories by name (those absent have none; points of a theory are
    equal). Points without events have no weight.
    """
    raw: Shares = {}
    members = Counter(sample.group for sample in samples if len(sample))
    for sample in samples:
        events = np.bincount(sample.point, minlength=len(sample.labels))
        filled = (events > 0).astype(np.float64)
        if choice == "cross_section":
            rate = np.bincount(sample.point, sample.weight, minlength=len(sample.labels))
            raw[sample.theory] = np.maximum(rate, 0.0)
        elif choice == "per_point":
            raw[sample.theory] = filled
        else:
            share = 1.0 if isinstance(choice, str) else choice.get(sample.theory, 0.0)
            if choice == "per_group":
                share /= max(1, members[sample.group])
            raw[sample.theory] = share * filled / max(1.0, filled.sum())
    total = sum(float(weights.sum()) for weights in raw.values())
    if total <= 0.0:
        msg = (
            f"mixture {choice} of {sorted(raw)}: no theory with weight has events in the region;"
            " give weight to others (train.mixture.weights) or generate more events"
        )
        raise TrainingError(msg)
    empty = sorted(theory for theory, weights in raw.items() if not weights.any())
    if empty:
        log.warning("mixture: no weight for %s (no events, or not in the mixture)", empty)
    return {theory: weights / total for theory, weights in raw.items()}


def positive(weight: Floats, point: NDArray[np.integer]) -> Floats:
    """Weights without signs, |w| times sum w / sum |w| of the event's point, (n,) [pb].

    A boosted tree cannot take a negative weight: this keeps each point's cross-section and accepts
    that events which should cancel locally do not. Tests always use the signed weights.
    """
    if not len(weight):
        return weight
    total = np.bincount(point, weight)
    absolute = np.bincount(point, np.abs(weight))
    ratio = np.maximum(total, 0.0) / np.where(absolute > 0.0, absolute, 1.0)
    return np.abs(weight) * ratio[point]


def training_set(
    background: Sequence[Sample],
    signal: Sequence[Sample],
    shares: Shares,
    fold: int,
    held: float,
    generator: np.random.Generator,
) -> TrainingSet:
    """Events that are not of `fold`: the background by cross-section, the points by their shares.

    Without a signal it is background alone, as an unsupervised method takes it. A fraction `held`
    of them, drawn by `generator`, is set aside to stop the fit.
    """
    inputs, labels, weights = [], [], []
    for label, samples in ((0, background), (1, signal)):
        of_class = []
        if not samples:
            continue
        for sample in samples:
            chosen = sample.fold != fold
            weight = positive(sample.weight[chosen], sample.point[chosen])
            if label:
                weight = _share(weight, sample.point[chosen], shares[sample.theory])
            inputs.append(sample.inputs[chosen])
            of_class.append(weight)
        merged = np.concatenate(of_class)
        if not merged.sum() > 0.0:
            names = [sample.theory for sample in samples]
            msg = f"{names}: training weights sum to {merged.sum():g} pb, expected a positive sum"
            raise TrainingError(msg)
        labels.append(np.full(len(merged), label))
        weights.append(merged / merged.sum())
    label_all, weight_all = np.concatenate(labels), np.concatenate(weights)
    return TrainingSet(
        inputs=np.concatenate(inputs),
        label=label_all.astype(np.float32),
        weight=(weight_all * len(weight_all) / 2.0).astype(np.float32),
        held=_held(label_all, held, generator),
    )


def _share(weight: Floats, point: NDArray[np.integer], shares: Floats) -> Floats:
    total = np.bincount(point, weight, minlength=len(shares))
    return weight * (shares / np.where(total > 0.0, total, 1.0))[point]


def _held(
    label: NDArray[np.integer], fraction: float, generator: np.random.Generator
) -> NDArray[np.bool_]:
    """The same fraction of both classes, at least one event of each."""
    held = np.zeros(len(label), dtype=bool)
    for value in (0, 1):
        rows = generator.permutation(np.flatnonzero(label == value))
        held[rows[: max(1, round(fraction * len(rows)))]] = True
    return held
