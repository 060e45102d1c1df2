"""How well two samples of showers can be told apart by classifiers.

The area under the ROC curve is 0.5 for samples of one distribution and 1 for samples that a
classifier tells apart without fault. One rule for few and for many showers: they are cut into four
parts, and one part after another is scored by a classifier fitted to the other three, until
10,000 showers of each sample are scored, or all. Row i of both samples is under the same condition,
so both are in the same part. An eighth of the other three parts tells a classifier when to stop.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from threadpoolctl import threadpool_limits

from hyperhex.fastsim.classifiers import CLASSIFIERS, Fit, Look
from hyperhex.random import stream

__all__ = ["Area", "areas", "auc_of_observables", "best", "under_curve"]

_PARTS = 4
_ENOUGH = 10_000
_STOPPING = 8


@dataclass(frozen=True)
class Area:
    """Area under a ROC curve and its standard error."""

    auc: float
    error: float


def areas(full: Look, fast: Look, seed: int) -> dict[str, Area]:
    """What each classifier reaches, by its name."""
    with threadpool_limits(1):
        return {name: _scored(full, fast, fit, seed) for name, fit in CLASSIFIERS.items()}


def best(found: Mapping[str, Area]) -> Area:
    """The better classifier counts."""
    return max(found.values(), key=lambda area: area.auc)


def auc_of_observables(full: NDArray, fast: NDArray, seed: int) -> float:
    """AUC of boosted trees alone on observables, both (n, k): a quick look during a training."""
    looks = [Look(np.asarray(part, np.float32)) for part in (full, fast)]
    with threadpool_limits(1):
        return _scored(looks[0], looks[1], CLASSIFIERS["trees"], seed).auc


def under_curve(first: NDArray, second: NDArray) -> Area:
    """Area under the ROC curve of two samples of scores, the share of pairs with second > first.

    Its error from the scatter of the shares of single scores (DeLong, Biometrics 44 (1988) 837).
    """
    ranks = rankdata(np.concatenate([first, second]))
    lower = (ranks[len(first) :] - rankdata(second)) / len(first)
    higher = 1.0 - (ranks[: len(first)] - rankdata(first)) / len(second)
    variance = lower.var(ddof=1) / len(second) + higher.var(ddof=1) / len(first)
    return Area(float(lower.mean()), float(np.sqrt(variance)))


def _scored(full: Look, fast: Look, fit: Fit, seed: int) -> Area:
    """Mean over the scored parts, each by a classifier that saw none of it."""
    found = []
    for fitted, stopping, tested in _parts(len(full), seed):
        seen, held = (full.rows(rows).above(fast.rows(rows)) for rows in (fitted, stopping))
        score = fit(seen, _labels(fitted), held, _labels(stopping), seed)
        found.append(under_curve(score(full.rows(tested)), score(fast.rows(tested))))
    values = np.array([list(asdict(area).values()) for area in found])
    return Area(float(values[:, 0].mean()), float(np.hypot.reduce(values[:, 1]) / len(found)))


def _parts(number: int, seed: int) -> Iterator[tuple[NDArray, NDArray, NDArray]]:
    """Rows to fit, to stop and to score, until enough are scored."""
    parts = np.array_split(stream(seed, "fastsim", "parts").permutation(number), _PARTS)
    scored = 0
    for k, tested in enumerate(parts):
        others = np.concatenate(parts[:k] + parts[k + 1 :])
        cut = max(1, len(others) // _STOPPING)
        yield others[cut:], others[:cut], tested
        scored += len(tested)
        if scored >= _ENOUGH:
            return


def _labels(rows: NDArray) -> NDArray[np.int64]:
    return np.repeat([0, 1], len(rows))
