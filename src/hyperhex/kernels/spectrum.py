"""Numbers of cells above edges of energy, and what a gradient of them says to each cell."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled

__all__ = ["count_above", "spread_back"]

Floats = NDArray[np.float32]


def count_above(values: Floats, edges: Floats) -> Floats:
    """Number of cells of each layer above rising edges, (n, n_layers, n_edges).

    `values` (n, n_layers, n_cells) and `edges` (n_edges,) in the same unit.
    """
    counts = np.zeros((*values.shape[:2], len(edges)), np.float32)
    _count(values, edges, counts)
    return counts


@compiled
def _count(values: Floats, edges: Floats, counts: Floats) -> None:
    for shower in range(values.shape[0]):
        for layer in range(values.shape[1]):
            for value in values[shower, layer]:
                edge = 0
                while edge < len(edges) and value > edges[edge]:
                    counts[shower, layer, edge] += np.float32(1.0)
                    edge += 1


def spread_back(values: Floats, gradient: Floats, weights: Floats, per_unit: float) -> Floats:
    """Sum over the edges of the gradient times a weight, for each cell, (n, n_layers, n_cells).

    `gradient` (n, n_layers, n_edges); `weights` (n_layers, n_knots, n_edges) are taken at the knot
    nearest to the value, `per_unit` knots a unit of the values.
    """
    found = np.empty_like(values)
    _spread(values, gradient, weights, per_unit, found)
    return found


@compiled
def _spread(
    values: Floats, gradient: Floats, weights: Floats, per_unit: float, found: Floats
) -> None:
    last = weights.shape[1] - 1
    for shower in range(values.shape[0]):
        for layer in range(values.shape[1]):
            told = gradient[shower, layer]
            empty = np.float32(0.0)
            for edge in range(len(told)):
                empty += told[edge] * weights[layer, 0, edge]
            for c in range(values.shape[2]):
                value = values[shower, layer, c]
                if value == np.float32(0.0):
                    found[shower, layer, c] = empty
                    continue
                knot = min(int(value * per_unit + 0.5), last)
                total = np.float32(0.0)
                for edge in range(len(told)):
                    total += told[edge] * weights[layer, knot, edge]
                found[shower, layer, c] = total
