"""Lateral profiles added to logits, and their exponentials: what cells are expected to have.

A profile is a table of logarithms at knots of ln h, h being the hits of the layer, and of the
distance of a cell from where the particle entered, with linear interpolation between the knots, as
`hyperhex.fastsim.template` has it. This is its fast form: distances are found once for all layers.
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
    departures: Floats,
    groups: NDArray[np.int64],
    hits: Floats,
    impact: Floats,
    knots: Floats,
    distances: Floats,
    radial: Floats,
    positions: Floats,
) -> Floats:
    """Weights exp(departure + profile) of cells, (n, n_layers, n_cells).

    `departures` (n, n_layers, n_groups) are of the cells of a group, `groups` (n_cells,);
    `hits` (n, n_layers), `impact` (n, 2) and `positions` (n_cells, 2) [cm], `knots` (k,) of
    ln h, `distances` (d,) [cm], `radial` (k, n_layers, d). The largest exponent is 80.
    """
    number, n_layers, n_cells = len(departures), departures.shape[1], len(groups)
    weights = np.empty((number, n_layers, n_cells), np.float32)
    profile = np.empty(len(distances), np.float32)
    apart = np.empty(n_cells, np.float32)
    below = np.empty(n_cells, np.int32)
    for shower in range(number):
        for c in range(n_cells):
            x = positions[c, 0] - impact[shower, 0]
            y = positions[c, 1] - impact[shower, 1]
            apart[c] = math.sqrt(x * x + y * y)
        _places(apart, below, distances)
        for layer in range(n_layers):
            logarithm = np.float32(math.log(max(hits[shower, layer], np.float32(1.0))))
            knot, part = _between(logarithm, knots)
            for d in range(len(distances)):
                low, high = radial[knot, layer, d], radial[knot + 1, layer, d]
                profile[d] = low + part * (high - low)
            row, told = weights[shower, layer], departures[shower, layer]
            for c in range(n_cells):
                low, high = profile[below[c]], profile[below[c] + 1]
                row[c] = told[groups[c]] + low + apart[c] * (high - low)
            for c in range(n_cells):
                row[c] = exp32(row[c])
    return weights


@inlined
def _places(apart: Floats, below: NDArray[np.int32], knots: Floats) -> None:
    """Knots below values, and in place of the values the share of the way to the next."""
    below[:] = np.int32(0)
    for k in range(1, len(knots) - 1):
        for c in range(len(apart)):
            below[c] += np.int32(apart[c] >= knots[k])
    for c in range(len(apart)):
        low, high = knots[below[c]], knots[below[c] + 1]
        share = (apart[c] - low) / (high - low)
        apart[c] = min(max(share, np.float32(0.0)), np.float32(1.0))


@inlined
def _between(value: np.float32, knots: Floats) -> tuple[int, np.float32]:
    """Knot below a value and the share of the way to the next; the ends beyond them."""
    knot = 0
    for k in range(1, len(knots) - 1):
        knot += value >= knots[k]
    part = (value - knots[knot]) / (knots[knot + 1] - knots[knot])
    return knot, np.float32(min(max(part, np.float32(0.0)), np.float32(1.0)))
