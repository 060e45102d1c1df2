"""The lattice of hexagonal cells in axial coordinates (q, r): positions, rounding, turns.

Cells have flat sides to the left and right; the centre of cell (q, r) lies at
    x = pitch (q + r/2),   y = pitch sqrt(3)/2 r,
so that the pitch is both the flat-to-flat width and the distance of neighbours.
Source: A. Patel, "Hexagonal Grids" (https://www.redblobgames.com/grids/hexagons/).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "DIRECTIONS",
    "HALF_SQRT3",
    "axial_of_points",
    "axial_rings",
    "centre_of_axial",
    "reflect_axial",
    "rotate_axial",
]

HALF_SQRT3 = math.sqrt(3.0) / 2.0

# The six neighbours of a cell, counter-clockwise from the one at +x.
DIRECTIONS = np.array([[1, 0], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, -1]], dtype=np.int64)


def axial_of_points(
    x: NDArray[np.float64], y: NDArray[np.float64], pitch: float
) -> NDArray[np.int64]:
    """Axial coordinates (..., 2) of the cells that hold points, by cube rounding.

    Round (q, r, s = -q-r) and repair the coordinate that moved furthest, so that q + r + s = 0.
    x, y (...) and pitch in the same unit.
    """
    row = y / (HALF_SQRT3 * pitch)
    column = x / pitch - 0.5 * row
    cube = np.stack([column, row, -column - row], axis=-1)
    rounded = np.floor(cube + 0.5)
    furthest = np.argmax(np.abs(rounded - cube), axis=-1)[..., None]
    repair = np.take_along_axis(rounded, furthest, -1) - rounded.sum(-1, keepdims=True)
    np.put_along_axis(rounded, furthest, repair, -1)
    return rounded[..., :2].astype(np.int64)


def centre_of_axial(axial: NDArray[np.int64], pitch: float) -> NDArray[np.float64]:
    """Centres (n, 2) of cells (n, 2), in the unit of the pitch."""
    q, r = axial[:, 0], axial[:, 1]
    return pitch * np.stack([q + 0.5 * r, HALF_SQRT3 * r], axis=1)


def rotate_axial(axial: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells turned by 60 degrees counter-clockwise about the centre: (q, r) -> (-r, q + r)."""
    q, r = axial[:, 0], axial[:, 1]
    return np.stack([-r, q + r], axis=1)


def reflect_axial(axial: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cells mirrored in the x axis: (q, r) -> (q + r, -r)."""
    q, r = axial[:, 0], axial[:, 1]
    return np.stack([q + r, -r], axis=1)


def axial_rings(rings: int) -> NDArray[np.int64]:
    """Cells (1 + 3R(R+1), 2) ring by ring from the centre, counter-clockwise from +x."""
    cells = [(0, 0)]
    for ring in range(1, rings + 1):
        q, r = ring, 0
        for side in range(6):
            # the side of a ring that starts at corner k runs along direction k + 2
            step_q, step_r = DIRECTIONS[(side + 2) % 6]
            for _ in range(ring):
                cells.append((q, r))
                q, r = q + int(step_q), r + int(step_r)
    return np.array(cells, dtype=np.int64)
