"""Turns by 60 degrees and reflections (D6) of a layout of hexagonal cells, as index tables.

Operations 0 to 5 are the counter-clockwise turns by k 60 degrees about the centre of the cells,
operations 6 to 11 the same turns followed by the reflection in the x axis.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.hexagonal.lattice import reflect_axial, rotate_axial
from hyperhex.kernels.hexagonal.neighbours import dense_table

__all__ = ["OPERATIONS", "symmetric_operations", "symmetry_table", "symmetry_tables"]

Integers = NDArray[np.integer[Any]]

OPERATIONS = tuple(
    [f"turn by {60 * k} degrees" for k in range(6)]
    + [f"turn by {60 * k} degrees and reflection in x" for k in range(6)]
)


def symmetry_tables(axial: Integers) -> NDArray[np.int64]:
    """All twelve operations as permutations of the cells, (12, n); ValueError where one fails.

    `values[..., tables[k]]` are the values moved by operation k: its cell i holds what was in the
    cell that k moves to i. axial: (n, 2), distinct.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings
    >>> symmetry_tables(axial_rings(1))[1].tolist()
    [0, 6, 1, 2, 3, 4, 5]
    """
    return np.stack([symmetry_table(axial, k) for k in range(len(OPERATIONS))])


def symmetry_table(axial: Integers, operation: int) -> NDArray[np.int64]:
    """One operation as a permutation of the cells, (n,): see `symmetry_tables`.

    ValueError, which names the operation and a cell, where the layout has not that symmetry.

    >>> triangle = np.array([[0, 0], [1, 0], [0, 1]])
    >>> symmetry_table(triangle, 2).tolist()
    [2, 0, 1]
    """
    moved = _moved(np.asarray(axial, np.int64), operation)
    lost = np.flatnonzero(moved < 0)
    if len(lost):
        msg = (
            f"the layout is not symmetric under the {OPERATIONS[operation]} about its centre:"
            f" {len(lost)} of {len(moved)} cells leave it, the first one {axial[lost[0]].tolist()};"
            f" `symmetric_operations` tells which operations it has"
        )
        raise ValueError(msg)
    return np.argsort(moved)


def symmetric_operations(axial: Integers) -> tuple[int, ...]:
    """Operations that map the layout onto itself; 0, the identity, always does.

    >>> symmetric_operations(np.array([[0, 0], [1, 0], [0, 1]]))
    (0, 2, 4, 7, 9, 11)
    """
    cells = np.asarray(axial, np.int64)
    return tuple(k for k in range(len(OPERATIONS)) if (_moved(cells, k) >= 0).all())


def _moved(axial: NDArray[np.int64], operation: int) -> NDArray[np.int64]:
    """Index of the cell to which each cell moves, -1 where there is none.

    The centre of the cells may be a cell, a corner or the middle of a side: exact in integers once
    all is multiplied by the number of cells.
    """
    if not 0 <= operation < len(OPERATIONS):
        msg = f"operation {operation} given, expected 0 to {len(OPERATIONS) - 1}"
        raise ValueError(msg)
    number, centre = len(axial), axial.sum(axis=0)
    about = number * axial - centre
    for _ in range(operation % 6):
        about = rotate_axial(about)
    if operation >= 6:
        about = reflect_axial(about)
    target, rest = np.divmod(about + centre, number)
    table, q0, r0 = dense_table(axial)
    q, r = target[:, 0] - q0, target[:, 1] - r0
    inside = (q >= 0) & (q < table.shape[0]) & (r >= 0) & (r < table.shape[1])
    inside &= (rest == 0).all(axis=1)
    found = table[np.where(inside, q, 0), np.where(inside, r, 0)]
    return np.where(inside, found, -1).astype(np.int64)
