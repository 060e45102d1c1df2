"""Signal efficiency at a background efficiency, and the area under the curve, of weighted events.

The curve is that of the cut `score > t` over all t, joined by straight lines through events of the
same score, so a classifier that tells nothing apart has eps_S = eps_B exactly. Weights may be
negative.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cut", "auc", "cuts", "signal_efficiency"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Cut:
    """Cuts that let a background efficiency pass, one per replica of the background.

    Events with score > `threshold` pass, those with score == `threshold` by the fraction `share`;
    both (replicas, efficiencies).
    """

    threshold: Floats
    share: Floats


def cuts(score: Floats, weight: Floats, efficiencies: Floats) -> Cut:
    """Cuts for background of `score` (n,) and `weight` (replicas, n)."""
    order = np.argsort(-score, kind="stable")
    ordered = score[order]
    # the last event of each run of equal scores
    last = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
    passed = np.cumsum(weight[:, order], axis=1, dtype=np.float64)[:, last]
    total = passed[:, -1:]
    passed = passed / np.where(total != 0.0, total, np.nan)
    before = np.concatenate([np.zeros_like(total), passed[:, :-1]], axis=1)
    # the first run that goes beyond what is wanted; with negative weights there may be several
    index = np.stack([_first(passed > wanted) for wanted in efficiencies], axis=1)
    lower = np.take_along_axis(before, index, axis=1)
    step = np.take_along_axis(passed, index, axis=1) - lower
    share = (efficiencies - lower) / np.where(step != 0.0, step, np.nan)
    return Cut(threshold=ordered[last][index], share=np.clip(share, 0.0, 1.0))


def signal_efficiency(score: Floats, weight: Floats, cut: Cut) -> Floats:
    """Weighted fraction of signal that passes, of `score` (n,) and `weight` (replicas, n).

    Shape (replicas, efficiencies).
    """
    total = weight.sum(axis=1, dtype=np.float64)
    passing = np.empty_like(cut.threshold)
    for column, (threshold, share) in enumerate(zip(cut.threshold.T, cut.share.T, strict=True)):
        above = score[None, :] > threshold[:, None]
        equal = score[None, :] == threshold[:, None]
        accepted = above + share[:, None] * equal
        passing[:, column] = np.einsum("rn,rn->r", weight, accepted)
    return passing / np.where(total != 0.0, total, np.nan)[:, None]


def auc(signal: Floats, signal_weight: Floats, score: Floats, weight: Floats) -> float:
    """Area under the curve, the chance that a signal event scores above a background event.

    Equal scores count half; nan where a class has no events.
    """
    total = float(signal_weight.sum()) * float(weight.sum())
    if total == 0.0:
        return float("nan")
    order = np.argsort(score, kind="stable")
    ordered = score[order]
    below = np.append(0.0, np.cumsum(weight[order]))
    less = below[np.searchsorted(ordered, signal, side="left")]
    at_most = below[np.searchsorted(ordered, signal, side="right")]
    return float(np.sum(signal_weight * 0.5 * (less + at_most)) / total)


def _first(beyond: NDArray[np.bool_]) -> NDArray[np.intp]:
    """Column of the first true value of each row, the last column if there is none."""
    return np.where(beyond.any(axis=1), beyond.argmax(axis=1), beyond.shape[1] - 1)
