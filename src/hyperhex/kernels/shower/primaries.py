"""The particles that showers start from, each drawn from the stream of its own shower."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.counter import State, begin, hashed, uniform
from hyperhex.kernels.hexagonal.hexagon import axial_of_point

__all__ = ["primaries"]


@uncounted
def primaries(
    starts: NDArray[np.float64],
    seed: np.uint64,
    numbers: NDArray[np.uint64],
    energies: tuple[float, float],
    charge: float,
    pitch: float,
    state: State,
) -> None:
    """Draw particles along z: energies log-uniform [GeV], impact uniform in the central cell.

    Fills starts (n, 9) as in `hyperhex.kernels.shower.matter`; the state is room to work in.
    """
    low, high = energies
    span = math.log(high / low)
    reach = pitch / math.sqrt(3.0)
    for i in range(len(starts)):
        # another stream than the shower's own
        begin(state, hashed(seed), numbers[i])
        energy = min(high, low * math.exp(span * uniform(state)))
        while True:
            x = reach * (2.0 * uniform(state) - 1.0)
            y = reach * (2.0 * uniform(state) - 1.0)
            q, r = axial_of_point(x, y, pitch)
            if q == 0 and r == 0:
                break
        starts[i, :] = 0.0
        starts[i, 0], starts[i, 1], starts[i, 5] = x, y, 1.0
        starts[i, 6], starts[i, 7] = energy, charge
