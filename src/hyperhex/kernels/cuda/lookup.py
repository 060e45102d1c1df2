"""Lookup of the cells of many points on CUDA: one thread a point."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from hyperhex.kernels.cuda.arrays import THREADS, blocks_for, device_array, device_stream
from hyperhex.kernels.hexagonal.lookup import padded_place

__all__ = ["lookup_on_device"]


@cuda.jit
def fill_cells(x: Any, y: Any, frame: Any, table: Any, out: Any) -> None:
    """Cells of points; the border of the padded table is not stored, but told by its place."""
    i = cuda.grid(1)
    if i >= x.shape[0]:
        return
    columns = table.shape[1] + 2
    place = padded_place(x[i], y[i], frame, columns)
    q = place // columns
    r = place - q * columns
    if 0 < q <= table.shape[0] and 0 < r <= table.shape[1]:
        out[i] = table[q - 1, r - 1]
    else:
        out[i] = -1


def lookup_on_device(x: Any, y: Any, frame: Any, table: Any, out: Any, stream: Any) -> Any:
    """Cells of points on the device, int32 (n,) there: see `kernels.hexagonal.lookup`."""
    stream = device_stream(stream)
    found = cuda.device_array(x.shape, np.int32, stream=stream) if out is None else out
    if x.shape[0]:
        fill_cells[blocks_for(x.shape[0]), THREADS, stream](
            device_array(x), device_array(y), frame, device_array(table, stream),
            device_array(found),
        )  # fmt: skip
    return found
