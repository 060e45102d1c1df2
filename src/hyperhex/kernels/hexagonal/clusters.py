"""Islands and topological clusters of cells, in many images at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.hexagonal.marks import marked_cells
from hyperhex.kernels.threads import spread

__all__ = ["islands", "topological_clusters"]

Labels = NDArray[np.int32]
NONE = -1


def islands(
    mask: Any, neighbours: Any, *, threads: int = 1, stream: Any = 0, out: Any = None
) -> tuple[Any, Any]:
    """Connected parts of the cells in a mask (n, cells), e.g. `values > threshold`.

    neighbours: (cells, k), -1 for none, of a symmetric relation. Returns labels (n, cells), int32,
    -1 outside the mask, parts numbered from 0 by their lowest cell, and how many there are (n,).
    `out` takes the labels.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings
    >>> from hyperhex.kernels.hexagonal.neighbours import neighbourhood
    >>> mask = np.array([[0, 1, 1, 0, 1, 0, 0]], dtype=bool)
    >>> labels, number = islands(mask, neighbourhood(axial_rings(1), 1)[:, 1:])
    >>> labels.tolist(), number.tolist()
    ([[-1, 0, 0, -1, 1, -1, -1]], [2])
    """
    _check(mask, neighbours, "mask", "b")
    if on_device(mask):
        from hyperhex.kernels.cuda.clusters import islands_on_device

        return islands_on_device(mask, neighbours, out, stream)
    labels = np.empty(mask.shape, np.int32) if out is None else out
    number = np.empty(len(mask), np.int32)
    neighbours = np.ascontiguousarray(neighbours, np.int32)

    def run(start: int, stop: int) -> None:
        room = np.empty((2, mask.shape[1] + 1), np.uint32)
        part = slice(start, stop)
        _label_images(mask[part], neighbours, room, labels[part], number[part])

    spread(run, len(mask), threads, 16)
    return labels, number


def topological_clusters(
    significance: Any,
    neighbours: Any,
    *,
    seed: float = 4.0,
    grow: float = 2.0,
    boundary: float = 0.0,
    threads: int = 1,
    stream: Any = 0,
) -> tuple[Any, Any]:
    """Topological clusters of cells by signal over noise (n, cells): seeds, growth, boundary.

    arXiv:1603.02934, eq. 4 to 6: a cluster are connected cells of |significance| > `grow` with one
    of them > `seed`; cells > `boundary` beside a cluster join it. One beside several joins that of
    its most significant neighbour, the lowest cell of equal ones. No cluster is split.
    neighbours and the labels and numbers returned are those of `islands`.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings
    >>> from hyperhex.kernels.hexagonal.neighbours import neighbourhood
    >>> significance = np.array([[0.0, 5.0, 3.0, 1.0, 0.0, 3.0, -0.5]])
    >>> labels, number = topological_clusters(significance, neighbourhood(axial_rings(1), 1)[:, 1:])
    >>> labels.tolist(), number.tolist()
    ([[-1, 0, 0, 0, -1, -1, 0]], [1])
    """
    _check(significance, neighbours, "significance", "f")
    if not seed >= grow >= boundary >= 0:
        msg = (
            f"thresholds seed={seed}, grow={grow}, boundary={boundary} given,"
            f" expected seed >= grow >= boundary >= 0"
        )
        raise ValueError(msg)
    # compared in the type of the significance, on every kind of machine
    kind = np.dtype(significance.dtype).type
    limits = (kind(seed), kind(grow), kind(boundary))
    if on_device(significance):
        from hyperhex.kernels.cuda.clusters import topological_clusters_on_device

        return topological_clusters_on_device(significance, neighbours, limits, stream)
    labels = np.empty(significance.shape, np.int32)
    number = np.empty(len(significance), np.int32)
    neighbours = np.ascontiguousarray(neighbours, np.int32)

    def run(start: int, stop: int) -> None:
        room = np.empty((2, significance.shape[1] + 1), np.uint32)
        marks = np.empty((2, significance.shape[1]), np.bool_)
        part = slice(start, stop)
        _cluster_images(
            significance[part], neighbours, limits, marks, room, labels[part], number[part]
        )

    spread(run, len(significance), threads, 16)
    return labels, number


@uncounted
def joined(cell: int, significance: NDArray[Any], labels: Labels, near: Labels) -> int:
    """Label of the most significant neighbour in a cluster, -1 where there is none."""
    best = NONE
    for k in range(len(near)):
        other = near[k]
        if other < 0 or other == cell or labels[other] < 0:
            continue
        if best < 0:
            best = other
            continue
        here, there = abs(significance[other]), abs(significance[best])
        if here > there or (here == there and other < best):
            best = other
    return labels[best] if best >= 0 else NONE


@uncounted
def _label(
    mask: NDArray[np.bool_],
    seeds: NDArray[np.bool_],
    neighbours: Labels,
    room: NDArray[np.uint32],
    labels: Labels,
) -> int:
    """Label the connected parts of one mask that hold a seed, cell after cell; returns how many.

    room: (2, cells + 1), anything.

    A part without seed gets -2 at first, so that none of its cells is begun with again.
    """
    labels[:] = NONE
    marked, stack = room[0], room[1]
    number = 0
    rejected = False
    for m in range(marked_cells(mask, marked)):
        start = marked[m]
        if labels[start] != NONE:
            continue
        labels[start] = number
        stack[0] = start
        # `stack` keeps all cells of the part: those before `done` have been looked around from
        done, known = 0, 1
        seeded = False
        while done < known:
            cell = stack[done]
            done += 1
            seeded |= seeds[cell]
            for k in range(neighbours.shape[1]):
                other = neighbours[cell, k]
                if other >= 0 and mask[other] and labels[other] == NONE:
                    labels[other] = number
                    stack[known] = other
                    known += 1
        if seeded:
            number += 1
        else:
            rejected = True
            for k in range(known):
                labels[stack[k]] = NONE - 1
    if rejected:
        for m in range(marked_cells(mask, marked)):
            labels[marked[m]] = max(labels[marked[m]], NONE)
    return number


@uncounted
def _label_images(
    mask: NDArray[np.bool_],
    neighbours: Labels,
    room: NDArray[np.uint32],
    labels: Labels,
    number: Labels,
) -> None:
    for i in range(len(mask)):
        number[i] = _label(mask[i], mask[i], neighbours, room, labels[i])


@uncounted
def _cluster_images(
    significance: NDArray[Any],
    neighbours: Labels,
    limits: tuple[float, float, float],
    marks: NDArray[np.bool_],
    room: NDArray[np.uint32],
    labels: Labels,
    number: Labels,
) -> None:
    seed, grow, boundary = limits
    core, seeds = marks[0], marks[1]
    for i in range(len(significance)):
        image, found = significance[i], labels[i]
        for cell in range(len(image)):
            core[cell] = abs(image[cell]) > grow
            seeds[cell] = abs(image[cell]) > seed
        number[i] = _label(core, seeds, neighbours, room, found)
        for cell in range(len(image)):
            if found[cell] < 0 and abs(image[cell]) > boundary:
                label = joined(cell, image, found, neighbours[cell])
                # negative until all have joined: only cores are joined
                found[cell] = NONE - 1 - label
        for cell in range(len(image)):
            if found[cell] < NONE:
                found[cell] = NONE - 1 - found[cell]


def _check(values: Any, neighbours: Any, name: str, kind: str) -> None:
    if values.ndim != 2 or values.dtype.kind != kind or neighbours.shape[0] != values.shape[1]:
        wanted = "bool" if kind == "b" else "floating"
        msg = (
            f"{name} {values.dtype} {values.shape} and neighbours {neighbours.shape} given,"
            f" expected {name} {wanted} (n, cells) and neighbours (cells, k)"
        )
        raise ValueError(msg)
