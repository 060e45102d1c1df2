"""Two-threshold cleaning on CUDA: one thread a cell of an image, in two steps."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from hyperhex.kernels.cuda.arrays import THREADS, blocks_for, device_array, device_stream
from hyperhex.kernels.hexagonal.cleaning import kept

__all__ = ["tailcuts_on_device"]

ABOVE, PICTURE = 1, 2


@cuda.jit
def fill_states(images: Any, neighbours: Any, limits: Any, least: int, states: Any) -> None:
    """Bit 0: at least the boundary's threshold; bit 1: in the picture."""
    i = cuda.grid(1)
    if i >= images.size:
        return
    image, cell = i // images.shape[1], i % images.shape[1]
    in_picture = images[image, cell] >= limits[0, cell]
    if in_picture and least > 0:
        near = 0
        for k in range(neighbours.shape[1]):
            other = neighbours[cell, k]
            if other >= 0 and images[image, other] >= limits[0, other]:
                near += 1
        in_picture = near >= least
    above = ABOVE if images[image, cell] >= limits[1, cell] else 0
    states[image, cell] = above | (PICTURE if in_picture else 0)


@cuda.jit
def fill_masks(states: Any, neighbours: Any, keep_isolated: bool, masks: Any) -> None:
    """What is kept, of the states of a cell and of its neighbours."""
    i = cuda.grid(1)
    if i >= states.size:
        return
    image, cell = i // states.shape[1], i % states.shape[1]
    state = int(states[image, cell])
    near = ABOVE if keep_isolated else 0
    for k in range(neighbours.shape[1]):
        other = neighbours[cell, k]
        if other >= 0:
            near |= int(states[image, other])
    above, in_picture = state & 1, state >> 1
    masks[image, cell] = kept(above, in_picture, near >> 1, near & 1) != 0


def tailcuts_on_device(
    images: Any, neighbours: Any, limits: Any, keep_isolated: bool, least: int, out: Any,
    stream: Any,
) -> Any:  # fmt: skip
    """Cells that are kept, bool (n, cells) on the device: see `kernels.hexagonal.cleaning`."""
    stream = device_stream(stream)
    images, neighbours = device_array(images), device_array(neighbours, stream)
    masks = cuda.device_array(images.shape, np.bool_, stream=stream) if out is None else out
    if images.size:
        states = cuda.device_array(images.shape, np.uint8, stream=stream)
        blocks = blocks_for(images.size)
        fill_states[blocks, THREADS, stream](
            images, neighbours, device_array(limits, stream), least, states
        )
        fill_masks[blocks, THREADS, stream](states, neighbours, keep_isolated, device_array(masks))
    return masks
