"""Hexagonal cells on a cylinder: lookup of cells, overlay of shower patches, sums by cell.

Cells are pointy-topped hexagons in (phi, eta) with flat-to-flat pitch 2 pi / around. They stand in
rows of constant eta that are sqrt(3)/2 pitch apart; odd rows are shifted by half a pitch, so every
row closes in phi with a whole number of cells. Cell = row * around + column.
"""

from __future__ import annotations

from math import floor, pi

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3

__all__ = ["count_hits", "nearest_cells", "overlay", "shifted_cell", "sum_by_cell"]

Integers = NDArray[np.int32]
Floats = NDArray[np.float64]


@compiled
def _nearest_column(phi: float, row: int, around: int) -> tuple[int, float]:
    """Nearest cell of a row and its distance in phi, both in units of the pitch."""
    place = (phi + pi) * around / (2.0 * pi) - 0.5 * (row % 2)
    column = floor(place + 0.5)
    return column % around, place - column


@compiled
def _nearest_cell(eta: float, phi: float, around: int, rows: int) -> int:
    """Cell whose centre is nearest.

    The nearest centre lies in one of the two rows that enclose the point: a centre of any other
    row is farther than sqrt(3)/2 pitch, and no point is farther than 1/sqrt(3) pitch from a centre.
    """
    height = eta * around / (2.0 * pi) / HALF_SQRT3 + 0.5 * (rows - 1)
    below = min(max(floor(height), 0), rows - 1)
    above = min(below + 1, rows - 1)
    column, offset = _nearest_column(phi, below, around)
    other, other_offset = _nearest_column(phi, above, around)
    distance = offset**2 + (HALF_SQRT3 * (height - below)) ** 2
    other_distance = other_offset**2 + (HALF_SQRT3 * (height - above)) ** 2
    if other_distance < distance:
        return above * around + other
    return below * around + column


@compiled
def _fill_nearest(
    eta: Floats, phi: Floats, around: int, rows: int, eta_max: float, cells: Integers
) -> None:
    for i in range(len(eta)):
        inside = abs(eta[i]) <= eta_max
        cells[i] = _nearest_cell(eta[i], phi[i], around, rows) if inside else -1


def nearest_cells(eta: Floats, phi: Floats, around: int, rows: int, eta_max: float) -> Integers:
    """Cells whose centres are nearest to points `eta`, `phi` (n,) [rad]; -1 beyond `eta_max`."""
    cells = np.empty(len(eta), np.int32)
    _fill_nearest(eta, phi, around, rows, eta_max, cells)
    return cells


@compiled
def shifted_cell(row: int, column: int, q: int, r: int, around: int, rows: int) -> int:
    """Cell that lies the axial offset (q, r) away from another, -1 above the last row."""
    new_row = row + r
    if new_row < 0 or new_row >= rows:
        return -1
    # floor division: an odd row starts half a pitch later than the even row below it
    new_column = (column + q + new_row // 2 - row // 2) % around
    return new_row * around + new_column


@compiled
def count_hits(deposits: NDArray[np.float32]) -> int:
    """Number of cells with energy in any layer, of deposits (n, layers, cells)."""
    hits = 0
    for i in range(deposits.shape[0]):
        for k in range(deposits.shape[2]):
            for layer in range(deposits.shape[1]):
                if deposits[i, layer, k] != 0.0:
                    hits += 1
                    break
    return hits


@compiled
def _fill_overlay(
    centre: Integers,
    deposits: NDArray[np.float32],
    scale: Floats,
    axial: NDArray[np.int64],
    around: int,
    rows: int,
    shower: Integers,
    cell: Integers,
    energy: Floats,
) -> int:
    n = 0
    for i in range(deposits.shape[0]):
        row = centre[i] // around
        column = centre[i] % around
        for k in range(deposits.shape[2]):
            total = 0.0
            for layer in range(deposits.shape[1]):
                total += deposits[i, layer, k]
            if total == 0.0:
                continue
            target = shifted_cell(row, column, axial[k, 0], axial[k, 1], around, rows)
            if target >= 0:
                shower[n] = i
                cell[n] = target
                energy[n] = total * scale[i]
                n += 1
    return n


def overlay(
    centre: Integers,
    deposits: NDArray[np.float32],
    scale: Floats,
    axial: NDArray[np.int64],
    around: int,
    rows: int,
) -> tuple[Integers, Integers, Floats]:
    """Showers (n, layers, cells) laid on the cylinder: shower, cell and energy of every hit.

    `centre` (n,) are the cells that the showers enter, `axial` (cells, 2) the offsets of the
    patch's cells from its central one, `scale` (n,) multiplies the energies. Layers are summed.
    Cells beyond the last row are lost.
    """
    hits = count_hits(deposits)
    shower, cell = np.empty(hits, np.int32), np.empty(hits, np.int32)
    energy = np.empty(hits, np.float64)
    n = _fill_overlay(centre, deposits, scale, axial, around, rows, shower, cell, energy)
    return shower[:n], cell[:n], energy[:n]


@compiled
def _fill_order(
    event: Integers, cell: Integers, place: NDArray[np.int64], order: NDArray[np.int64]
) -> None:
    """Counting sort by event; hits with cell -1 are left out."""
    for i in range(len(event)):
        if cell[i] >= 0:
            order[place[event[i]]] = i
            place[event[i]] += 1


@compiled
def _fill_sums(
    cell: Integers,
    values: Floats,
    first_hit: NDArray[np.int64],
    order: NDArray[np.int64],
    row_of: NDArray[np.int64],
    first: NDArray[np.int64],
    summed_cell: Integers,
    summed: Floats,
) -> int:
    """Sums by cell, event after event; `row_of` (cells,) is -1 before and after."""
    n = 0
    for e in range(len(first) - 1):
        for position in range(first_hit[e], first_hit[e + 1]):
            i = order[position]
            row = row_of[cell[i]]
            if row < 0:
                row = n
                row_of[cell[i]] = n
                summed_cell[n] = cell[i]
                n += 1
            for k in range(values.shape[1]):
                summed[row, k] += values[i, k]
        first[e + 1] = n
        for row in range(first[e], n):
            row_of[summed_cell[row]] = -1
    return n


def sum_by_cell(
    event: Integers, cell: Integers, values: Floats, events: int, cells: int
) -> tuple[NDArray[np.int64], Integers, Floats]:
    """Sums of `values` (n, k) over the hits of each cell of each event (scatter-add).

    Returns CSR arrays: the first row of each event (events + 1,), cell (m,) and sums (m, k), cells
    in the order in which an event first hits them. Hits with cell -1 are left out.
    """
    first_hit = np.zeros(events + 1, np.int64)
    np.cumsum(np.bincount(event[cell >= 0], minlength=events), out=first_hit[1:])
    order = np.empty(first_hit[-1], np.int64)
    _fill_order(event, cell, first_hit[:-1].copy(), order)
    row_of = np.full(cells, -1, np.int64)
    first = np.zeros(events + 1, np.int64)
    summed_cell = np.empty(len(order), np.int32)
    summed = np.zeros((len(order), values.shape[1]), np.float64)
    n = _fill_sums(cell, values, first_hit, order, row_of, first, summed_cell, summed)
    return first, summed_cell[:n].copy(), summed[:n].copy()
