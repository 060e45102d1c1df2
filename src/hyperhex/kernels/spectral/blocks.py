"""Loops over the rows of one tile: reading, recurrence, mixing, correlation, writing.

    T_0 = X,   T_1 = L X,   T_k+1 = 2 L T_k - T_k-1,      L scaled to eigenvalues in [-1, 1]

Arrays are flat. Outside a tile features lie as (columns, n) with the nodes last; in a tile nodes
come first, and a vector of columns (channels of one or several images) is one register.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.spectral.lanes import (
    keep_apart,
    lanes_of,
    load,
    multiply_add,
    scale,
    splat,
    store,
    take,
    transpose,
    zeros,
)

__all__ = ["combine", "correlate", "mix", "read", "terms_of_tile", "write"]

Real = NDArray[np.floating[Any]]


@uncounted
def read(
    x: Real, column: int, count: int, n: int, nodes: Any, begin: int, rows: int,
    width: int, tile: Real, at: int,
) -> None:  # fmt: skip
    """Columns `column` to `column + count` of x (columns, n) at a tile's nodes, nodes first.

    Rows of the tile are `width` numbers apart; columns up to whole vectors are set to zero.
    """
    keep_apart()
    lanes = lanes_of(tile)
    first = take(nodes, begin)
    for lane in range(0, count, lanes):
        row = 0
        if lane + lanes <= count:
            # a tile's own nodes mostly follow one another in memory
            base = (column + lane) * n + first
            while row + lanes <= rows and take(nodes, begin + row + lanes - 1) == (
                first + row + lanes - 1
            ):
                transpose(x, base + row, n, tile, at + row * width + lane, width)
                row += lanes
        # eight at a time: rows of x may all fall on one set of the cache, which has eight lines
        for eight in range(lane, min(lane + lanes, count), 8):
            stop = min(eight + 8, count)
            for rest in range(row, rows):
                source = (column + eight) * n + take(nodes, begin + rest)
                for i in range(stop - eight):
                    tile[at + rest * width + eight + i] = take(x, source + i * n)
        for rest in range(row, rows):
            for empty in range(count, lane + lanes):
                tile[at + rest * width + empty] = 0.0


@uncounted
def write(
    tile: Real, at: int, width: int, count: int, n: int, nodes: Any, begin: int,
    rows: int, y: Real, column: int,
) -> None:  # fmt: skip
    """The reverse of `read`."""
    keep_apart()
    lanes = lanes_of(tile)
    first = take(nodes, begin)
    for lane in range(0, count, lanes):
        row = 0
        if lane + lanes <= count:
            base = (column + lane) * n + first
            while row + lanes <= rows and take(nodes, begin + row + lanes - 1) == (
                first + row + lanes - 1
            ):
                transpose(tile, at + row * width + lane, width, y, base + row, n)
                row += lanes
        for one in range(lane, min(lane + lanes, count)):
            for rest in range(row, rows):
                node = take(nodes, begin + rest)
                y[(column + one) * n + node] = take(tile, at + rest * width + one)


@uncounted
def _recur(
    terms: Real, plane: int, index: int, first: bool, rows: int, pointers: Any,
    row0: int, columns: Any, doubled: Real,
) -> None:  # fmt: skip
    """Term `index` of a tile from the one or two before, in planes of `plane` numbers.

    `doubled` are the entries of 2 L.
    """
    keep_apart()
    lanes = lanes_of(terms)
    now = (index - 1) * plane
    entry = take(pointers, row0)
    for row in range(rows):
        end = take(pointers, row0 + row + 1)
        total = zeros(terms) if first else scale(load(terms, now - plane + row * lanes), -1.0)
        while entry < end:
            total = multiply_add(
                splat(doubled, entry), load(terms, now + take(columns, entry) * lanes), total
            )
            entry += 1
        if first:
            total = scale(total, 0.5)
        store(terms, now + plane + row * lanes, total)


@uncounted
def terms_of_tile(
    sources: Any, loaded: int, steps: int, column: int, count: int, n: int, tile: int, counts: Any,
    first_node: Any, nodes: Any, first_row: Any, pointers: Any, columns: Any, doubled: Real,
    terms: Real, plane: int,
) -> None:  # fmt: skip
    """All terms of a tile for one vector of columns: `loaded` planes read, `steps` computed."""
    begin = first_node[tile]
    for source in range(loaded):
        read(
            sources[source], column, count, n, nodes, begin, counts[tile, steps],
            lanes_of(terms), terms, source * plane,
        )  # fmt: skip
    for step in range(1, steps + 1):
        _recur(
            terms, plane, loaded + step - 1, loaded + step == 2, counts[tile, steps - step],
            pointers, first_row[tile], columns, doubled,
        )  # fmt: skip


@uncounted
def mix(
    terms: Real, plane: int, n_planes: int, lane: int, depth: int, rows: int,
    weights: Real, stride: int, width: int, bias: Real, fresh: bool, y: Real,
) -> None:  # fmt: skip
    """Add sum over planes and `depth` lanes of terms * weights to y (rows, width), rows by eight.

    Where y is fresh its rows begin as the bias (width,).

    Eight rows and one vector of outputs stay in registers: nine loads for eight fused operations.
    """
    keep_apart()
    lanes = lanes_of(terms)
    for out in range(0, width, lanes):
        for row in range(0, rows, 8):
            at = row * width + out
            a0 = load(bias, out) if fresh else load(y, at)
            a1 = a0 if fresh else load(y, at + 1 * width)
            a2 = a0 if fresh else load(y, at + 2 * width)
            a3 = a0 if fresh else load(y, at + 3 * width)
            a4 = a0 if fresh else load(y, at + 4 * width)
            a5 = a0 if fresh else load(y, at + 5 * width)
            a6 = a0 if fresh else load(y, at + 6 * width)
            a7 = a0 if fresh else load(y, at + 7 * width)
            for k in range(n_planes):
                t = k * plane + row * lanes + lane
                w = k * stride + out
                for c in range(depth):
                    weight = load(weights, w + c * width)
                    a0 = multiply_add(splat(terms, t + c), weight, a0)
                    a1 = multiply_add(splat(terms, t + c + lanes), weight, a1)
                    a2 = multiply_add(splat(terms, t + c + 2 * lanes), weight, a2)
                    a3 = multiply_add(splat(terms, t + c + 3 * lanes), weight, a3)
                    a4 = multiply_add(splat(terms, t + c + 4 * lanes), weight, a4)
                    a5 = multiply_add(splat(terms, t + c + 5 * lanes), weight, a5)
                    a6 = multiply_add(splat(terms, t + c + 6 * lanes), weight, a6)
                    a7 = multiply_add(splat(terms, t + c + 7 * lanes), weight, a7)
            store(y, at, a0)
            store(y, at + width, a1)
            store(y, at + 2 * width, a2)
            store(y, at + 3 * width, a3)
            store(y, at + 4 * width, a4)
            store(y, at + 5 * width, a5)
            store(y, at + 6 * width, a6)
            store(y, at + 7 * width, a7)


@uncounted
def correlate(other: Real, start: int, terms: Real, at: int, rows: int, sums: Real) -> None:
    """Sums (8, lanes) over rows of eight columns of `other` from `start` times a plane's rows."""
    keep_apart()
    lanes = lanes_of(terms)
    a0 = a1 = a2 = a3 = a4 = a5 = a6 = a7 = zeros(terms)
    for row in range(rows):
        term = load(terms, at + row * lanes)
        x = start + row * lanes
        a0 = multiply_add(splat(other, x), term, a0)
        a1 = multiply_add(splat(other, x + 1), term, a1)
        a2 = multiply_add(splat(other, x + 2), term, a2)
        a3 = multiply_add(splat(other, x + 3), term, a3)
        a4 = multiply_add(splat(other, x + 4), term, a4)
        a5 = multiply_add(splat(other, x + 5), term, a5)
        a6 = multiply_add(splat(other, x + 6), term, a6)
        a7 = multiply_add(splat(other, x + 7), term, a7)
    store(sums, 0, a0)
    store(sums, lanes, a1)
    store(sums, 2 * lanes, a2)
    store(sums, 3 * lanes, a3)
    store(sums, 4 * lanes, a4)
    store(sums, 5 * lanes, a5)
    store(sums, 6 * lanes, a6)
    store(sums, 7 * lanes, a7)


@uncounted
def combine(
    terms: Real, plane: int, start: int, stop: int, rows: int, coefficients: Real, at: int,
    fresh: bool, y: Real,
) -> None:  # fmt: skip
    """Add planes `start` to `stop` times the coefficients from `at` to y (rows, lanes)."""
    keep_apart()
    lanes = lanes_of(terms)
    for row in range(rows):
        total = zeros(y) if fresh else load(y, row * lanes)
        for k in range(start, stop):
            factor = splat(coefficients, at + k - start)
            total = multiply_add(factor, load(terms, k * plane + row * lanes), total)
        store(y, row * lanes, total)
