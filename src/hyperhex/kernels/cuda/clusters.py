"""Islands and topological clusters on CUDA: one block an image.

Every cell begins with its own index as label and takes the lowest of its neighbours' until nothing
changes: the label of a part is its lowest cell, in whatever order the threads come.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, int32

from hyperhex.kernels.cuda.arrays import device_array, device_stream
from hyperhex.kernels.hexagonal.clusters import NONE, joined

__all__ = ["islands_on_device", "topological_clusters_on_device"]

THREADS = 64


@cuda.jit(device=True)
def settle(labels: Any, neighbours: Any, changed: Any) -> None:
    """Spread the lowest labels over the connected parts; `changed` (1,) is shared."""
    while True:
        cuda.syncthreads()
        if cuda.threadIdx.x == 0:
            changed[0] = 0
        cuda.syncthreads()
        for cell in range(cuda.threadIdx.x, labels.shape[0], cuda.blockDim.x):
            label = labels[cell]
            if label < 0:
                continue
            low = label
            for k in range(neighbours.shape[1]):
                other = neighbours[cell, k]
                if other >= 0 and 0 <= labels[other] < low:
                    low = labels[other]
            # a label is a cell of the same part, and may know a lower one already
            while labels[low] < low:
                low = labels[low]
            if low < label:
                labels[cell] = low
                changed[0] = 1
        cuda.syncthreads()
        if changed[0] == 0:
            break


@cuda.jit(device=True)
def renumber(labels: Any, ranks: Any, counts: Any) -> int:
    """Number the parts whose lowest cell has a rank of 1 by that cell, the others get -1.

    Every thread counts in a range of its own; counts (threads,) is shared. Returns how many.
    """
    thread = cuda.threadIdx.x
    each = (labels.shape[0] + cuda.blockDim.x - 1) // cuda.blockDim.x
    start, stop = thread * each, (thread + 1) * each
    if stop > labels.shape[0]:
        stop = labels.shape[0]
    counts[thread] = 0
    cuda.syncthreads()
    for cell in range(start, stop):
        if labels[cell] == cell and ranks[cell] == 1:
            counts[thread] += 1
    cuda.syncthreads()
    rank, number = 0, 0
    for other in range(cuda.blockDim.x):
        if other < thread:
            rank += counts[other]
        number += counts[other]
    for cell in range(start, stop):
        if labels[cell] == cell:
            if ranks[cell] == 1:
                ranks[cell] = rank
                rank += 1
            else:
                ranks[cell] = NONE
    cuda.syncthreads()
    for cell in range(thread, labels.shape[0], cuda.blockDim.x):
        if labels[cell] >= 0:
            labels[cell] = ranks[labels[cell]]
    cuda.syncthreads()
    return number


@cuda.jit
def label_islands(mask: Any, neighbours: Any, ranks: Any, labels: Any, number: Any) -> None:
    """Connected parts of one mask a block."""
    changed = cuda.shared.array(1, int32)
    counts = cuda.shared.array(THREADS, int32)
    i = cuda.blockIdx.x
    for cell in range(cuda.threadIdx.x, mask.shape[1], cuda.blockDim.x):
        labels[i, cell] = cell if mask[i, cell] else NONE
        ranks[i, cell] = 1
    settle(labels[i], neighbours, changed)
    parts = renumber(labels[i], ranks[i], counts)
    if cuda.threadIdx.x == 0:
        number[i] = parts


@cuda.jit
def label_clusters(
    significance: Any, neighbours: Any, limits: Any, ranks: Any, labels: Any, number: Any
) -> None:
    """Topological clusters of one image a block."""
    changed = cuda.shared.array(1, int32)
    counts = cuda.shared.array(THREADS, int32)
    seed, grow, boundary = limits
    thread, threads = cuda.threadIdx.x, cuda.blockDim.x
    image, found, rank = (
        significance[cuda.blockIdx.x],
        labels[cuda.blockIdx.x],
        ranks[cuda.blockIdx.x],
    )
    for cell in range(thread, image.shape[0], threads):
        found[cell] = cell if abs(image[cell]) > grow else NONE
        rank[cell] = 0
    settle(found, neighbours, changed)
    for cell in range(thread, image.shape[0], threads):
        if abs(image[cell]) > seed:
            rank[found[cell]] = 1
    cuda.syncthreads()
    parts = renumber(found, rank, counts)
    if thread == 0:
        number[cuda.blockIdx.x] = parts
    for cell in range(thread, image.shape[0], threads):
        if found[cell] < 0 and abs(image[cell]) > boundary:
            # negative until all have joined: only cores are joined
            found[cell] = NONE - 1 - joined(cell, image, found, neighbours[cell])
    cuda.syncthreads()
    for cell in range(thread, image.shape[0], threads):
        if found[cell] < NONE:
            found[cell] = NONE - 1 - found[cell]


def islands_on_device(mask: Any, neighbours: Any, out: Any, stream: Any) -> tuple[Any, Any]:
    """Labels and numbers of islands on the device: see `kernels.hexagonal.clusters`."""
    stream = device_stream(stream)
    labels, ranks, number = _room(mask.shape, stream)
    labels = labels if out is None else out
    if mask.shape[0]:
        label_islands[mask.shape[0], THREADS, stream](
            device_array(mask), device_array(neighbours, stream), ranks, device_array(labels),
            number,
        )  # fmt: skip
    return labels, number


def topological_clusters_on_device(
    significance: Any, neighbours: Any, limits: Any, stream: Any
) -> tuple[Any, Any]:
    """Labels and numbers of clusters on the device: see `kernels.hexagonal.clusters`."""
    stream = device_stream(stream)
    labels, ranks, number = _room(significance.shape, stream)
    if significance.shape[0]:
        label_clusters[significance.shape[0], THREADS, stream](
            device_array(significance), device_array(neighbours, stream), limits, ranks, labels,
            number,
        )  # fmt: skip
    return labels, number


def _room(shape: tuple[int, int], stream: Any) -> tuple[Any, Any, Any]:
    labels, ranks = (cuda.device_array(shape, np.int32, stream=stream) for _ in range(2))
    return labels, ranks, cuda.device_array(shape[0], np.int32, stream=stream)
