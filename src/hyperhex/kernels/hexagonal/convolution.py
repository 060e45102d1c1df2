"""Convolution of cells with a table of neighbours, and its derivatives, for CPU and CUDA.

    y[b, o, p] = bias[o] + sum_{i, k} weight[o, i, k] x[b, i, neighbours[p, k]]
with zeros where the table says -1. Each column of the table names a cell once at most, so that it
can be read backwards: derivatives gather, as the convolution does, and nothing is scattered. The
table may be that of a patch, a camera, a closed cylinder, or of no lattice at all.

Results do not depend on the number of threads: sums over images are made in fixed blocks.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.hexagonal import narrow_channels, wide_channels
from hyperhex.kernels.product import CELLS_A_TILE
from hyperhex.kernels.threads import spread
from hyperhex.kernels.vectors import VECTOR_BYTES

__all__ = ["convolve", "differentiate", "reversed_table"]

Array = NDArray[np.floating]

# channels up to which gathering cells of the narrow side costs less than idle lanes and transposing
# the wide one, measured: inputs and outputs of a convolution, either of its derivatives
NARROW_INPUTS, NARROW_OUTPUTS, NARROW_DERIVATIVES = 1, 6, 4
# sums over images are made in so many blocks at most
BLOCKS = 16


def reversed_table(neighbours: Any) -> NDArray[np.int32]:
    """Cells that read a cell by each tap, (n_cells, n_taps), -1 for none.

    neighbours: (n_cells, n_taps) integers, the cell that tap k of cell p reads, -1 for zero.
    ValueError for a table of which a column names a cell twice, or that has other faults.

    Examples
    --------
    >>> reversed_table([[0, 1], [1, 2], [2, -1]]).tolist()
    [[0, -1], [1, 0], [2, 1]]
    """
    table = np.asarray(neighbours)
    if table.ndim != 2 or table.dtype.kind not in "iu" or not table.size:
        msg = (
            f"neighbours of shape {table.shape} and type {table.dtype} given, expected a table of "
            "integers (n_cells, n_taps)"
        )
        raise ValueError(msg)
    n_cells, n_taps = table.shape
    if table.min() < -1 or table.max() >= n_cells:
        msg = (
            f"neighbours from {table.min()} to {table.max()} given, expected -1 (no cell) to "
            f"{n_cells - 1}, the last of {n_cells} cells"
        )
        raise ValueError(msg)
    reverse = np.full((n_cells, n_taps), -1, dtype=np.int32)
    for tap in range(n_taps):
        cells = np.flatnonzero(table[:, tap] >= 0)
        read = table[cells, tap]
        reverse[read, tap] = cells
        if np.count_nonzero(reverse[:, tap] >= 0) != len(read):
            twice = int(np.flatnonzero(np.bincount(read) > 1)[0])
            msg = (
                f"column {tap} of neighbours names cell {twice} more than once: a tap reads each "
                "cell for one cell at most; order the columns by direction"
            )
            raise ValueError(msg)
    return reverse


def convolve(
    x: Any,
    weight: Any,
    bias: Any,
    neighbours: Any,
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Any:
    """Convolve images of cells with a kernel of taps.

    Parameters
    ----------
    x : (batch, inputs, n_cells), float32 or float64
    weight : (outputs, inputs, n_taps), of the same type, as are bias and out
    bias : (outputs,) or None
    neighbours : (n_cells, n_taps), int32; see `reversed_table`
    out : (batch, outputs, n_cells), made if None

    Examples
    --------
    >>> line = np.array([[0, -1, 1], [1, 0, 2], [2, 1, -1]], np.int32)  # self, left, right
    >>> convolve(np.array([[[1.0, 2.0, 4.0]]]), np.ones((1, 1, 3)), None, line)[0, 0]
    array([3., 7., 6.])
    """
    if on_device(x, weight, neighbours, *(() if bias is None else (bias,))):
        from hyperhex.kernels.cuda import convolution

        return convolution.convolve(x, weight, bias, neighbours, out, stream)
    x, weight = _flat_arrays(x, weight)
    batch, inputs, cells = x.shape
    outputs, _, taps = weight.shape
    if out is None:
        out = np.empty((batch, outputs, cells), x.dtype)
    bias = np.zeros(outputs, x.dtype) if bias is None else bias
    if inputs <= NARROW_INPUTS or outputs <= min(NARROW_OUTPUTS, inputs - 1):
        _convolve_narrow(x, weight, bias, neighbours, out, threads)
    else:
        table = _padded_table(neighbours)
        lanes = VECTOR_BYTES // x.itemsize
        taps_first = _padded(weight.transpose(2, 1, 0), lanes)
        sizes = (taps, inputs, outputs, cells, taps_first.shape[-1])
        arrays = (x.reshape(-1), taps_first.reshape(-1), _padded(bias, lanes), table)
        flat = out.reshape(-1)

        def run(start: int, stop: int) -> None:
            wide_channels.convolve_wide(start, stop, *arrays, *sizes, flat)

        spread(run, batch, threads)
    return out


def differentiate(
    dy: Any,
    x: Any,
    weight: Any,
    neighbours: Any,
    reverse: Any,
    wanted: tuple[bool, bool, bool] = (True, True, True),
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
    workspace: Any = None,
) -> tuple[Any, Any, Any]:
    """Derivatives of a sum dy . convolve(x, weight, bias) by x, weight and bias.

    Parameters
    ----------
    dy : (batch, outputs, n_cells)
    x, weight, neighbours : as in `convolve`
    reverse : `reversed_table(neighbours)`
    wanted : which of the three to make
    out : the three arrays for the results, made if None; those not wanted may be None
    workspace : flat device array of `cuda.convolution.workspace_size`, made if None

    Returns
    -------
    (batch, inputs, n_cells), (outputs, inputs, n_taps), (outputs,)

    Examples
    --------
    >>> line = np.array([[0, -1, 1], [1, 0, 2], [2, 1, -1]], np.int32)
    >>> dx, dw, db = differentiate(
    ...     np.ones((1, 1, 3)), np.array([[[1.0, 2.0, 4.0]]]), np.array([[[1.0, 0.0, 2.0]]]),
    ...     line, reversed_table(line),
    ... )
    >>> dx[0, 0].tolist(), dw[0, 0].tolist(), db.tolist()
    ([1.0, 3.0, 3.0], [7.0, 3.0, 6.0], [3.0])
    """
    if on_device(dy, x, weight, neighbours, reverse):
        from hyperhex.kernels.cuda import convolution

        return convolution.differentiate(
            dy, x, weight, neighbours, reverse, wanted, out, stream, workspace
        )
    x, weight = _flat_arrays(x, weight)
    dy = np.ascontiguousarray(dy)
    if out is None:
        shapes = (x.shape, weight.shape, dy.shape[1:2])
        out = tuple(
            np.empty(shape if want else 0, x.dtype)
            for shape, want in zip(shapes, wanted, strict=True)
        )
    narrow = min(weight.shape[:2]) <= NARROW_DERIVATIVES
    method = _differentiate_narrow if narrow else _differentiate_wide
    method(dy, x, weight, neighbours, reverse, wanted, out, threads)
    return out


def _differentiate_wide(
    dy: Array, x: Array, weight: Array, neighbours: Any, reverse: Any, wanted: Any, out: Any,
    threads: int,
) -> None:  # fmt: skip
    batch, inputs, cells = x.shape
    outputs, _, taps = weight.shape
    lanes = VECTOR_BYTES // x.itemsize
    block = _block(batch)
    blocks = max(1, -(-batch // block))
    turned = _padded(weight.transpose(2, 0, 1), lanes)
    w_row, x_row, y_row = turned.shape[-1], -(-inputs // 4) * 4, -(-outputs // lanes) * lanes
    dx, dw, db = out
    parts = np.zeros((blocks, taps, x_row, y_row) if wanted[1] else 0, x.dtype)
    sums = np.zeros((blocks, y_row) if wanted[2] else 0, x.dtype)
    arrays = (
        dy.reshape(-1), x.reshape(-1), turned.reshape(-1), np.zeros(w_row, x.dtype),
        _padded_table(neighbours), _padded_table(reverse),
    )  # fmt: skip
    sizes = (taps, inputs, outputs, cells, w_row, x_row, y_row)
    dx = dx.reshape(-1) if wanted[0] else np.empty(0, x.dtype)
    results = (dx, parts.reshape(-1), sums.reshape(-1))

    def run(start: int, stop: int) -> None:
        wide_channels.differentiate_wide(start, stop, block, *arrays, *sizes, *results, *wanted)

    spread(run, batch, threads, block)
    if wanted[1]:
        dw[...] = _sum(parts)[:, :inputs, :outputs].transpose(2, 1, 0)
    if wanted[2]:
        db[...] = _sum(sums)[:outputs]


def _convolve_narrow(
    x: Array, weight: Array, bias: Array, neighbours: Any, out: Array, threads: int
) -> None:
    inputs, cells = x.shape[1:]
    outputs, _, taps = weight.shape
    empty = np.empty(0, x.dtype)
    table = _taps_first(neighbours)
    if inputs <= outputs:
        expand = np.ascontiguousarray(weight.reshape(outputs, -1).T)
        _run_narrow(
            (cells, taps, inputs, outputs), (x, empty), (table, table), expand, empty, bias,
            (empty, out), (empty, empty), (True, False, False, False), threads,
        )  # fmt: skip
    else:
        contract = _padded(weight.transpose(1, 0, 2).reshape(inputs, -1), narrow_channels.ROWS)
        _run_narrow(
            (cells, taps, outputs, inputs), (empty, x), (table, table), empty, contract, bias,
            (out, empty), (empty, empty), (False, True, False, False), threads,
        )  # fmt: skip


def _differentiate_narrow(
    dy: Array, x: Array, weight: Array, neighbours: Any, reverse: Any, wanted: Any, out: Any,
    threads: int,
) -> None:  # fmt: skip
    batch, inputs, cells = x.shape
    outputs, _, taps = weight.shape
    empty = np.empty(0, x.dtype)
    dx, dw, db = out
    dx = dx if wanted[0] else empty
    narrow_in = inputs <= outputs
    few, many = (inputs, outputs) if narrow_in else (outputs, inputs)
    rows = -(-few * taps // narrow_channels.ROWS) * narrow_channels.ROWS
    lanes = VECTOR_BYTES // x.itemsize
    blocks = max(1, -(-batch // _block(batch)))
    parts = np.zeros((blocks, many, rows, lanes) if wanted[1] else 0, x.dtype)
    sums = np.zeros((blocks, many) if wanted[2] else 0, x.dtype)
    zeros = np.zeros(max(inputs, outputs), x.dtype)
    backward = _taps_first(reverse)
    if narrow_in:
        contract = _padded(weight.reshape(outputs, -1), narrow_channels.ROWS)
        _run_narrow(
            (cells, taps, few, many), (x, dy), (_taps_first(neighbours), backward), empty,
            contract, zeros, (dx, empty), (parts, sums), (False, *wanted), threads,
        )  # fmt: skip
    else:
        expand = np.ascontiguousarray(weight.transpose(0, 2, 1).reshape(-1, inputs))
        _run_narrow(
            (cells, taps, few, many), (dy, x), (backward, backward), expand, empty, zeros,
            (empty, dx), (parts, empty), (wanted[0], False, wanted[1], False), threads,
        )  # fmt: skip
    if wanted[1]:
        total = _sum(parts).sum(-1)[:, : few * taps].reshape(many, few, taps)
        dw[...] = total if narrow_in else total.transpose(1, 0, 2)
    if wanted[2]:
        db[...] = _sum(sums) if narrow_in else dy.sum((0, 2))


def _run_narrow(
    sizes: tuple[int, int, int, int], images: tuple[Array, Array], tables: tuple[Any, Any],
    expand: Array, contract: Array, bias: Array, results: tuple[Array, Array],
    sums: tuple[Array, Array], switches: tuple[bool, bool, bool, bool], threads: int,
) -> None:  # fmt: skip
    _, taps, few, _ = sizes
    batch = max(len(one) for one in images)
    block = _block(batch)
    rows = -(-few * taps // narrow_channels.ROWS) * narrow_channels.ROWS
    none = np.zeros(rows, bias.dtype)
    arrays: tuple[Any, ...] = (
        *(one.reshape(-1) for one in images), *tables, expand.reshape(-1), expand.shape[-1],
        contract.reshape(-1), bias, none, *(one.reshape(-1) for one in (*results, *sums)),
    )  # fmt: skip

    def run(start: int, stop: int) -> None:
        given: tuple[Any, ...] = (start, stop, block, *sizes, rows, *arrays, *switches)
        narrow_channels.narrow_images(*given)

    spread(run, batch, threads, block)


def _flat_arrays(x: Any, weight: Any) -> tuple[Array, Array]:
    """Contiguous arrays of one type."""
    x, weight = np.ascontiguousarray(x), np.asarray(weight)
    if x.dtype != weight.dtype or x.dtype not in (np.float32, np.float64):
        msg = f"x of {x.dtype} and weight of {weight.dtype} given, expected both float32 or float64"
        raise TypeError(msg)
    return x, weight


def _block(batch: int) -> int:
    """Images whose sums are made together, whatever the number of threads."""
    return max(1, -(-batch // BLOCKS))


def _sum(parts: Array) -> Array:
    """Sum of the blocks, in their order."""
    return parts.sum(0) if len(parts) > 1 else parts[0]


def _padded(array: Array, multiple: int) -> Array:
    """Contiguous copy with zeros to a multiple of the last axis."""
    size = array.shape[-1]
    out = np.zeros((*array.shape[:-1], -(-size // multiple) * multiple), array.dtype)
    out[..., :size] = array
    return out


def _padded_table(table: Any) -> NDArray[np.uint32]:
    """Table for `wide_channels`: n_cells for no cell, and rows of it to a multiple of its tiles."""
    cells, taps = table.shape
    tile = CELLS_A_TILE
    out = np.full((-(-cells // tile) * tile, taps), cells, np.uint32)
    np.minimum(_unsigned(table), np.uint32(cells), out=out[:cells])
    return out.reshape(-1)


def _taps_first(table: Any) -> NDArray[np.uint32]:
    """Table for `narrow_channels`: (n_taps, n_cells), n_cells for no cell."""
    return np.minimum(_unsigned(table).T, np.uint32(len(table)), order="C").reshape(-1)


def _unsigned(table: Any) -> NDArray[np.uint32]:
    """Table in which no cell is a very large number, so that a minimum turns it into any other."""
    return np.ascontiguousarray(table, np.int32).view(np.uint32)
