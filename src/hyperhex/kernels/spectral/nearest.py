"""The nearest points of each point, by a grid of cells."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.compiled import compiled, uncounted

__all__ = ["nearest"]


def nearest(points: ArrayLike, number: int) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The `number` nearest other points of each point (n, d), and their distances, both (n, k).

    Nearest first, equal distances in the order of the points. The first three axes (or fewer) are
    cut into about one cell a point; shells of cells are searched outwards from a point's own until
    the next shell lies beyond the furthest point kept. Distances are taken in all d axes.

    Examples
    --------
    >>> nearest([[0.0], [1.0], [3.0]], 1)[0].ravel()
    array([1, 0, 1], dtype=int32)
    """
    place = np.ascontiguousarray(points, dtype=np.float64)
    if place.ndim != 2 or place.shape[1] < 1:
        msg = f"points of shape {place.shape} given, expected (points, axes)"
        raise ValueError(msg)
    if not 1 <= number < len(place):
        msg = f"{number} neighbours of {len(place)} points asked for, expected 1 to points - 1"
        raise ValueError(msg)
    if not np.isfinite(place).all():
        msg = "points that are not finite given, expected finite coordinates"
        raise ValueError(msg)
    low, size, shape = _grid(place)
    axes = place[:, : min(place.shape[1], 3)]
    where = np.zeros((len(place), 3), dtype=np.int64)
    where[:, : axes.shape[1]] = np.minimum((axes - low) / size, shape[: axes.shape[1]] - 1)
    cell = (where[:, 0] * shape[1] + where[:, 1]) * shape[2] + where[:, 2]
    order = np.argsort(cell, kind="stable")
    start = np.zeros(int(shape.prod()) + 1, dtype=np.int64)
    np.cumsum(np.bincount(cell, minlength=int(shape.prod())), out=start[1:])
    found = np.full((len(place), number), -1, dtype=np.int32)
    square = np.full((len(place), number), np.inf)
    _search(place, where, shape, size, order, start, found, square)
    return found, np.sqrt(square)


def _grid(place: NDArray[np.float64]) -> tuple[NDArray[np.float64], float, NDArray[np.int64]]:
    """Lowest corner, side and shape (3,) of a grid with about one cubic cell a point."""
    axes = place[:, : min(place.shape[1], 3)]
    low = axes.min(axis=0)
    extent = axes.max(axis=0) - low
    widest = float(extent.max())
    if widest == 0.0:
        return low, 1.0, np.ones(3, dtype=np.int64)
    # axes much thinner than the cell do not count: points on a line in space stay a line
    size = widest
    while np.prod(np.ceil(extent / (size / 2)) + 1) <= 2 * len(place):
        size /= 2
    shape = np.ones(3, dtype=np.int64)
    shape[: len(extent)] = np.floor(extent / size).astype(np.int64) + 1
    return low, size, shape


@uncounted
def _keep(found: NDArray[np.int32], square: NDArray[np.float64], point: int, d2: float) -> None:
    """Put a point among the nearest so far, unless it is further or later than all of them."""
    last = len(found) - 1
    if d2 > square[last] or (d2 == square[last] and point > found[last] >= 0):
        return
    k = last
    while k > 0 and (d2 < square[k - 1] or (d2 == square[k - 1] and point < found[k - 1])):
        found[k] = found[k - 1]
        square[k] = square[k - 1]
        k -= 1
    found[k] = point
    square[k] = d2


@compiled
def _search(
    place: NDArray[np.float64],
    where: NDArray[np.int64],
    shape: NDArray[np.int64],
    size: float,
    order: NDArray[np.int64],
    start: NDArray[np.int64],
    found: NDArray[np.int32],
    square: NDArray[np.float64],
) -> None:
    """Fill the nearest points and their squared distances; see `nearest`."""
    n, axes = place.shape
    widest = shape.max()
    last = found.shape[1] - 1
    for own in range(n):
        a, b, c = where[own]
        for shell in range(widest):
            # all of a shell lies at least shell - 1 cells away; less a little for rounding
            if shell > 1 and (size * (shell - 1.0) * (1.0 - 1e-9)) ** 2 > square[own, last]:
                break
            for i in range(max(a - shell, 0), min(a + shell + 1, shape[0])):
                for j in range(max(b - shell, 0), min(b + shell + 1, shape[1])):
                    inner = abs(i - a) < shell and abs(j - b) < shell
                    # within the shell only its two caps are new
                    stride = max(1, 2 * shell) if inner else 1
                    for k in range(c - shell, c + shell + 1, stride):
                        if k < 0 or k >= shape[2]:
                            continue
                        cell = (i * shape[1] + j) * shape[2] + k
                        for at in range(start[cell], start[cell + 1]):
                            other = order[at]
                            if other == own:
                                continue
                            d2 = 0.0
                            for axis in range(axes):
                                d2 += (place[own, axis] - place[other, axis]) ** 2
                            if not math.isinf(d2):
                                _keep(found[own], square[own], other, d2)
