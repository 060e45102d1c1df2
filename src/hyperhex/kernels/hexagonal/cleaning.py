"""Two-threshold cleaning of many camera images at once, 64 images in the bits of one word.

A bit of a cell's word is one image, so that the question whether any neighbour is in the picture
costs six ORs for 64 images. What remains is to read the images once and write the masks once.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.threads import spread

__all__ = ["kept", "tailcuts"]

Words = NDArray[np.uint64]
WORD = 64
MOST_NEIGHBOURS = 15


@uncounted
def kept(above_boundary: Any, in_picture: Any, picture_near: Any, boundary_near: Any) -> Any:
    """Cells that survive: boundary cells by the picture and picture cells that are not alone.

    Bits of words, or 0 and 1.
    """
    return (above_boundary & picture_near) | (in_picture & boundary_near)


def tailcuts(
    images: Any,
    neighbours: Any,
    picture: ArrayLike,
    boundary: ArrayLike,
    *,
    keep_isolated: bool = False,
    min_picture_neighbours: int = 0,
    threads: int = 1,
    stream: Any = 0,
    out: Any = None,
) -> Any:
    """Cells (n, cells) of images (n, cells) that are kept, as ctapipe's `tailcuts_clean` has it.

    The picture are the cells of at least `picture` that have `min_picture_neighbours` others of
    them as neighbours. Kept are cells of at least `boundary` beside the picture, and cells of the
    picture beside any cell of at least `boundary`; with `keep_isolated` the whole picture, whatever
    its neighbours. Thresholds are one number or one a cell, in the type of the images.
    neighbours: (cells, k), -1 for none, without the cell itself.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings
    >>> from hyperhex.kernels.hexagonal.neighbours import neighbourhood
    >>> image = np.array([[9.0, 5.0, 1.0, 0.0, 5.0, 0.0, 0.0]])
    >>> tailcuts(image, neighbourhood(axial_rings(1), 1)[:, 1:], 8, 4).astype(int).tolist()
    [[1, 1, 0, 0, 1, 0, 0]]
    """
    if not 0 <= min_picture_neighbours <= MOST_NEIGHBOURS:
        msg = f"min_picture_neighbours={min_picture_neighbours} given, expected 0 to 15"
        raise ValueError(msg)
    if images.ndim != 2 or images.dtype.kind != "f" or neighbours.shape[0] != images.shape[1]:
        msg = (
            f"images {images.dtype} {images.shape} and neighbours {neighbours.shape} given,"
            f" expected floating images (n, cells) and neighbours (cells, k)"
        )
        raise ValueError(msg)
    least = 0 if keep_isolated else min_picture_neighbours
    cells = images.shape[1]
    limits = np.empty((2, cells), np.dtype(images.dtype))
    limits[0], limits[1] = picture, boundary
    if on_device(images):
        from hyperhex.kernels.cuda.cleaning import tailcuts_on_device

        return tailcuts_on_device(images, neighbours, limits, keep_isolated, least, out, stream)
    near = np.where(neighbours < 0, cells, neighbours).astype(np.uint32)
    masks = np.empty(images.shape, np.bool_) if out is None else out

    def run(start: int, stop: int) -> None:
        words = np.zeros((4, cells + 1), np.uint64)
        _clean(
            images[start:stop], near, limits, keep_isolated, least, words,
            masks[start:stop].view(np.uint8),
        )  # fmt: skip

    spread(run, len(images), threads, WORD)
    return masks


@uncounted
def _clean(
    images: NDArray[Any],
    near: NDArray[np.uint32],
    limits: NDArray[Any],
    keep_isolated: bool,
    least: int,
    words: Words,
    masks: NDArray[np.uint8],
) -> None:
    """Clean 64 images after 64; the last word stands for a neighbour that is not there."""
    above_picture, above_boundary, in_picture, result = words[0], words[1], words[2], words[3]
    cells = images.shape[1]
    for start in range(0, len(images), WORD):
        stop = min(len(images), start + WORD)
        _pack(images[start:stop], limits[0], limits[1], above_picture, above_boundary)
        for p in range(cells):
            in_picture[p] = above_picture[p] & _at_least(above_picture, near[p], least)
        for p in range(cells):
            picture_near = _at_least(in_picture, near[p], 1)
            boundary_near = _at_least(above_boundary, near[p], 0 if keep_isolated else 1)
            result[p] = kept(above_boundary[p], in_picture[p], picture_near, boundary_near)
        _unpack(result, masks[start:stop])


@uncounted
def _pack(
    images: NDArray[Any],
    picture: NDArray[Any],
    boundary: NDArray[Any],
    above_picture: Words,
    above_boundary: Words,
) -> None:
    """Put what is above the two thresholds into the bits, eight images a sweep over the cells."""
    cells = images.shape[1]
    above_picture[:] = 0
    above_boundary[:] = 0
    whole = len(images) // 8 * 8
    for start in range(0, whole, 8):
        for p in range(cells):
            bits, more = np.uint8(0), np.uint8(0)
            for k in range(8):
                value = images[start + k, p]
                bits |= np.uint8(value >= picture[p]) << np.uint8(k)
                more |= np.uint8(value >= boundary[p]) << np.uint8(k)
            above_picture[p] |= np.uint64(bits) << np.uint64(start)
            above_boundary[p] |= np.uint64(more) << np.uint64(start)
    for j in range(whole, len(images)):
        for p in range(cells):
            value = images[j, p]
            above_picture[p] |= np.uint64(value >= picture[p]) << np.uint64(j)
            above_boundary[p] |= np.uint64(value >= boundary[p]) << np.uint64(j)


@uncounted
def _at_least(words: Words, near: NDArray[np.uint32], least: int) -> np.uint64:
    """Bits of the images in which at least so many of the neighbours are set.

    The neighbours are counted bit by bit: four words hold the binary digits of 64 counts, and a
    fifth those that ran over 15.
    """
    none, every = np.uint64(0), ~np.uint64(0)
    if least == 0:
        return every
    if least == 1:
        found = none
        for k in range(len(near)):
            found |= words[near[k]]
        return found
    ones, twos, fours, eights, more = none, none, none, none, none
    for k in range(len(near)):
        carry = words[near[k]]
        ones, carry = ones ^ carry, ones & carry
        twos, carry = twos ^ carry, twos & carry
        fours, carry = fours ^ carry, fours & carry
        eights, carry = eights ^ carry, eights & carry
        more |= carry
    equal = every
    for digit, value in ((eights, 8), (fours, 4), (twos, 2), (ones, 1)):
        if least & value:
            equal &= digit
        else:
            more |= equal & digit
            equal &= ~digit
    return more | equal


@uncounted
def _unpack(words: Words, masks: NDArray[np.uint8]) -> None:
    for j in range(len(masks)):
        row = masks[j]
        for p in range(len(row)):
            row[p] = (words[p] >> np.uint64(j)) & np.uint64(1)
