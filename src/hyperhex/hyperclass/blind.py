"""A search without a signal in mind: the region of a score where data exceed background the most.

Regions are cuts on each score at fixed background efficiencies. The chance p of at least the events
seen is Poisson with the simulation's own error (a gamma prior of its effective events). As the
smallest p of many is small by chance too, pseudo-experiments of background alone, drawn from the
simulated events, say how often a smaller one is found anywhere (look-elsewhere effect).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import nbinom, norm

__all__ = ["Excess", "Found", "local_p", "search"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Excess:
    """One region: events seen and expected, its error from simulation, and the chance of it."""

    score: str
    efficiency: float
    observed: int
    expected: float
    error: float
    p_value: float


@dataclass(frozen=True)
class Found:
    """All regions, the least likely first; `p_value` is the chance to find one as unlikely."""

    regions: list[Excess]
    p_value: float
    experiments: int

    @property
    def significance(self) -> float:
        """Of the whole search, in standard deviations."""
        return float(norm.isf(self.p_value))


def local_p(observed: NDArray[Any], expected: Floats, error: Floats) -> Floats:
    """Chance of at least `observed` events, of an expectation known to `error`; all of one shape.

    The mean of a Poisson distribution has a gamma distribution, so events have a negative binomial
    one, of (expected / error)^2 effective simulated events.
    """
    effective = (expected / np.maximum(error, 1e-9)) ** 2
    return np.asarray(nbinom.sf(observed - 1, effective, effective / (effective + expected)))


def search(
    data: Mapping[str, Floats],
    background: Mapping[str, Floats],
    weight: Floats,
    efficiencies: Sequence[float],
    experiments: int,
    generator: np.random.Generator,
) -> Found:
    """Search in data for an excess over background.

    `data` and `background` hold for each score the part of the background that scores higher, (n,)
    and (m,); `weight` (m,) are the expected events of each simulated one.
    """
    names = [(score, efficiency) for score in data for efficiency in efficiencies]
    inside = np.stack([background[score] <= efficiency for score, efficiency in names])
    seen = np.array([np.sum(data[score] <= efficiency) for score, efficiency in names])
    expected, error = inside @ weight, np.sqrt(inside @ weight**2)
    chance = local_p(seen, expected, error)
    least = np.array(
        [_least(inside, weight, generator) for _ in range(experiments)], dtype=np.float64
    )
    regions = [
        Excess(
            score, efficiency, int(seen[i]), float(expected[i]), float(error[i]), float(chance[i])
        )
        for i, (score, efficiency) in enumerate(names)
    ]
    smaller = int(np.sum(least <= chance.min()))
    return Found(
        sorted(regions, key=lambda region: region.p_value),
        (1 + smaller) / (1 + experiments),
        experiments,
    )


def _least(inside: NDArray[np.bool_], weight: Floats, generator: np.random.Generator) -> float:
    """Smallest chance in a pseudo-experiment: other data, and other simulated events to expect."""
    drawn = generator.poisson(np.maximum(weight, 0.0))
    simulated = weight * generator.poisson(1.0, len(weight))
    expected, error = inside @ simulated, np.sqrt(inside @ simulated**2)
    return float(local_p(inside @ drawn, np.maximum(expected, 1e-9), error).min())
