"""How many events each slice of the background needs, and what they are worth together.

A slice of n generated events has weights in the region that sum to W and whose squares sum to
Q / n. The background has (sum W)^2 / sum (Q / n) effective events; for a given number of these,
the time sum n c is least where n is proportional to sqrt(Q / c), c being the time of an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError

__all__ = ["Slice", "effective_events", "largest_share", "optimum", "variance_shares"]

Floats = NDArray[np.float64]

_STEPS = 60


@dataclass(frozen=True)
class Slice:
    """One point of the background, from a trial.

    `rate` is W [pb], `squares` is Q [pb^2], `largest` the largest weight times the generated events
    [pb], `selected` the part of the generated events that is in the region, `trial` how many were
    in it, and `seconds` the CPU time of a generated event.
    """

    name: str
    rate: float
    squares: float
    largest: float
    selected: float
    trial: int
    seconds: float


def effective_events(slices: Sequence[Slice], events: Floats) -> float:
    """Effective number of events of the background in the region, of `events` (slices,)."""
    return float(_rates(slices).sum() ** 2 / np.sum(_squares(slices) / events))


def largest_share(slices: Sequence[Slice], events: Floats) -> Floats:
    """Largest weight of each slice over the sum of all weights, (slices,)."""
    return np.array([one.largest for one in slices]) / events / _rates(slices).sum()


def variance_shares(slices: Sequence[Slice], events: Floats) -> Floats:
    """Part of the sum of squared weights that is each slice's, (slices,)."""
    squares = _squares(slices) / events
    return np.asarray(squares / squares.sum())


def optimum(slices: Sequence[Slice], effective: float, share: float) -> Floats:
    """Events of each slice that reach an effective number in the least time, (slices,).

    No weight is larger than `share` of the sum of all. Raises `SelectionError` for a slice of
    which the trial has no event in the region.
    """
    if empty := [one.name for one in slices if one.trial == 0]:
        msg = f"{', '.join(empty)}: no event in the region of the trial; generate more events of it"
        raise SelectionError(msg)
    cheapest = np.sqrt(_squares(slices) / np.array([one.seconds for one in slices]))
    least = np.array([one.largest for one in slices]) / (share * _rates(slices).sum())

    def bounded(factor: float) -> Floats:
        return np.asarray(np.maximum(factor * cheapest, least))

    # without bounds this factor reaches the effective number exactly, with them less may do
    high = effective / effective_events(slices, cheapest)
    low = 0.0
    for _ in range(_STEPS):
        middle = 0.5 * (low + high)
        if effective_events(slices, bounded(middle)) < effective:
            low = middle
        else:
            high = middle
    return np.ceil(bounded(high))


def _rates(slices: Sequence[Slice]) -> Floats:
    return np.array([one.rate for one in slices])


def _squares(slices: Sequence[Slice]) -> Floats:
    return np.array([one.squares for one in slices])
