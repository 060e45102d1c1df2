"""The full simulation of one kind of particle, as timing and judging at one energy need it."""

from __future__ import annotations

import logging
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Simulate
from hyperhex.fastsim.library import Sample, thresholded
from hyperhex.fastsim.simulation import Scale
from hyperhex.simulate.cascade import HADRONS, simulate_hadrons
from hyperhex.simulate.library import Showers, simulate
from hyperhex.simulate.stage import absorber_of, layout, matter_of

__all__ = ["Transport", "showers_at", "transport_of"]

log = logging.getLogger(__name__)

Transport = Callable[[tuple[float, float], int, NDArray[np.uint64]], Showers]
"""Showers of a range of energies [GeV], log-uniform, from a seed and the showers' numbers."""

_NARROW = 1.0 + 1e-9
_BLOCK = 500


def transport_of(section: Simulate, particle: str) -> Transport:
    """Full simulation of a particle; both energies of a range may be the same."""
    if particle in HADRONS:
        absorber = absorber_of(section)
    else:
        matter, n_layers = matter_of(section), layout(section)[0].n_layers

    def transport(energies: tuple[float, float], seed: int, numbers: NDArray[np.uint64]) -> Showers:
        low, high = energies
        beam = particle, (low, max(high, low * _NARROW)), seed, numbers
        if particle in HADRONS:
            return simulate_hadrons(absorber, *beam).showers
        return simulate(matter, n_layers, *beam)

    return transport


def showers_at(transport: Transport, scale: Scale, energy: float, number: int, seed: int) -> Sample:
    """Full showers of one energy [GeV], with cells of the scale's threshold."""
    blocks = []
    for start in range(0, number, _BLOCK):
        numbers = np.arange(start, min(start + _BLOCK, number), dtype=np.uint64)
        made = transport((energy, energy), seed, numbers)
        cells = thresholded(made.deposits, scale.mip, scale.threshold)
        blocks.append((cells, np.full(len(cells), energy), made.impact))
        log.info("%s of %g GeV: %d/%d", scale.particle, energy, start + len(cells), number)
    return Sample(*(np.concatenate(parts) for parts in zip(*blocks, strict=True)))
