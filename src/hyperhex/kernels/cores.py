"""Profiles of particles in the cells of layers, and the derivatives of their sum.

A particle shares its strength among the cells of a layer in proportion to (1 + b d^2)^-p, d being
the distance of a cell's centre from it. With p = 2 that is the core of an electromagnetic shower,
of radius b^-1/2 (the radial profiles of Grindhammer & Peters, hep-ex/0001020); with p = 8 nearly
all is in the nearest cell, as of a single track, and cells with less than a millionth of what the
nearest has are left out.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import ANY_ORDER, compiled, inlined

__all__ = ["LEAST_SHARE", "add_cores", "cores_back"]

Floats = NDArray[np.float32]

LEAST_SHARE = np.float32(1e-30)
"""Sum of the shares of a particle that no cell is near to, so that none has any of its strength."""

_POWER = 8.0  # of tracks
_LEAST_PART = 1e-6  # of the share of the nearest cell
_ACROSS = math.sqrt(3.0) / 2.0  # from one ring to the next [pitch], where they are nearest
_CORNER = 1.0 / 3.0  # square of the distance of a cell's corner from its centre [pitch^2]
_FARTHEST = 1000.0  # rings


@partial(compiled, fastmath=ANY_ORDER)
def add_cores(cells: Floats, cores: Floats, positions: Floats, hits: Floats) -> None:
    """Add profiles to the cells of layers that have hits, in place; those of no strength are none.

    `cells` (m, n_cells) of m layers; `cores` (m, k, 4) are strength as a share of the sum of the
    cells, b [1/cm^2], x and y of the particle [cm], the first half of them of p = 8, the others of
    p = 2; `positions` (n_cells, 2) [cm], ring by ring about the first; `hits` (m,).
    """
    x, y = positions[:, 0].copy(), positions[:, 1].copy()
    share, root, tracks = np.empty_like(x), np.empty_like(x), cores.shape[1] // 2
    for layer in range(len(cells)):
        if hits[layer] == np.float32(0.0):
            continue
        row, total = cells[layer], np.float32(0.0)
        for c in range(len(row)):
            total += row[c]
        for k in range(cores.shape[1]):
            strength, narrow, at_x, at_y = cores[layer, k]
            if strength == np.float32(0.0):
                continue
            place = narrow, at_x, at_y
            near = _reached(x, y, place) if k < tracks else len(x)
            own = share[:near]
            part = strength * total / _shares(own, root, x, y, place, k < tracks)
            for c in range(len(own)):
                row[c] += part * own[c]


@partial(compiled, fastmath=ANY_ORDER)
def cores_back(slopes: Floats, cores: Floats, positions: Floats, hits: Floats) -> Floats:
    """Gradient of cores (m, k, 4) from that of cells (m, n_cells) whose sum was one before."""
    found = np.zeros_like(cores)
    none = np.float32(0.0)
    x, y = positions[:, 0].copy(), positions[:, 1].copy()
    share, root, tracks = np.empty_like(x), np.empty_like(x), cores.shape[1] // 2
    for layer in range(len(slopes)):
        if hits[layer] == np.float32(0.0):
            continue
        row = slopes[layer]
        for k in range(cores.shape[1]):
            strength, narrow, at_x, at_y = cores[layer, k]
            place = narrow, at_x, at_y
            near = _reached(x, y, place) if k < tracks else len(x)
            own = share[:near]
            total = _shares(own, root, x, y, place, k < tracks)
            mean = none
            for c in range(len(own)):
                mean += row[c] * own[c]
            mean /= total
            of_narrow, of_x, of_y = none, none, none
            for c in range(len(own)):
                away_x, away_y = x[c] - at_x, y[c] - at_y
                slope = (row[c] - mean) * own[c] * root[c]
                of_narrow += slope * (away_x * away_x + away_y * away_y)
                of_x += slope * away_x
                of_y += slope * away_y
            power = np.float32(8.0) if k < tracks else np.float32(2.0)
            steep = power * strength / total
            found[layer, k, 0] = mean
            found[layer, k, 1] = -steep * of_narrow
            found[layer, k, 2] = np.float32(2.0) * steep * narrow * of_x
            found[layer, k, 3] = np.float32(2.0) * steep * narrow * of_y
    return found


@partial(inlined, fastmath=ANY_ORDER)
def _shares(
    share: Floats,
    root: Floats,
    x: Floats,
    y: Floats,
    place: tuple[np.float32, np.float32, np.float32],
    track: bool,
) -> np.float32:
    """Fill with (1 + b d^2)^-p and (1 + b d^2)^-1 of the first cells; the sum of those, never 0."""
    narrow, at_x, at_y = place
    total = LEAST_SHARE
    for c in range(len(share)):
        away_x, away_y = x[c] - at_x, y[c] - at_y
        square = away_x * away_x + away_y * away_y
        value = np.float32(1.0) / (np.float32(1.0) + narrow * square)
        root[c] = value
        value *= value
        if track:
            value *= value
            value *= value
        share[c] = value
        total += value
    return total


@inlined
def _reached(x: Floats, y: Floats, place: tuple[np.float32, np.float32, np.float32]) -> int:
    """How many of the cells there are to the last ring that a track has a share in."""
    narrow, at_x, at_y = place
    square = x[1] * x[1] + y[1] * y[1] if len(x) > 1 else np.float32(1.0)  # of the pitch
    more = np.float32(_LEAST_PART ** (-1.0 / _POWER))
    nearest = np.float32(1.0) + narrow * np.float32(_CORNER) * square
    far = math.sqrt((more * nearest - np.float32(1.0)) / narrow)
    rings = (math.sqrt(at_x * at_x + at_y * at_y) + far) / (np.float32(_ACROSS) * math.sqrt(square))
    ring = int(min(rings, np.float32(_FARTHEST)))
    return min(1 + 3 * ring * (ring + 1), len(x))
