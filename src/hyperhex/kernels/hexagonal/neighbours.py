"""Neighbour tables of any ring: of any set of lattice cells, and of a cylinder closed in phi.

Every table has the cell itself in column 0, then its neighbours ring by ring, counter-clockwise
from +x, in the order of `lattice.axial_rings`; -1 stands where there is no cell.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import compiled, uncounted
from hyperhex.kernels.hexagonal.cylinder import shifted_cell
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.threads import spread

__all__ = ["cylinder_neighbourhood", "dense_table", "neighbourhood"]

Integers = NDArray[np.integer[Any]]
Table = NDArray[np.int32]

# a dense table may have so many entries a cell, or so many in all: more is no camera
SPARSEST = 256
ALWAYS_DENSE = 1 << 22


@uncounted
def _limits(axial: Integers, limits: NDArray[np.int64]) -> None:
    """Least and largest q, then least and largest r."""
    low_q = high_q = np.int64(axial[0, 0])
    low_r = high_r = np.int64(axial[0, 1])
    for i in range(len(axial)):
        q, r = np.int64(axial[i, 0]), np.int64(axial[i, 1])
        low_q, high_q = min(low_q, q), max(high_q, q)
        low_r, high_r = min(low_r, r), max(high_r, r)
    limits[0], limits[1], limits[2], limits[3] = low_q, high_q, low_r, high_r


@uncounted
def _fill_table(axial: Integers, q0: int, r0: int, table: Table) -> int:
    """Put the index of every cell at its place; returns a cell that is there twice, or -1."""
    twice = -1
    for i in range(len(axial)):
        q, r = np.uint64(axial[i, 0] - q0), np.uint64(axial[i, 1] - r0)
        if table[q, r] >= 0:
            twice = i
        table[q, r] = i
    return twice


def dense_table(axial: Integers, margin: int = 0) -> tuple[Table, int, int]:
    """Index of cell (q, r) at [q - q0, r - r0], -1 where there is none, and q0 and r0.

    axial: (n, 2), distinct; the table reaches `margin` places beyond the outermost cells.

    >>> table, q0, r0 = dense_table(np.array([[0, 0], [1, 0], [0, 1]]))
    >>> table.tolist(), q0, r0
    ([[0, 2], [1, -1]], 0, 0)
    """
    axial = np.asarray(axial)
    if axial.ndim != 2 or axial.shape[1] != 2 or axial.dtype.kind not in "iu":
        msg = f"axial is {axial.dtype} of shape {axial.shape}, expected integers (n, 2)"
        raise ValueError(msg)
    if len(axial) == 0:
        return np.full((1 + 2 * margin, 1 + 2 * margin), -1, np.int32), -margin, -margin
    limits = np.empty(4, np.int64)
    _limits(axial, limits)
    low_q, high_q, low_r, high_r = limits.tolist()
    shape = (high_q - low_q + 1 + 2 * margin, high_r - low_r + 1 + 2 * margin)
    if shape[0] * shape[1] > max(ALWAYS_DENSE, SPARSEST * len(axial)):
        msg = (
            f"{len(axial)} cells reach over {shape[0]} x {shape[1]} places of the lattice, expected"
            f" at most {SPARSEST} places a cell: are these axial coordinates?"
        )
        raise ValueError(msg)
    table = np.full(shape, -1, np.int32)
    twice = _fill_table(axial, low_q - margin, low_r - margin, table)
    if twice >= 0:
        msg = f"cell {axial[twice].tolist()} is given twice, expected distinct axial coordinates"
        raise ValueError(msg)
    return table, low_q - margin, low_r - margin


@uncounted
def _fill_neighbourhood(
    axial: Integers, q0: int, r0: int, table: Table, steps: NDArray[np.int64], found: Table
) -> None:
    width = table.shape[1]
    flat = table.reshape(-1)
    for i in range(len(axial)):
        place = (axial[i, 0] - q0) * width + (axial[i, 1] - r0)
        for k in range(len(steps)):
            # unsigned: a signed index would be tested for wrapping around
            found[i, k] = flat[np.uint64(place + steps[k])]


def neighbourhood(
    axial: Any, rings: int, *, threads: int = 1, stream: Any = 0, out: Any = None
) -> Any:
    """Neighbours up to `rings` of each of the cells, int32 (n, 1 + 3R(R+1)), -1 outside.

    axial: (n, 2) distinct. A dense table of the lattice with a margin of -1 answers every step.

    >>> neighbourhood(np.array([[0, 0], [1, 0], [0, 1]]), 1).tolist()
    [[0, 1, 2, -1, -1, -1, -1], [1, -1, -1, 2, 0, -1, -1], [2, -1, -1, -1, -1, 0, 1]]
    """
    _check_rings(rings)
    if on_device(axial):
        from hyperhex.kernels.cuda.neighbours import neighbourhood_on_device

        return neighbourhood_on_device(axial, rings, out, stream)
    axial = np.asarray(axial)
    table, q0, r0 = dense_table(axial, rings)
    around = axial_rings(rings)
    steps = around[:, 0] * table.shape[1] + around[:, 1]
    found = np.empty((len(axial), len(steps)), np.int32) if out is None else out
    spread(
        lambda start, stop: _fill_neighbourhood(
            axial[start:stop], q0, r0, table, steps, found[start:stop]
        ),
        len(axial),
        threads,
        block=4096,
    )
    return found


@compiled
def _fill_cylinder(around: int, rows: int, steps: NDArray[np.int64], found: Table) -> None:
    for row in range(rows):
        for column in range(around):
            cell = row * around + column
            for k in range(len(steps)):
                found[cell, k] = shifted_cell(row, column, steps[k, 0], steps[k, 1], around, rows)


def cylinder_neighbourhood(
    around: int, rows: int, rings: int, *, stream: Any = 0, out: Any = None
) -> Any:
    """Neighbours up to `rings` of each cell of a cylinder, int32 (rows * around, 1 + 3R(R+1)).

    Cell = row * around + column as in `kernels.hexagonal.cylinder`; closed in phi, -1 beyond the
    rows. `around` must be at least 2R+1, else a neighbourhood would hold a cell twice.

    >>> cylinder_neighbourhood(4, 2, 1)[0].tolist()
    [0, 1, 4, 7, 3, -1, -1]
    """
    _check_rings(rings)
    if around < 2 * rings + 1 or rows < 1:
        msg = (
            f"around={around}, rows={rows} given, expected rows >= 1 and around >= {2 * rings + 1}"
            f" so that {rings} rings do not meet behind the axis: take fewer rings"
        )
        raise ValueError(msg)
    steps = axial_rings(rings)
    if out is not None and out.shape != (rows * around, len(steps)):
        msg = f"out {out.shape} given, expected {(rows * around, len(steps))}"
        raise ValueError(msg)
    if out is not None and on_device(out):
        from hyperhex.kernels.cuda.neighbours import cylinder_on_device

        return cylinder_on_device(around, rows, rings, out, stream)
    found = np.empty((rows * around, len(steps)), np.int32) if out is None else out
    _fill_cylinder(around, rows, steps, found)
    return found


def _check_rings(rings: int) -> None:
    if rings < 0:
        msg = f"rings={rings} given, expected rings >= 0"
        raise ValueError(msg)
