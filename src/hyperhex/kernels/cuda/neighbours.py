"""Neighbour tables on CUDA: one thread an entry."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from hyperhex.kernels.cuda.arrays import THREADS, blocks_for, device_array, device_stream
from hyperhex.kernels.hexagonal.cylinder import shifted_cell
from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import dense_table

__all__ = ["cylinder_on_device", "neighbourhood_on_device"]


@cuda.jit
def fill_neighbourhood(axial: Any, q0: int, r0: int, table: Any, steps: Any, found: Any) -> None:
    """One neighbour of one cell, found in a dense table with a margin."""
    i = cuda.grid(1)
    if i < found.size:
        cell, k = i // found.shape[1], i % found.shape[1]
        found[cell, k] = table[axial[cell, 0] - q0 + steps[k, 0], axial[cell, 1] - r0 + steps[k, 1]]


@cuda.jit
def fill_cylinder(around: int, rows: int, steps: Any, found: Any) -> None:
    """One neighbour of one cell of a cylinder."""
    i = cuda.grid(1)
    if i < found.size:
        cell, k = i // found.shape[1], i % found.shape[1]
        found[cell, k] = shifted_cell(
            cell // around, cell % around, steps[k, 0], steps[k, 1], around, rows
        )


def neighbourhood_on_device(axial: Any, rings: int, out: Any, stream: Any) -> Any:
    """Neighbours of cells, int32 (n, k) on the device: see `kernels.hexagonal.neighbours`.

    The dense table is made on the CPU: it is small, and made once a layout.
    """
    stream = device_stream(stream)
    axial = device_array(axial)
    table, q0, r0 = dense_table(axial.copy_to_host(stream=stream), rings)
    steps = axial_rings(rings)
    shape = (axial.shape[0], len(steps))
    found = cuda.device_array(shape, np.int32, stream=stream) if out is None else out
    fill_neighbourhood[blocks_for(shape[0] * shape[1]), THREADS, stream](
        axial, q0, r0, device_array(table, stream), device_array(steps, stream),
        device_array(found),
    )  # fmt: skip
    return found


def cylinder_on_device(around: int, rows: int, rings: int, out: Any, stream: Any) -> Any:
    """Neighbours of the cells of a cylinder, put into an array (cells, k) on the device."""
    steps = axial_rings(rings)
    stream = device_stream(stream)
    fill_cylinder[blocks_for(out.shape[0] * out.shape[1]), THREADS, stream](
        around, rows, device_array(steps, stream), device_array(out)
    )
    return out
