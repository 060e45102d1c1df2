"""Convolution of cells on CUDA: direct kernels that gather; nothing is scattered, no atomics.

The convolution and its derivative by x are one kernel, with the table or its reverse. A thread
holds a few cells of a few output channels in registers; the weights of a block of threads lie in
shared memory. The derivative by the weight is a product of two tall matrices, gathered tile by
tile; its sum over images and cells is cut into parts that depend on the sizes alone.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

__all__ = ["convolve", "differentiate", "workspace_size"]

THREADS = 128
# what a thread holds, and rows (input channel, tap) of weights that a block holds
CELLS, CHANNELS, ROWS = 4, 8, 64
HELD, WEIGHTS = (CELLS, CHANNELS), ROWS * CHANNELS
# derivative by the weight: side of a tile, its threads, cells at once, cells of a part at least
SIDE, TILE_THREADS, SPAN, PART = 32, 256, 32, 4096
MOST_PARTS = 128
# a column more, so that the rows of a tile begin in different banks
TILE = (SIDE, SPAN + 1)


@cuda.jit
def convolve_kernel(  # noqa: C901 (one loop, and what begins and ends it)
    x: Any, weight: Any, turned: bool, bias: Any, biased: bool, table: Any, taps: int, cells: int,
    zero: Any, out: Any,
) -> None:  # fmt: skip
    """Convolve; flat x, weight, table, out; sizes as the shapes of bias and the arrays say.

    `zero` is that of the arrays' type: a constant of Python would make all sums float64.
    weight (outputs, inputs, taps), or (inputs, outputs, taps) if `turned`; bias (outputs,), read if
    `biased`.
    """
    weights = cuda.shared.array(WEIGHTS, x.dtype)
    sums = cuda.local.array(HELD, x.dtype)
    values = cuda.local.array(CELLS, x.dtype)
    # unsigned, or each place would be asked whether it counts from the end of its array
    source = cuda.local.array(CELLS, np.uint64)
    around = cuda.local.array(CELLS, np.uint64)
    outputs = bias.shape[0]
    inputs = weight.shape[0] // (outputs * taps)
    batch = out.shape[0] // (outputs * cells)
    first_channel = cuda.blockIdx.y * CHANNELS
    here = cuda.blockIdx.x * THREADS * CELLS + cuda.threadIdx.x
    for c in range(CELLS):
        at = here + c * THREADS
        image = at // cells
        # cells beyond the last image read where the first does, and are not written
        if image >= batch:
            image, at = 0, 0
        source[c] = np.uint64(image * inputs * cells)
        around[c] = np.uint64((at - image * cells) * taps)
        for o in range(CHANNELS):
            sums[c, o] = zero
            if biased and first_channel + o < outputs:
                sums[c, o] = bias[first_channel + o]
    rows = inputs * taps
    for start in range(0, rows, ROWS):
        cuda.syncthreads()
        for j in range(cuda.threadIdx.x, ROWS * CHANNELS, THREADS):
            row = start + j // CHANNELS
            channel = first_channel + j % CHANNELS
            weights[j] = zero
            if row < rows and channel < outputs:
                i = row // taps
                k = row - i * taps
                place = i * outputs + channel if turned else channel * inputs + i
                weights[j] = weight[place * taps + k]
        cuda.syncthreads()
        tap = start % taps
        plane = np.uint64(start // taps * cells)
        held = ROWS
        if rows - start < ROWS:
            held = rows - start
        for row in range(held):
            for c in range(CELLS):
                cell = table[around[c] + np.uint64(tap)]
                # a load without a branch, so that the loads of all cells are under way together
                inside = cell >= 0
                value = x[source[c] + plane + np.uint64(cell if inside else 0)]
                values[c] = value if inside else zero
            for o in range(CHANNELS):
                one = weights[np.uint64(row * CHANNELS + o)]
                for c in range(CELLS):
                    sums[c, o] += values[c] * one
            tap += 1
            if tap == taps:
                tap = 0
                plane += np.uint64(cells)
    for c in range(CELLS):
        at = here + c * THREADS
        image = at // cells
        if image < batch:
            for o in range(CHANNELS):
                channel = first_channel + o
                if channel < outputs:
                    out[(image * outputs + channel - image) * cells + at] = sums[c, o]


@cuda.jit
def correlate_kernel(  # noqa: C901 (one loop, and what begins and ends it)
    dy: Any, x: Any, table: Any, taps: int, cells: int, batch: int, part: int, zero: Any, parts: Any
) -> None:
    """Sums over `part` cells of dy[b, o, p] x[b, i, table[p, k]] to parts (parts, o, (i, k)).

    Flat dy, x and table.
    """
    left = cuda.shared.array(TILE, x.dtype)
    right = cuda.shared.array(TILE, x.dtype)
    outputs, rows = parts.shape[1], parts.shape[2]
    inputs = rows // taps
    thread = cuda.threadIdx.x
    first_channel = cuda.blockIdx.x * SIDE
    first_row = cuda.blockIdx.y * SIDE
    column = thread % SPAN
    my_row, my_column = thread // 16, thread % 16
    sum_00 = sum_01 = sum_10 = sum_11 = zero
    start = cuda.blockIdx.z * part
    stop = start + part
    if batch * cells < stop:
        stop = batch * cells
    for first in range(start, stop, SPAN):
        at = first + column
        image = at // cells
        cell = at - image * cells
        cuda.syncthreads()
        for j in range(thread // SPAN, SIDE, TILE_THREADS // SPAN):
            left[j, column] = zero
            right[j, column] = zero
            if at < stop:
                channel = first_channel + j
                if channel < outputs:
                    left[j, column] = dy[(image * outputs + channel) * cells + cell]
                row = first_row + j
                if row < rows:
                    i = row // taps
                    read = table[cell * taps + row - i * taps]
                    if read >= 0:
                        right[j, column] = x[(image * inputs + i) * cells + read]
        cuda.syncthreads()
        for p in range(SPAN):
            a, b = left[my_row, p], left[my_row + 16, p]
            c, d = right[my_column, p], right[my_column + 16, p]
            sum_00 += a * c
            sum_01 += a * d
            sum_10 += b * c
            sum_11 += b * d
    o, r = first_channel + my_row, first_row + my_column
    if o < outputs and r < rows:
        parts[cuda.blockIdx.z, o, r] = sum_00
    if o < outputs and r + 16 < rows:
        parts[cuda.blockIdx.z, o, r + 16] = sum_01
    if o + 16 < outputs and r < rows:
        parts[cuda.blockIdx.z, o + 16, r] = sum_10
    if o + 16 < outputs and r + 16 < rows:
        parts[cuda.blockIdx.z, o + 16, r + 16] = sum_11


@cuda.jit
def sum_kernel(parts: Any, out: Any) -> None:
    """Sum parts (parts, n) in their order to out (n,)."""
    at = cuda.grid(1)
    if at < out.shape[0]:
        total = parts[0, at]
        for one in range(1, parts.shape[0]):
            total += parts[one, at]
        out[at] = total


@cuda.jit
def sum_cells_kernel(dy: Any, zero: Any, out: Any) -> None:
    """Sum dy (batch, outputs, cells) over images and cells to out (outputs,), a block for each."""
    sums = cuda.shared.array(THREADS, dy.dtype)
    thread = cuda.threadIdx.x
    total = zero
    for image in range(dy.shape[0]):
        for cell in range(thread, dy.shape[2], THREADS):
            total += dy[image, cuda.blockIdx.x, cell]
    sums[thread] = total
    half = THREADS // 2
    while half > 0:
        cuda.syncthreads()
        if thread < half:
            sums[thread] += sums[thread + half]
        half //= 2
    if thread == 0:
        out[cuda.blockIdx.x] = sums[0]


def convolve(
    x: Any, weight: Any, bias: Any, neighbours: Any, out: Any = None, stream: Any = 0
) -> Any:
    """Convolve on the device, see `hyperhex.kernels.hexagonal.convolution.convolve`."""
    if out is None:
        shape = (x.shape[0], weight.shape[0], x.shape[2])
        out = cuda.device_array(shape, x.dtype, stream=stream)
    _launch(x, weight, bias, neighbours, False, out, stream)
    return out


def differentiate(
    dy: Any,
    x: Any,
    weight: Any,
    neighbours: Any,
    reverse: Any,
    wanted: tuple[bool, bool, bool] = (True, True, True),
    out: Any = None,
    stream: Any = 0,
    workspace: Any = None,
) -> tuple[Any, Any, Any]:
    """Derivatives on the device, see `hyperhex.kernels.hexagonal.convolution.differentiate`.

    workspace: (workspace_size(...),) of the type of x, made if None.
    """
    if out is None:
        shapes = (x.shape, weight.shape, dy.shape[1:2])
        out = tuple(
            cuda.device_array(shape if want else (0,), x.dtype, stream=stream)
            for shape, want in zip(shapes, wanted, strict=True)
        )
    dx, dw, db = out
    if wanted[0]:
        _launch(dy, weight, None, reverse, True, dx, stream)
    if wanted[1]:
        batch, outputs, cells = dy.shape
        taps = weight.shape[2]
        count, part = _parts(batch * cells)
        rows = weight.shape[1] * taps
        if workspace is None:
            workspace = cuda.device_array(
                workspace_size(dy.shape, weight.shape), x.dtype, stream=stream
            )
        parts = workspace[: count * outputs * rows]
        grid = (-(-outputs // SIDE), -(-rows // SIDE), count)
        correlate_kernel[grid, TILE_THREADS, stream](
            dy.reshape(-1), x.reshape(-1), neighbours.reshape(-1), taps, cells, batch, part,
            x.dtype.type(0), parts.reshape(count, outputs, rows),
        )  # fmt: skip
        sum_kernel[-(-outputs * rows // THREADS), THREADS, stream](
            parts.reshape(count, outputs * rows), dw.reshape(-1)
        )
    if wanted[2]:
        sum_cells_kernel[dy.shape[1], THREADS, stream](dy, dy.dtype.type(0), db)
    return dx, dw, db


def workspace_size(dy_shape: tuple[int, ...], weight_shape: tuple[int, ...]) -> int:
    """Elements that the parts of a weight's derivative need."""
    return _parts(dy_shape[0] * dy_shape[2])[0] * int(np.prod(weight_shape))


def _parts(cells: int) -> tuple[int, int]:
    """Number of parts of all cells of all images, and cells of a part, a multiple of SPAN."""
    count = max(1, min(MOST_PARTS, cells // PART))
    part = max(1, -(-cells // (count * SPAN))) * SPAN
    return max(1, -(-cells // part)), part


def _launch(
    x: Any, weight: Any, bias: Any, table: Any, turned: bool, out: Any, stream: Any
) -> None:
    """Launch the convolution, with the weight as it is or with its channels exchanged."""
    batch, outputs, cells = out.shape
    if batch == 0:
        return
    grid = (-(-batch * cells // (THREADS * CELLS)), -(-outputs // CHANNELS))
    biased = bias is not None
    # without a bias any array of its shape tells the number of outputs
    bias = bias if biased else out.reshape(-1)[:outputs]
    convolve_kernel[grid, THREADS, stream](
        x.reshape(-1), weight.reshape(-1), turned, bias, biased, table.reshape(-1), table.shape[1],
        cells, x.dtype.type(0), out.reshape(-1),
    )  # fmt: skip
