"""Scores of several methods on one scale: the part of the background that scores higher.

With t the background that passes a cut at an event's score, 1 - t is the event's rank. Ranks are
averaged over methods, or combined as what finds rare and what finds different events
(arXiv:2106.10164): AND, OR, AVG and PROD. The result is -ln t, which keeps its resolution where the
background ends.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["COMBINATIONS", "Ranking", "averaged"]

Floats = NDArray[np.float64]

# rank 1 - t of the combination, from t of its two parts
COMBINATIONS: Mapping[str, Callable[[Floats, Floats], Floats]] = {
    "and": np.maximum,
    "or": np.minimum,
    "average": lambda first, second: 0.5 * (first + second),
    "product": lambda first, second: first + second - first * second,
}


class Ranking:
    """Background under one score, fold by fold, for each fold has a fit of its own."""

    def __init__(self, score: Floats, fold: NDArray[np.integer], weight: Floats) -> None:
        self._folds: dict[int, tuple[Floats, Floats]] = {}
        for number in np.unique(fold):
            chosen = fold == number
            order = np.argsort(score[chosen], kind="stable")
            # events of negative weight are background too
            above = np.append(np.cumsum(np.abs(weight[chosen][order])[::-1])[::-1], 0.0)
            self._folds[int(number)] = (score[chosen][order], above / above[0])

    def passing(self, score: Floats, fold: NDArray[np.integer]) -> Floats:
        """Part t of the background that scores higher, equal scores by half, (n,)."""
        found = np.full(len(score), np.nan)
        for number, (ordered, above) in self._folds.items():
            chosen = fold == number
            higher = above[np.searchsorted(ordered, score[chosen], side="right")]
            at_least = above[np.searchsorted(ordered, score[chosen], side="left")]
            # even above all of them, less than one event's worth is not known to be nothing
            found[chosen] = np.maximum(0.5 * (higher + at_least), 0.5 / len(ordered))
        return found


def averaged(passing: Sequence[Floats]) -> Floats:
    """Score -ln t of the mean rank, (n,)."""
    return np.asarray(-np.log(np.mean(passing, axis=0)))
