"""Convolution with many channels on the CPU: channels in the lanes of vectors, image by image.

An image is transposed to (cells, channels), so that the neighbours of a cell are rows, wherever
they lie: any table is as fast as a lattice. Row n_cells is zero, for neighbours that are not there.
All arrays are flat.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, uncounted
from hyperhex.kernels.product import (
    CELLS_A_TILE,
    cells_first,
    cells_last,
    convolved_tile,
    outer_tile,
)
from hyperhex.kernels.vectors import VECTOR_BYTES

__all__ = ["convolve_wide", "differentiate_wide"]

Array = NDArray[np.floating]
Table = NDArray[np.uint32]

# cells that are transposed back at once, while they are in the first cache
BLOCK = 16 * CELLS_A_TILE
# cells that the sums for a weight's derivative go over at once
STRIP = 512

_convolved_pair = convolved_tile(CELLS_A_TILE, 2)
_convolved_one = convolved_tile(CELLS_A_TILE, 1)
ROWS = 12 if VECTOR_BYTES == 64 else 4
_outer_pair = outer_tile(ROWS, 2)
_outer_pair_4 = outer_tile(4, 2)
_outer_one = outer_tile(ROWS, 1)
_outer_one_4 = outer_tile(4, 1)


@uncounted
def _to_cells(x: Array, at: int, channels: int, cells: int, out: Array, row: int) -> None:
    """Transpose an image (channels, cells) to (cells, row); columns beyond channels stay."""
    lanes = VECTOR_BYTES // x.itemsize
    fours = channels // 4 * 4 if cells >= lanes else 0
    if fours:
        for first in range(0, cells, lanes):
            p = min(first, cells - lanes)
            for c in range(0, fours, 4):
                cells_first(x, at + c * cells + p, cells, out, p * row + c, row)
    for c in range(fours, channels):
        for p in range(cells):
            out[p * row + c] = x[at + c * cells + p]


@uncounted
def _to_channels(
    x: Array, row: int, channels: int, number: int, out: Array, at: int, cells: int
) -> None:
    """Transpose `number` cells (number, row) to (channels, number) in an image of `cells`."""
    lanes = VECTOR_BYTES // x.itemsize
    fours = channels // 4 * 4 if number >= lanes else 0
    if fours:
        for first in range(0, number, lanes):
            p = min(first, number - lanes)
            for c in range(0, fours, 4):
                cells_last(x, p * row + c, row, out, at + c * cells + p, cells)
    for c in range(fours, channels):
        for p in range(number):
            out[at + c * cells + p] = x[p * row + c]


@uncounted
def _convolve_image(
    x: Array, x_row: int, table: Table, taps: int, inputs: int, weight: Array, w_row: int,
    bias: Array, scratch: Array, out: Array, at: int, cells: int, outputs: int,
) -> None:  # fmt: skip
    """Convolve one image, cells first, to (outputs, cells) at `at`."""
    lanes = VECTOR_BYTES // x.itemsize
    for start in range(0, cells, BLOCK):
        number = min(BLOCK, cells - start)
        for p in range(0, number, CELLS_A_TILE):
            here = (start + p) * taps
            c = 0
            while c + lanes < outputs:
                _convolved_pair(
                    x, x_row, table, here, taps, inputs, weight, c, w_row, bias,
                    scratch, p * w_row + c, w_row,
                )  # fmt: skip
                c += 2 * lanes
            if c < outputs:
                _convolved_one(
                    x, x_row, table, here, taps, inputs, weight, c, w_row, bias,
                    scratch, p * w_row + c, w_row,
                )  # fmt: skip
        _to_channels(scratch, w_row, outputs, number, out, at + start, cells)


@uncounted
def _add_outer(
    x: Array, x_row: int, table: Table, taps: int, y: Array, y_row: int, cells: int,
    inputs: int, outputs: int, out: Array, at: int,
) -> None:  # fmt: skip
    """Add the sums over cells of x[table[p, k], i] y[p, o] to out (taps, x_row, y_row)."""
    lanes = VECTOR_BYTES // x.itemsize
    for first in range(0, cells, STRIP):
        last = min(cells, first + STRIP)
        for k in range(taps):
            c = 0
            while c < outputs:
                pair = c + lanes < outputs
                i = 0
                while i < inputs:
                    place = at + (k * x_row + i) * y_row + c
                    if pair and x_row - i >= ROWS:
                        _outer_pair(
                            x, i, x_row, table, k, taps, y, c, y_row, first, last, out, place, y_row
                        )
                        i += ROWS
                    elif pair:
                        _outer_pair_4(
                            x, i, x_row, table, k, taps, y, c, y_row, first, last, out, place, y_row
                        )
                        i += 4
                    elif x_row - i >= ROWS:
                        _outer_one(
                            x, i, x_row, table, k, taps, y, c, y_row, first, last, out, place, y_row
                        )
                        i += ROWS
                    else:
                        _outer_one_4(
                            x, i, x_row, table, k, taps, y, c, y_row, first, last, out, place, y_row
                        )
                        i += 4
                c += 2 * lanes if pair else lanes


@uncounted
def _convolve_images(
    start: int, stop: int, x: Array, weight: Array, bias: Array, table: Table, taps: int,
    inputs: int, outputs: int, cells: int, w_row: int, rows: Array, scratch: Array, out: Array,
) -> None:  # fmt: skip
    for image in range(start, stop):
        _to_cells(x, image * inputs * cells, inputs, cells, rows, inputs)
        _convolve_image(
            rows, inputs, table, taps, inputs, weight, w_row, bias, scratch,
            out, image * outputs * cells, cells, outputs,
        )  # fmt: skip


@compiled
def convolve_wide(
    start: int, stop: int, x: Array, weight: Array, bias: Array, table: Table, taps: int,
    inputs: int, outputs: int, cells: int, w_row: int, out: Array,
) -> None:  # fmt: skip
    """Convolve images `start` to `stop`.

    x (batch, inputs, cells), weight (taps, inputs, w_row) and bias (w_row) with zeros beyond
    `outputs`, table (multiple of CELLS_A_TILE, taps), out (batch, outputs, cells).
    """
    rows = np.zeros((cells + 1) * inputs, x.dtype)
    scratch = np.empty(BLOCK * w_row, x.dtype)
    _convolve_images(
        start, stop, x, weight, bias, table, taps, inputs, outputs, cells, w_row, rows, scratch, out
    )


@uncounted
def _differentiate_images(
    start: int, stop: int, block: int, dy: Array, x: Array, weight: Array, none: Array,
    table: Table, reverse: Table, taps: int, inputs: int, outputs: int, cells: int, w_row: int,
    x_row: int, y_row: int, x_rows: Array, y_rows: Array, scratch: Array, dx: Array, parts: Array,
    sums: Array, of_x: bool, of_weight: bool, of_bias: bool,
) -> None:  # fmt: skip
    for image in range(start, stop):
        at = image * outputs * cells
        _to_cells(dy, at, outputs, cells, y_rows, y_row)
        if of_x:
            _convolve_image(
                y_rows, y_row, reverse, taps, outputs, weight, w_row, none, scratch,
                dx, image * inputs * cells, cells, inputs,
            )  # fmt: skip
        part = image // block
        if of_weight:
            _to_cells(x, image * inputs * cells, inputs, cells, x_rows, x_row)
            _add_outer(
                x_rows, x_row, table, taps, y_rows, y_row, cells, inputs, outputs,
                parts, part * taps * x_row * y_row,
            )  # fmt: skip
        if of_bias:
            for p in range(cells):
                for c in range(y_row):
                    sums[part * y_row + c] += y_rows[p * y_row + c]


@compiled
def differentiate_wide(
    start: int, stop: int, block: int, dy: Array, x: Array, weight: Array, none: Array,
    table: Table, reverse: Table, taps: int, inputs: int, outputs: int, cells: int, w_row: int,
    x_row: int, y_row: int, dx: Array, parts: Array, sums: Array, of_x: bool, of_weight: bool,
    of_bias: bool,
) -> None:  # fmt: skip
    """Derivatives of images `start` to `stop`, those of the weight summed over blocks of images.

    dy (batch, outputs, cells), x and dx (batch, inputs, cells), weight (taps, outputs, w_row) with
    zeros beyond `inputs`, none: w_row zeros, parts (blocks, taps, x_row, y_row), sums
    (blocks, y_row).
    """
    x_rows = np.zeros((cells + 1) * x_row, x.dtype)
    y_rows = np.zeros((cells + 1) * y_row, x.dtype)
    scratch = np.empty(BLOCK * w_row, x.dtype)
    _differentiate_images(
        start, stop, block, dy, x, weight, none, table, reverse, taps, inputs, outputs, cells,
        w_row, x_row, y_row, x_rows, y_rows, scratch, dx, parts, sums, of_x, of_weight, of_bias,
    )  # fmt: skip
