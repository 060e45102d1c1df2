"""How well two samples of showers can be told apart: classifiers and distances.

The area under the ROC curve is 0.5 for samples of one distribution and 1 for samples that a
classifier tells apart without fault. Classifiers are cross-fitted: each shower is scored by one
that never saw it. Row i of both samples is under the same condition, so both are in the same fold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from threadpoolctl import threadpool_limits
from torch import nn

from hyperhex.random import integer, stream

__all__ = ["auc_of_cells", "auc_of_observables", "frechet_distance", "separation_power"]

_FOLDS = 4
_EPOCHS = 12
_BATCH = 128

Fit = Callable[[NDArray, NDArray], Callable[[NDArray], NDArray]]


def auc_of_observables(full: NDArray, fast: NDArray, seed: int) -> float:
    """AUC of boosted trees (histogram gradient boosting) on observables, both (n, k)."""

    def fit(values: NDArray, label: NDArray) -> Callable[[NDArray], NDArray]:
        trees = HistGradientBoostingClassifier(
            max_iter=150,
            learning_rate=0.08,
            max_leaf_nodes=15,
            l2_regularization=1.0,
            early_stopping=False,
            random_state=integer(seed, "fastsim", "trees", bits=31),
        ).fit(values, label)
        return lambda tested: trees.predict_proba(tested)[:, 1]

    with threadpool_limits(1):
        return _cross_fitted(full, fast, fit, seed)


def auc_of_cells(full: NDArray, fast: NDArray, seed: int) -> float:
    """AUC of a dense network on ln(1 + cell), both (n, layers, cells) [MIP]."""

    def fit(values: NDArray, label: NDArray) -> Callable[[NDArray], NDArray]:
        network = _train(torch.from_numpy(values), torch.from_numpy(label).float(), seed)
        return lambda tested: network(torch.from_numpy(tested))[:, 0].detach().numpy()

    looks = [np.log1p(part.reshape(len(part), -1)).astype(np.float32) for part in (full, fast)]
    return _cross_fitted(looks[0], looks[1], fit, seed)


def _cross_fitted(full: NDArray, fast: NDArray, fit: Fit, seed: int) -> float:
    """Mean over the folds of the AUC on the fold, of a classifier fitted to the others."""
    areas = []
    for tested in _folds(len(full), seed):
        values = np.concatenate([full[~tested], fast[~tested]])
        label = np.repeat([0, 1], (~tested).sum())
        score = fit(values, label)
        scores = score(np.concatenate([full[tested], fast[tested]]))
        areas.append(roc_auc_score(np.repeat([0, 1], tested.sum()), scores))
    return float(np.mean(areas))


def _folds(number: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    order = stream(seed, "fastsim", "folds").permutation(number)
    for fold in range(_FOLDS):
        yield order % _FOLDS == fold


def _train(values: torch.Tensor, label: torch.Tensor, seed: int) -> nn.Module:
    random = stream(seed, "fastsim", "cells")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "cells", bits=63))
        network = nn.Sequential(
            nn.Linear(values.shape[1], 128),
            nn.ReLU(),
            nn.Linear(128, 64),
            nn.ReLU(),
            nn.Linear(64, 1),
        )
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=1e-2)
    for _ in range(_EPOCHS):
        for chosen in np.array_split(random.permutation(len(values)), len(values) // _BATCH + 1):
            score = network(values[chosen])[:, 0]
            loss = nn.functional.binary_cross_entropy_with_logits(score, label[chosen])
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return network.eval()


def frechet_distance(full: NDArray, fast: NDArray, seed: int) -> float:
    """Frechet distance of observables for infinitely many showers (FPD, arXiv:2211.10295).

    |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^1/2) of Gaussians fitted to both, in standard deviations of
    `full`; its bias falls as 1/N, so it is measured for several N and extrapolated.
    """
    deviation = full.std(axis=0)
    varying = deviation > 1e-6
    scaled = [part[:, varying] / deviation[varying] for part in (full, fast)]
    random = stream(seed, "fastsim", "frechet")
    sizes = np.repeat(np.linspace(0.35, 1.0, 8) * len(full), 4).astype(int)
    found = []
    for size in sizes:
        chosen = [part[random.choice(len(part), size, replace=False)] for part in scaled]
        found.append(_frechet(*chosen))
    return float(np.polynomial.polynomial.polyfit(1.0 / sizes, found, 1)[0])


def _frechet(first: NDArray, second: NDArray) -> float:
    shift = first.mean(axis=0) - second.mean(axis=0)
    covariances = np.cov(first, rowvar=False), np.cov(second, rowvar=False)
    root = np.linalg.eigvals(covariances[0] @ covariances[1]).real.clip(0.0) ** 0.5
    return float(shift @ shift + sum(np.trace(c) for c in covariances) - 2.0 * root.sum())


def separation_power(full: NDArray, fast: NDArray, bins: int = 40) -> float:
    """Separation power 1/2 sum (h1 - h2)^2 / (h1 + h2) of unit histograms (arXiv:2410.21611).

    0 for equal, 1 for disjoint distributions; bins of equal population of `full`, (n,) each.
    """
    edges = np.unique(np.quantile(full, np.linspace(0, 1, bins + 1)))
    edges[0], edges[-1] = -np.inf, np.inf
    first, second = (np.histogram(part, edges)[0] / len(part) for part in (full, fast))
    return float(0.5 * ((first - second) ** 2 / (first + second).clip(1e-12)).sum())
