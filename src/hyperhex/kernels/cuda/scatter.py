"""Sums over the cells of a grid on CUDA: one block an event, no atomics, the CPU's order."""

from __future__ import annotations

from typing import Any

from numba import cuda

from hyperhex.kernels.cuda.arrays import THREADS, device_array, device_stream, zeros

__all__ = ["scatter_hits_on_device", "scatter_patches_on_device"]


@cuda.jit
def add_patches(first: Any, centre: Any, patches: Any, neighbourhood: Any, grid: Any) -> None:
    """Patch after patch; the cells of one are distinct, so that its threads do not meet."""
    event = cuda.blockIdx.x
    for i in range(first[event], first[event + 1]):
        if centre[i] >= 0:
            for k in range(cuda.threadIdx.x, patches.shape[1], cuda.blockDim.x):
                cell = neighbourhood[centre[i], k]
                if cell >= 0:
                    grid[event, cell] += patches[i, k]
        cuda.syncthreads()


@cuda.jit
def add_hits(first: Any, cell: Any, values: Any, grid: Any) -> None:
    """Every thread goes through all hits of the event and adds those of its own cells."""
    event = cuda.blockIdx.x
    for i in range(first[event], first[event + 1]):
        if cell[i] >= 0 and cell[i] % cuda.blockDim.x == cuda.threadIdx.x:
            grid[event, cell[i]] += values[i]


def scatter_patches_on_device(
    first: Any, centre: Any, patches: Any, neighbourhood: Any, shape: Any, out: Any, stream: Any
) -> Any:
    """Patches added to a grid on the device: see `kernels.hexagonal.scatter`."""
    stream = device_stream(stream)
    grid = zeros(shape, patches.dtype, stream) if out is None else out
    if shape[0]:
        add_patches[shape[0], THREADS, stream](
            device_array(first, stream), device_array(centre, stream), device_array(patches),
            device_array(neighbourhood, stream), device_array(grid),
        )  # fmt: skip
    return grid


def scatter_hits_on_device(
    first: Any, cell: Any, values: Any, shape: Any, out: Any, stream: Any
) -> Any:
    """Hits added to a grid on the device: see `kernels.hexagonal.scatter`."""
    stream = device_stream(stream)
    grid = zeros(shape, values.dtype, stream) if out is None else out
    if shape[0]:
        add_hits[shape[0], THREADS, stream](
            device_array(first, stream), device_array(cell, stream), device_array(values),
            device_array(grid),
        )  # fmt: skip
    return grid
