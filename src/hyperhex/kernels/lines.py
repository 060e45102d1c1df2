"""Cores that secondaries leave in the layers they cross, from what a network says of their lines.

The compiled form of `hyperhex.fastsim.cores.Cores`, of layers with hits alone, with what the
calibration has set and without the cores that have next to nothing of their layer.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, inlined
from hyperhex.kernels.elementary import exp32
from hyperhex.kernels.profiles import mean_at

__all__ = [
    "LEAST_STRENGTH",
    "LINE",
    "LOG_NARROW",
    "LOG_SPREAD",
    "LOG_STRENGTH",
    "NARROW",
    "SPREAD",
    "STRENGTH",
    "VERTEX",
    "place_cores",
]

Floats = NDArray[np.float32]

# where a network says of a line: place and direction, the logarithms of their spread, that of b at
# the face and its slope, the depth of the vertex, and from where on the strength in each layer
LINE, SPREAD, NARROW, VERTEX, STRENGTH = 0, 4, 8, 10, 11
LOG_SPREAD = -6.0, 3.0
LOG_NARROW = -3.0, 5.0
LOG_STRENGTH = -12.0, 6.0
LEAST_STRENGTH = 1e-4
"""Share of a layer's energy below which a core is left out, as most of them are."""


@compiled
def place_cores(
    said: Floats,
    own: Floats,
    impact: Floats,
    depths: Floats,
    rows: NDArray[np.int64],
    number_of_rows: int,
    energy: Floats,
    number: Floats,
    hits: Floats,
    shares: Floats,
    narrower: Floats,
) -> Floats:
    """Strength, b [1/cm^2] and place [cm] of cores in layers with hits, (m, k, 4).

    `said` (n, k, 11 + n_layers) is what the network says of k lines, `own` (n, k, 4) their normal
    numbers, `impact` (n, 2) [cm], `depths` (n_layers,) those of the layers, the last at 1; `rows`
    (n, n_layers) says which of the m is a layer's, -1 for none; `energy` [MIP] and `number` of hits
    of the layers (n, n_layers); `hits`, `shares` and `narrower` are knots and ln of a factor of b
    as of `hyperhex.fastsim.correction`.
    """
    showers, lines, n_layers = len(said), said.shape[1], len(depths)
    found = np.empty((number_of_rows, lines, 4), np.float32)
    strength = np.empty((lines, n_layers), np.float32)
    narrow = np.empty((lines, n_layers), np.float32)
    along = np.empty((lines, 4), np.float32)
    vertex = np.empty(lines, np.float32)
    one = np.float32(1.0)
    for shower in range(showers):
        for k in range(lines):
            line = said[shower, k]
            strengths, log_narrow = line[STRENGTH:], line[NARROW]
            slope = line[NARROW + 1]
            for layer in range(n_layers):
                strength[k, layer] = exp32(_within(strengths[layer], LOG_STRENGTH))
            for layer in range(n_layers):
                log_b = _within(log_narrow + slope * depths[layer], LOG_NARROW)
                narrow[k, layer] = exp32(log_b)
            for j in range(4):
                spread = exp32(_within(line[SPREAD + j], LOG_SPREAD))
                along[k, j] = line[LINE + j] + own[shower, k, j] * spread
            vertex[k] = one / (one + exp32(-line[VERTEX]))
        for layer in range(n_layers):
            row = rows[shower, layer]
            if row < 0:
                continue
            hit = number[shower, layer]
            times = exp32(mean_at(hit, energy[shower, layer], hits, shares, narrower))
            least = one
            for k in range(lines):
                least += strength[k, layer]
            least *= np.float32(LEAST_STRENGTH)
            for k in range(lines):
                beyond = depths[layer] - vertex[k]
                there = strength[k, layer] >= least
                found[row, k, 0] = strength[k, layer] if there else np.float32(0.0)
                found[row, k, 1] = narrow[k, layer] * times
                found[row, k, 2] = impact[shower, 0] + along[k, 0] + along[k, 2] * beyond
                found[row, k, 3] = impact[shower, 1] + along[k, 1] + along[k, 3] * beyond
    return found


@inlined
def _within(value: np.float32, limits: tuple[float, float]) -> np.float32:
    return min(max(value, np.float32(limits[0])), np.float32(limits[1]))
