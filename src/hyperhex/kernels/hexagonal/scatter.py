"""Sums of patches and of hits over the cells of a grid, event by event, the same bytes every time.

Patches or hits are sorted by event: event e owns first[e] to first[e + 1]. Each cell takes what it
gets in that order, whatever the number of threads and on a CUDA device too.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.threads import spread

__all__ = ["first_of_event", "scatter_hits", "scatter_patches"]


def first_of_event(event: NDArray[np.integer[Any]], events: int) -> NDArray[np.int64]:
    """Where each event begins in a sorted list of events, and the end, (events + 1,).

    >>> first_of_event(np.array([0, 0, 2]), 4).tolist()
    [0, 2, 2, 3, 3]
    """
    if len(event) and (np.any(np.diff(event) < 0) or event[0] < 0 or event[-1] >= events):
        msg = (
            f"events from {event.min()} to {event.max()} given, expected sorted numbers from 0 to"
            f" {events - 1}: sort patches or hits by event, with `np.argsort(event, kind='stable')`"
        )
        raise ValueError(msg)
    return np.searchsorted(event, np.arange(events + 1)).astype(np.int64)


def scatter_patches(
    first: Any,
    centre: Any,
    patches: Any,
    neighbourhood: Any,
    *,
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Any:
    """Patches (n, k) added to a grid (events, cells): cell j of a patch to that near its centre.

    first: (events + 1,); centre: (n,) cells, -1 for a patch that is lost; neighbourhood: (cells, k)
    distinct cells a row as `neighbours.neighbourhood` gives them, -1 for none: what falls there is
    lost. `out` is added to, or begins with zeros of the patches' type.

    >>> from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood
    >>> patches = np.array([[1.0, 0.5, 0, 0, 0, 0, 0], [2.0, 0, 0, 0, 0.25, 0, 0]])
    >>> table = cylinder_neighbourhood(4, 1, 1)
    >>> scatter_patches(np.array([0, 2]), np.array([0, 2]), patches, table).tolist()
    [[1.0, 0.75, 2.0, 0.0]]
    """
    if patches.ndim != 2 or patches.shape[1] > neighbourhood.shape[1]:
        msg = (
            f"patches {patches.shape} and neighbourhood {neighbourhood.shape} given, expected"
            f" patches (n, k) and a neighbourhood of k cells or more: take more rings"
        )
        raise ValueError(msg)
    _check_number(centre, patches, "centre", "patches")
    shape = (first.shape[0] - 1, neighbourhood.shape[0])
    if on_device(patches):
        from hyperhex.kernels.cuda.scatter import scatter_patches_on_device

        return scatter_patches_on_device(first, centre, patches, neighbourhood, shape, out, stream)
    _check_first(first, len(patches))
    grid = np.zeros(shape, patches.dtype) if out is None else _checked(out, shape)
    spread(
        lambda start, stop: _add_patches(
            first[start : stop + 1], centre, patches, neighbourhood, grid[start:stop]
        ),
        shape[0],
        threads,
    )
    return grid


def scatter_hits(
    first: Any,
    cell: Any,
    values: Any,
    cells: int,
    *,
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Any:
    """Hits (n,) added to a grid (events, cells); hits of cell -1 are lost.

    first: (events + 1,); cell, values: (n,). `out` is added to, or begins with zeros of the type
    of the values.

    >>> scatter_hits(np.array([0, 3]), np.array([2, 0, 2]), np.array([1.0, 2.0, 3.0]), 3).tolist()
    [[2.0, 0.0, 4.0]]
    """
    _check_number(cell, values, "cell", "values")
    shape = (first.shape[0] - 1, cells)
    if on_device(values):
        from hyperhex.kernels.cuda.scatter import scatter_hits_on_device

        return scatter_hits_on_device(first, cell, values, shape, out, stream)
    _check_first(first, len(values))
    if len(cell) and not -1 <= cell.min() <= cell.max() < cells:
        msg = f"cells from {cell.min()} to {cell.max()} given, expected -1 to {cells - 1}"
        raise ValueError(msg)
    grid = np.zeros(shape, values.dtype) if out is None else _checked(out, shape)
    spread(
        lambda start, stop: _add_hits(first[start : stop + 1], cell, values, grid[start:stop]),
        shape[0],
        threads,
    )
    return grid


@uncounted
def _add_patches(
    first: NDArray[np.integer[Any]],
    centre: NDArray[np.integer[Any]],
    patches: NDArray[Any],
    neighbourhood: NDArray[np.integer[Any]],
    grid: NDArray[Any],
) -> None:
    for e in range(len(grid)):
        row = grid[e]
        for i in range(first[e], first[e + 1]):
            if centre[i] < 0:
                continue
            near, patch = neighbourhood[centre[i]], patches[i]
            for k in range(len(patch)):
                if near[k] >= 0:
                    # unsigned: a signed index would be tested for wrapping around
                    row[np.uint32(near[k])] += patch[k]


@uncounted
def _add_hits(
    first: NDArray[np.integer[Any]],
    cell: NDArray[np.integer[Any]],
    values: NDArray[Any],
    grid: NDArray[Any],
) -> None:
    for e in range(len(grid)):
        for i in range(first[e], first[e + 1]):
            if cell[i] >= 0:
                grid[e, cell[i]] += values[i]


def _check_first(first: NDArray[Any], number: int) -> None:
    if len(first) < 1 or first[0] != 0 or first[-1] != number or np.any(np.diff(first) < 0):
        msg = (
            f"first from {first[0] if len(first) else 'nothing'} to"
            f" {first[-1] if len(first) else 'nothing'} given, expected rising numbers from 0 to"
            f" {number}: see `first_of_event`"
        )
        raise ValueError(msg)


def _check_number(one: Any, other: Any, name: str, other_name: str) -> None:
    if one.shape != other.shape[:1]:
        msg = f"{name} {one.shape} and {other_name} {other.shape} given, expected one a row"
        raise ValueError(msg)


def _checked(out: Any, shape: tuple[int, int]) -> Any:
    if out.shape != shape:
        msg = f"out {out.shape} given, expected {shape}"
        raise ValueError(msg)
    return out
