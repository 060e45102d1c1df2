"""How well scores tell weighted classes apart: ROC curve, its area, and bootstrap errors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["auc", "auc_replicas", "roc"]

Floats = NDArray[np.float64]


def roc(
    label: NDArray[np.integer], score: NDArray[np.floating], weight: NDArray[np.floating]
) -> tuple[Floats, Floats]:
    """Efficiencies of background (label 0) and signal (1), falling cuts on the score, from 0 to 1.

    Events of the same score enter together.
    """
    order = np.argsort(-score, kind="stable")
    last = np.append(np.diff(score[order]) != 0.0, True)
    curves = []
    for value in (0, 1):
        passed = np.cumsum(np.where(label[order] == value, weight[order], 0.0), dtype=np.float64)
        curves.append(np.concatenate([[0.0], passed[last] / passed[-1]]))
    return curves[0], curves[1]


def auc(
    label: NDArray[np.integer], score: NDArray[np.floating], weight: NDArray[np.floating]
) -> float:
    """Area under the ROC curve: chance that a signal event scores higher, ties count half."""
    background, signal = roc(label, score, weight)
    return float(np.trapezoid(signal, background))


def auc_replicas(
    label: NDArray[np.integer],
    score: NDArray[np.floating],
    weight: NDArray[np.floating],
    replicas: int,
    stream: np.random.Generator,
) -> Floats:
    """Areas for events drawn anew, (replicas,); an equal stream draws the same events.

    Each event counts a Poisson number of times, of mean one.
    """
    drawn = (stream.poisson(1.0, len(weight)) * weight for _ in range(replicas))
    return np.array([auc(label, score, counts) for counts in drawn])
