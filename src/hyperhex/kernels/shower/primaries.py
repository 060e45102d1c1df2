"""The particles that showers start from, each drawn from the stream of its own shower."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.counter import State, begin, hashed, uniform
from hyperhex.kernels.hexagonal.hexagon import axial_of_point

__all__ = ["Beam", "primaries"]


class Beam(NamedTuple):
    """Particles as they come: energies [GeV], kind (the charge), angle to the normal [rad].

    `flat` energies are uniform in a range, others log-uniform; the impact is uniform in the central
    cell of a lattice of this pitch [cm].
    """

    low: float
    high: float
    flat: bool
    kind: float
    angle: float
    pitch: float


@uncounted
def primaries(
    starts: NDArray[np.float64],
    beam: Beam,
    seed: np.uint64,
    numbers: NDArray[np.uint64],
    state: State,
) -> None:
    """Draw particles of a beam into starts (n, 9) as in `hyperhex.kernels.shower.matter`.

    The state is room to work in.
    """
    reach = beam.pitch / math.sqrt(3.0)
    for i in range(len(starts)):
        # another stream than the shower's own
        begin(state, hashed(seed), numbers[i])
        u = uniform(state)
        if beam.flat:
            energy = beam.low + (beam.high - beam.low) * u
        else:
            energy = min(beam.high, beam.low * math.exp(math.log(beam.high / beam.low) * u))
        while True:
            x = reach * (2.0 * uniform(state) - 1.0)
            y = reach * (2.0 * uniform(state) - 1.0)
            q, r = axial_of_point(x, y, beam.pitch)
            if q == 0 and r == 0:
                break
        starts[i, :] = 0.0
        starts[i, 0], starts[i, 1] = x, y
        starts[i, 3], starts[i, 5] = math.sin(beam.angle), math.cos(beam.angle)
        starts[i, 6], starts[i, 7] = energy, beam.kind
