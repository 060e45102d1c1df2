"""Hillas parameters on CUDA: one block an image, sums by a tree in a fixed order."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda, float64

from hyperhex.kernels.cuda.arrays import device_array, device_stream
from hyperhex.kernels.hexagonal.hillas import (
    Hillas,
    axes_of_covariance,
    fill_parameters,
    moments_about_axis,
)

__all__ = ["hillas_on_device"]

THREADS = 64
SUMS = 9


@cuda.jit(device=True)
def add_up(sums: Any, number: int) -> None:
    """Sums over the threads of the block, left in column 0."""
    reach = THREADS // 2
    while reach > 0:
        cuda.syncthreads()
        if cuda.threadIdx.x < reach:
            for k in range(number):
                sums[k, cuda.threadIdx.x] += sums[k, cuda.threadIdx.x + reach]
        reach //= 2
    cuda.syncthreads()


@cuda.jit
def fill_images(images: Any, marks: Any, layout: Any, found: Any) -> None:
    """Parameters of one image a block, of the cells whose marks are not zero."""
    sums = cuda.shared.array((SUMS, THREADS), float64)
    i, thread = cuda.blockIdx.x, cuda.threadIdx.x
    cells = images.shape[1]
    size = sum_x = sum_y = 0.0
    for p in range(thread, cells, THREADS):
        if marks[i, p] != 0:
            charge = float64(images[i, p])
            size += charge
            sum_x += charge * layout[0, p]
            sum_y += charge * layout[1, p]
    sums[0, thread], sums[1, thread], sums[2, thread] = size, sum_x, sum_y
    add_up(sums, 3)
    size = sums[0, 0]
    # nothing is divided by the light of a dark image
    light = size if size != 0.0 else 1.0
    x, y = sums[1, 0] / light, sums[2, 0] / light
    cuda.syncthreads()
    xx = yy = xy = 0.0
    for p in range(thread, cells, THREADS):
        if marks[i, p] != 0:
            charge = float64(images[i, p])
            dx, dy = layout[0, p] - x, layout[1, p] - y
            xx += charge * dx * dx
            yy += charge * dy * dy
            xy += charge * dx * dy
    sums[0, thread], sums[1, thread], sums[2, thread] = xx, yy, xy
    add_up(sums, 3)
    axes = axes_of_covariance(sums[0, 0] / light, sums[1, 0] / light, sums[2, 0] / light)
    cuda.syncthreads()
    for k in range(SUMS):
        sums[k, thread] = 0.0
    for p in range(thread, cells, THREADS):
        if marks[i, p] != 0:
            weight = float64(images[i, p])
            along, across, more_along, more_across = moments_about_axis(
                layout[0, p] - x, layout[1, p] - y, axes
            )
            cubed = weight * along * along * along
            sums[0, thread] += cubed
            sums[1, thread] += cubed * along
            sums[2, thread] += weight * more_along * more_along
            sums[3, thread] += weight * more_across * more_across
            weight /= layout[2, p]
            sums[4, thread] += weight
            sums[5, thread] += weight * along
            sums[6, thread] += weight * along * along
            sums[7, thread] += weight * across
            sums[8, thread] += weight * along * across
    add_up(sums, SUMS)
    if thread == 0:
        moments = (
            sums[0, 0], sums[1, 0], sums[2, 0], sums[3, 0], sums[4, 0],
            sums[5, 0], sums[6, 0], sums[7, 0], sums[8, 0],
        )  # fmt: skip
        fill_parameters(size, x, y, axes, moments, found[:, i])


def hillas_on_device(images: Any, mask: Any, layout: Any, stream: Any) -> tuple[Any, ...]:
    """The 14 parameters of images on the device, each float64 (n,) there."""
    stream = device_stream(stream)
    images = device_array(images)
    marks = images if mask is None else device_array(mask)
    shape = (len(Hillas._fields), images.shape[0])
    found = cuda.device_array(shape, np.float64, stream=stream)
    if images.shape[0]:
        fill_images[images.shape[0], THREADS, stream](
            images, marks, device_array(layout, stream), found
        )
    return tuple(found[k] for k in range(shape[0]))
