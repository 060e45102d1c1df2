"""Sums over the hit cells of layers and rings, and what a gradient of them says to every cell.

Of showers that are drawn cell by cell a critic is shown sums over cells. They are taken over the
hits alone, of which there are few. Their gradient is that with respect to the energy expected in a
cell, hit or not (`hyperhex.fastsim.compound_poisson`).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import ANY_ORDER, compiled, inlined

__all__ = [
    "ABOVE",
    "ENERGY",
    "FOURTH",
    "HITS",
    "HITS_MOMENTS",
    "LOGARITHM",
    "LOGARITHM_SQUARE",
    "MOMENTS",
    "SQUARE",
    "sum_back",
    "sum_hits",
]

Floats = NDArray[np.float32]
Places = NDArray[np.int64]

ENERGY, HITS, LOGARITHM = 0, 1, 2
MOMENTS, HITS_MOMENTS, LOGARITHM_SQUARE = 3, 6, 9
SQUARE, FOURTH, ABOVE = 10, 11, 12
"""Columns of the sums of a layer: energy, hits, ln(1 + e); x, y and d^2 weighted by energy and by
hits, d^2 by the logarithms; e^2 and e^4; then the hits above each edge. Distances d are from the
impact point."""


@compiled
def sum_hits(
    first: Places,
    cell: NDArray[np.int32],
    energy: Floats,
    impact: Floats,
    positions: Floats,
    ring: Places,
    groups: Places,
    chosen: Places,
    edges: Floats,
    layers: Floats,
    rings: Floats,
    logarithms: Floats,
) -> None:
    """Add the sums of chosen showers to arrays of zeros.

    `first`, `cell` and `energy` [MIP] are those of `Hits`, `impact` (n, 2) of the chosen and
    `positions` (n_cells, 2) [cm], `ring` and `groups` (n_cells,), `chosen` (n,) which showers they
    are, `edges` rising [MIP]. Results are `layers` (n, n_layers, 12 + n_edges), `rings`
    (n, 2, n_rings), energy and hits, and `logarithms` (n, n_layers, n_groups), the sum of ln(1 + e)
    in a group of cells.
    """
    n_cells = len(positions)
    for one in range(len(chosen)):
        shower = chosen[one]
        for hit in range(first[shower], first[shower + 1]):
            layer, c = cell[hit] // n_cells, cell[hit] % n_cells
            value = energy[hit]
            logarithm = np.float32(math.log1p(value))
            x, y = positions[c, 0] - impact[one, 0], positions[c, 1] - impact[one, 1]
            square = x * x + y * y
            row = layers[one, layer]
            row[ENERGY] += value
            row[HITS] += np.float32(1.0)
            row[LOGARITHM] += logarithm
            row[MOMENTS] += value * x
            row[MOMENTS + 1] += value * y
            row[MOMENTS + 2] += value * square
            row[HITS_MOMENTS] += x
            row[HITS_MOMENTS + 1] += y
            row[HITS_MOMENTS + 2] += square
            row[LOGARITHM_SQUARE] += logarithm * square
            row[SQUARE] += value * value
            row[FOURTH] += value * value * value * value
            for edge in range(len(edges)):
                if value > edges[edge]:
                    row[ABOVE + edge] += np.float32(1.0)
            rings[one, 0, ring[c]] += value
            rings[one, 1, ring[c]] += np.float32(1.0)
            logarithms[one, layer, groups[c]] += logarithm


@partial(compiled, fastmath=ANY_ORDER)
def sum_back(
    first: Places,
    cell: NDArray[np.int32],
    energy: Floats,
    impact: Floats,
    positions: Floats,
    ring: Places,
    groups: Places,
    layers: Floats,
    rings: Floats,
    logarithms: Floats,
    expected: Floats,
    of_hit: Floats,
    of_logarithm: Floats,
    of_above: Floats,
    per_unit: np.float32,
) -> Floats:
    """Gradient with respect to the fractions that cells are drawn about, (n, n_layers, n_cells).

    The arguments up to `groups` are those of `sum_hits`, of all showers; `layers`, `rings` and
    `logarithms` are the gradients of its results, `expected` (n, n_layers) the energies that the
    fractions are of [MIP]. To the energy expected in a cell the energy of a cell has
    the derivative 1, the number of hits that of `of_hit` (n_layers,) if there is none and else 0;
    ln(1 + e) and the hits above the edges have those of `of_logarithm` (n_layers, n_knots) and
    `of_above` (n_layers, n_knots, n_edges), at the nearest knot, of which there are `per_unit` to
    one of ln(1 + e) [1/MIP].
    """
    number, n_layers, n_cells = len(impact), layers.shape[1], len(positions)
    found = np.empty((number, n_layers, n_cells), np.float32)
    x, y = np.empty(n_cells, np.float32), np.empty(n_cells, np.float32)
    square, whole = np.empty(n_cells, np.float32), np.empty(n_cells, np.float32)
    for shower in range(number):
        for c in range(n_cells):
            x[c] = positions[c, 0] - impact[shower, 0]
            y[c] = positions[c, 1] - impact[shower, 1]
            square[c] = x[c] * x[c] + y[c] * y[c]
        for layer in range(n_layers):
            told, row = layers[shower, layer], found[shower, layer]
            times = expected[shower, layer]
            if times == np.float32(0.0):
                row[:] = np.float32(0.0)
                continue
            of_groups = logarithms[shower, layer]
            once, gain = of_hit[layer], of_logarithm[layer, 0]
            # an empty cell: all derivatives together are one polynomial of its place
            constant = told[ENERGY] + once * told[HITS] + gain * told[LOGARITHM]
            for edge in range(of_above.shape[2]):
                constant += of_above[layer, 0, edge] * told[ABOVE + edge]
            along_x = told[MOMENTS] + once * told[HITS_MOMENTS]
            along_y = told[MOMENTS + 1] + once * told[HITS_MOMENTS + 1]
            outwards = told[MOMENTS + 2] + once * told[HITS_MOMENTS + 2]
            outwards += gain * told[LOGARITHM_SQUARE]
            for c in range(n_cells):
                whole[c] = rings[shower, 0, ring[c]] + once * rings[shower, 1, ring[c]]
                whole[c] += gain * of_groups[groups[c]]
            for c in range(n_cells):
                whole[c] += constant + along_x * x[c] + along_y * y[c] + outwards * square[c]
                row[c] = times * whole[c]
        for hit in range(first[shower], first[shower + 1]):
            layer, c = cell[hit] // n_cells, cell[hit] % n_cells
            told = layers[shower, layer]
            knot = _knot(energy[hit], per_unit, of_logarithm.shape[1])
            gain, place = of_logarithm[layer, knot], (x[c], y[c], square[c])
            total = _of_hit_cell(energy[hit], told, place, gain, of_above[layer, knot])
            total += rings[shower, 0, ring[c]] + gain * logarithms[shower, layer, groups[c]]
            found[shower, layer, c] = expected[shower, layer] * total
    return found


@partial(inlined, fastmath=ANY_ORDER)
def _of_hit_cell(
    value: np.float32,
    told: Floats,
    place: tuple[np.float32, np.float32, np.float32],
    gain: np.float32,
    above: Floats,
) -> np.float32:
    """What the sums of its layer say to a cell with a hit.

    `gain` is the derivative of its logarithm, `above` (n_edges,) are those of the hits above edges.
    """
    x, y, square = place
    total = told[ENERGY] + told[MOMENTS] * x + told[MOMENTS + 1] * y + told[MOMENTS + 2] * square
    total += gain * (told[LOGARITHM] + told[LOGARITHM_SQUARE] * square)
    total += np.float32(2.0) * value * told[SQUARE]
    total += np.float32(4.0) * value * value * value * told[FOURTH]
    for edge in range(len(above)):
        total += above[edge] * told[ABOVE + edge]
    return total


@inlined
def _knot(value: np.float32, per_unit: np.float32, number: int) -> int:
    """Knot nearest to ln(1 + e), the last one beyond."""
    return min(int(np.float32(math.log1p(value)) * per_unit + np.float32(0.5)), number - 1)
