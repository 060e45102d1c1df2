"""Coordinates of hexagonal cells and their conversions: axial, cube, offset, ring spiral.

Axial (q, r) are those of `hyperhex.kernels.hexagonal.lattice`. Arrays of cells have the coordinates
last, (..., 2) or (..., 3), and any integer type.
Source: A. Patel, "Hexagonal Grids" (https://www.redblobgames.com/grids/hexagons/).
"""

from __future__ import annotations

import math
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.compiled import uncounted

__all__ = [
    "Layout",
    "axial_of_cube",
    "axial_of_offset",
    "axial_of_spiral",
    "cell_distance",
    "cube_of_axial",
    "offset_of_axial",
    "ring_of_axial",
    "spiral_cell",
    "spiral_index",
    "spiral_of_axial",
]

Integers = NDArray[np.int64]

# which rows (r) or columns (q) are shoved by half a cell towards greater coordinates
Layout = Literal["odd-r", "even-r", "odd-q", "even-q"]


def cube_of_axial(axial: ArrayLike) -> Integers:
    """Cube coordinates (q, r, s) with q + r + s = 0, (..., 3), of axial ones (..., 2).

    >>> cube_of_axial([2, -1]).tolist()
    [2, -1, -1]
    """
    cells = _cells(axial, 2)
    return np.concatenate([cells, -cells.sum(-1, keepdims=True)], axis=-1)


def axial_of_cube(cube: ArrayLike) -> Integers:
    """Axial coordinates (..., 2) of cube coordinates (..., 3); ValueError unless q + r + s = 0.

    >>> axial_of_cube([[2, -1, -1], [0, 3, -3]]).tolist()
    [[2, -1], [0, 3]]
    """
    cells = _cells(cube, 3)
    wrong = np.argwhere(cells.sum(-1) != 0)
    if len(wrong):
        first = tuple(wrong[0].tolist())
        msg = f"cube coordinates {cells[first].tolist()} at {first} given, expected q + r + s = 0"
        raise ValueError(msg)
    return cells[..., :2].copy()


def offset_of_axial(axial: ArrayLike, layout: Layout = "odd-r") -> Integers:
    """Offset coordinates (column, row), (..., 2), of axial ones (..., 2).

    In the layouts `odd-r` and `even-r` rows are straight and every second row, the odd or the even
    ones, is shoved half a cell to the right; in `odd-q` and `even-q` columns are straight.

    >>> offset_of_axial([[0, 0], [0, 1], [-1, 2]]).tolist()
    [[0, 0], [0, 1], [0, 2]]
    """
    cells = _cells(axial, 2).copy()
    shoved, straight, sign = _layout(layout)
    line = cells[..., straight]
    cells[..., shoved] += (line + sign * (line & 1)) // 2
    return cells


def axial_of_offset(offset: ArrayLike, layout: Layout = "odd-r") -> Integers:
    """Axial coordinates (..., 2) of offset ones (column, row), (..., 2): see `offset_of_axial`.

    >>> axial_of_offset([[0, 0], [0, 1], [0, 2]]).tolist()
    [[0, 0], [0, 1], [-1, 2]]
    """
    cells = _cells(offset, 2).copy()
    shoved, straight, sign = _layout(layout)
    line = cells[..., straight]
    cells[..., shoved] -= (line + sign * (line & 1)) // 2
    return cells


def ring_of_axial(axial: ArrayLike) -> Integers:
    """Ring of cells (..., 2) about (0, 0): their distance in steps, max(|q|, |r|, |q + r|).

    >>> ring_of_axial([[0, 0], [2, -1], [2, 1]]).tolist()
    [0, 2, 3]
    """
    cells = _cells(axial, 2)
    ring: Integers = np.abs(cube_of_axial(cells)).max(-1)
    return ring


def cell_distance(axial: ArrayLike, other: ArrayLike) -> Integers:
    """Fewest steps from neighbour to neighbour between cells (..., 2), broadcast.

    >>> cell_distance([0, 0], [[3, 0], [3, -3], [2, 2]]).tolist()
    [3, 3, 4]
    """
    return ring_of_axial(_cells(axial, 2) - _cells(other, 2))


@uncounted
def spiral_index(q: int, r: int) -> int:
    """Place of cell (q, r) in the ring spiral of `lattice.axial_rings`, up to ring 1.7e9."""
    ring = max(abs(q), abs(r), abs(q + r))
    if ring == 0:
        return 0
    if q + r == ring and r < ring:
        along = r
    elif r == ring and q > -ring:
        along = ring - q
    elif (q == -ring and r > 0) or (q + r == -ring and q < 0):
        along = 3 * ring - r
    elif r == -ring and q < ring:
        along = 4 * ring + q
    else:
        along = 6 * ring + r
    return 1 + 3 * ring * (ring - 1) + along


@uncounted
def spiral_cell(index: int) -> tuple[int, int]:
    """Cell (q, r) at a place of the ring spiral, the inverse of `spiral_index`.

    Ring R begins at 1 + 3R(R-1); the root of that is rounded, so that it is repaired by a step.
    """
    if index == 0:
        return 0, 0
    ring = int((3.0 + math.sqrt(12.0 * index - 3.0)) / 6.0)
    while 1 + 3 * ring * (ring - 1) > index:
        ring -= 1
    while 1 + 3 * ring * (ring + 1) <= index:
        ring += 1
    place = index - 1 - 3 * ring * (ring - 1)
    side = place // ring
    along = place - side * ring
    if side == 0:
        return ring - along, along
    if side == 1:
        return -along, ring
    if side == 2:
        return -ring, ring - along
    if side == 3:
        return along - ring, -along
    if side == 4:
        return along, -ring
    return ring, along - ring


@uncounted
def _fill_spiral(axial: Integers, index: Integers) -> None:
    for i in range(len(index)):
        index[i] = spiral_index(axial[i, 0], axial[i, 1])


@uncounted
def _fill_axial(index: Integers, axial: Integers) -> None:
    for i in range(len(index)):
        axial[i, 0], axial[i, 1] = spiral_cell(index[i])


def spiral_of_axial(axial: ArrayLike) -> Integers:
    """Places (...) of cells (..., 2) in the spiral: ring by ring, counter-clockwise from +x.

    >>> spiral_of_axial([[0, 0], [1, 0], [0, 1], [2, -1]]).tolist()
    [0, 1, 2, 18]
    """
    cells = _cells(axial, 2)
    index = np.empty(cells.shape[:-1], np.int64)
    _fill_spiral(np.ascontiguousarray(cells).reshape(-1, 2), index.reshape(-1))
    return index


def axial_of_spiral(index: ArrayLike) -> Integers:
    """Cells (..., 2) at places (...) of the ring spiral, 0 being (0, 0).

    >>> axial_of_spiral([0, 1, 2, 18]).tolist()
    [[0, 0], [1, 0], [0, 1], [2, -1]]
    """
    places = _integers(index)
    if places.size and places.min() < 0:
        msg = f"place {places.min()} of the spiral given, expected places from 0"
        raise ValueError(msg)
    axial = np.empty((*places.shape, 2), np.int64)
    _fill_axial(np.ascontiguousarray(places).reshape(-1), axial.reshape(-1, 2))
    return axial


def _layout(layout: str) -> tuple[int, int, int]:
    """Coordinate that is shoved, the one that is straight, and -1 if odd lines are shoved."""
    known = {"odd-r": (0, 1, -1), "even-r": (0, 1, 1), "odd-q": (1, 0, -1), "even-q": (1, 0, 1)}
    if layout not in known:
        msg = f"layout {layout!r} given, expected one of {', '.join(known)}"
        raise ValueError(msg)
    return known[layout]


def _integers(given: ArrayLike) -> Integers:
    values: NDArray[Any] = np.asarray(given)
    if values.dtype.kind not in "iu" and values.size:
        msg = f"coordinates of type {values.dtype} given, expected integers: round them first"
        raise ValueError(msg)
    return values.astype(np.int64, copy=False)


def _cells(given: ArrayLike, number: int) -> Integers:
    cells = _integers(given)
    if cells.ndim == 0 or cells.shape[-1] != number:
        msg = f"coordinates of shape {cells.shape} given, expected (..., {number})"
        raise ValueError(msg)
    return cells
