"""Coarser hexagonal lattices: which cells make one cell of the next level.

Seven by seven a cell and its six neighbours, a flower, make a cell of a lattice that is sqrt(7)
coarser and turned by atan(sqrt(3)/5) = 19.1 degrees: the only grouping that keeps the six-fold
symmetry (Gibson and Lucas 1982; "aperture 7"). Four by four a rhombus makes a cell of a lattice of
twice the pitch and the same directions, which is what closes on a cylinder. Runs of four along the
ring spiral are no cells: they change shape along a ring, and 1 + 3R(R+1) is never a multiple of 4.
HEALPix needs no table, as four siblings follow one another in nested order.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.hexagonal.coordinates import spiral_of_axial
from hyperhex.kernels.hexagonal.lattice import DIRECTIONS

__all__ = ["Coarser", "cylinder_rhombi", "flowers", "rhombi"]


class Coarser(NamedTuple):
    """Next level of a lattice.

    axial : (parents, 2) int64, cells of the coarser lattice
    children : (parents, 7 or 4) int32, cells that make each of them, -1 where there is none
    """

    axial: NDArray[np.int64]
    children: NDArray[np.int32]


def flowers(axial: ArrayLike) -> Coarser:
    """Groups of seven: the cells whose (q + 5 r) mod 7 is 0, each with its six neighbours.

    Centres are (q, r) = a (2, 1) + b (-1, 3), which are the parents' axial coordinates (a, b).
    Parents follow the ring spiral, children are the centre, then its neighbours counter-clockwise
    from +x. Parents at the rim miss children, the centre among them.

    Examples
    --------
    >>> coarser = flowers([[0, 0], [1, 0], [0, 1], [-1, 1], [-1, 0], [0, -1], [1, -1], [2, 0]])
    >>> coarser.axial.tolist()
    [[0, 0], [1, 0]]
    >>> coarser.children[0], int(coarser.children.max())
    (array([0, 1, 2, 3, 4, 5, 6], dtype=int32), 7)
    """
    cells = _cells(axial)
    # place of the six directions by their residue; a residue of 0 is a centre
    step = np.zeros((7, 2), dtype=np.int64)
    child = np.zeros(7, dtype=np.int64)
    residue = (DIRECTIONS[:, 0] + 5 * DIRECTIONS[:, 1]) % 7
    step[residue], child[residue] = DIRECTIONS, np.arange(1, 7)
    own = (cells[:, 0] + 5 * cells[:, 1]) % 7
    q, r = (cells - step[own]).T
    return _grouped(np.stack([(3 * q + r) // 7, (2 * r - q) // 7], axis=1), child[own], 7)


def rhombi(axial: ArrayLike) -> Coarser:
    """Groups of four: the cells with the same (q // 2, r // 2), the parents' axial coordinates.

    Parents follow the ring spiral, children go (even, even), (odd, even), (even, odd), (odd, odd).

    Examples
    --------
    >>> rhombi([[0, 0], [1, 0], [0, 1], [1, 1]]).children
    array([[0, 1, 2, 3]], dtype=int32)
    """
    cells = _cells(axial)
    return _grouped(cells // 2, cells[:, 0] % 2 + 2 * (cells[:, 1] % 2), 4)


def cylinder_rhombi(around: int, rows: int) -> NDArray[np.int32]:
    """Groups of four (parents, 4) of a cylinder, which make one of half the rows and columns.

    Cell = row * around + column, odd rows shifted by half a pitch, as in
    `kernels.hexagonal.cylinder`; the parents' odd rows are shifted by half of their pitch too, so
    that `cylinder_neighbourhood(around // 2, (rows + 1) // 2, 1)` is their table of neighbours.
    With an odd number of rows the last parents have two children, then -1.

    Examples
    --------
    >>> cylinder_rhombi(4, 4)
    array([[ 0,  1,  4,  5],
           [ 2,  3,  6,  7],
           [ 9, 10, 13, 14],
           [11,  8, 15, 12]], dtype=int32)
    """
    if around < 2 or around % 2 or rows < 1:
        msg = f"a cylinder of {rows} rows of {around} cells given, expected an even number a row"
        raise ValueError(msg)
    row, column = np.divmod(np.arange((rows + 1) // 2 * (around // 2)), around // 2)
    first = 2 * column + row % 2
    columns = np.stack([first, (first + 1) % around], axis=1)
    below = 2 * row[:, None] * around + columns
    above = np.where(2 * row[:, None] + 1 < rows, below + around, -1)
    return np.concatenate([below, above], axis=1).astype(np.int32)


def _grouped(parents: NDArray[np.int64], child: NDArray[np.int64], number: int) -> Coarser:
    """Distinct parents along the ring spiral, with the cells at their places as children."""
    place, parent = np.unique(spiral_of_axial(parents), return_inverse=True)
    children = np.full((len(place), number), -1, dtype=np.int32)
    if (np.bincount(parent * number + child) > 1).any():
        msg = "a cell that is given twice, expected distinct axial coordinates"
        raise ValueError(msg)
    children[parent, child] = np.arange(len(parents))
    axial = np.zeros((len(place), 2), dtype=np.int64)
    axial[parent] = parents
    return Coarser(axial, children)


def _cells(axial: ArrayLike) -> NDArray[np.int64]:
    """Axial coordinates as integers (n, 2)."""
    cells = np.asarray(axial, dtype=np.int64)
    if cells.ndim != 2 or cells.shape[1] != 2 or len(cells) == 0:
        msg = f"axial coordinates of shape {cells.shape} given, expected (cells, 2)"
        raise ValueError(msg)
    return cells
