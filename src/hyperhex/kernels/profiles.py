"""Lateral profiles added to logits, and their exponentials: what cells are expected to have.

A profile is a table of logarithms at knots of ln E and of the distance of a cell from where the
particle entered, with linear interpolation between the knots, as `hyperhex.fastsim.template` has
it. This is its fast form: distances are found once for all layers.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, inlined
from hyperhex.kernels.elementary import exp32

__all__ = ["weigh"]

Floats = NDArray[np.float32]


@compiled
def weigh(
    logits: Floats,
    log_energy: Floats,
    impact: Floats,
    knots: Floats,
    distances: Floats,
    radial: Floats,
    positions: Floats,
) -> None:
    """Replace logits (n, n_layers, n_cells) by exp(logits + profile).

    `log_energy` (n,) of [GeV], `impact` (n, 2) and `positions` (n_cells, 2) [cm], `knots` (k,) of
    ln E, `distances` (d,) [cm], `radial` (k, n_layers, d). The largest exponent is 80.
    """
    n_layers, n_cells = logits.shape[1], logits.shape[2]
    profile = np.empty((n_layers, len(distances)), np.float32)
    below = np.empty(n_cells, np.int64)
    share = np.empty(n_cells, np.float32)
    for shower in range(len(logits)):
        knot, part = _between(log_energy[shower], knots)
        for layer in range(n_layers):
            for d in range(len(distances)):
                low, high = radial[knot, layer, d], radial[knot + 1, layer, d]
                profile[layer, d] = low + part * (high - low)
        for c in range(n_cells):
            x = positions[c, 0] - impact[shower, 0]
            y = positions[c, 1] - impact[shower, 1]
            below[c], share[c] = _between(np.float32(math.sqrt(x * x + y * y)), distances)
        for layer in range(n_layers):
            row = logits[shower, layer]
            for c in range(n_cells):
                low, high = profile[layer, below[c]], profile[layer, below[c] + 1]
                row[c] = exp32(row[c] + low + share[c] * (high - low))


@inlined
def _between(value: np.float32, knots: Floats) -> tuple[int, np.float32]:
    """Knot below a value and the share of the way to the next; the ends beyond them."""
    knot = 0
    for k in range(1, len(knots) - 1):
        knot += value >= knots[k]
    part = (value - knots[knot]) / (knots[knot + 1] - knots[knot])
    return knot, np.float32(min(max(part, np.float32(0.0)), np.float32(1.0)))
