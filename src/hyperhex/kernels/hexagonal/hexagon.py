"""The hexagonal cell that holds a point, compiled: one point at a time, for use in other kernels.

The lattice is that of `hyperhex.kernels.hexagonal.lattice`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3

__all__ = ["axial_of_point", "point_index"]


@uncounted
def axial_of_point(x: float, y: float, pitch: float) -> tuple[int, int]:
    """Axial coordinates of the cell that holds a point, by cube rounding.

    Round (q, r, s = -q-r) and repair the coordinate that moved furthest, so that q + r + s = 0.
    x, y and pitch in the same unit.
    """
    row = y / (HALF_SQRT3 * pitch)
    column = x / pitch - 0.5 * row
    q = math.floor(column + 0.5)
    r = math.floor(row + 0.5)
    s = math.floor(0.5 - column - row)
    error_q = abs(q - column)
    error_r = abs(r - row)
    error_s = abs(s + column + row)
    if error_q > error_r and error_q > error_s:
        q = -r - s
    elif error_r > error_s:
        r = -q - s
    return int(q), int(r)


@uncounted
def point_index(x: float, y: float, pitch: float, table: NDArray[np.int32]) -> int:
    """Index of the cell that holds a point, -1 outside the patch.

    table: (2R+1, 2R+1), the index of cell (q, r) at [q + R, r + R], -1 where there is none.
    """
    q, r = axial_of_point(x, y, pitch)
    rings = table.shape[0] // 2
    if abs(q) > rings or abs(r) > rings:
        return -1
    return int(table[q + rings, r + rings])
