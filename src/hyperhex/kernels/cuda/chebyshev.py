"""Chebyshev recurrence on CUDA: one thread a node and four columns, one launch a term.

Features are (images, channels, nodes), so that neighbouring threads read neighbouring nodes; the
tables are transposed for the same reason. The four columns of a thread share its entries of L.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import cuda

from hyperhex.kernels.cuda.arrays import blocks_for, device_array, device_stream

__all__ = ["chebyshev_convolution", "chebyshev_filter", "chebyshev_terms"]

THREADS = 128
COLUMNS = 4


@cuda.jit
def copy_features(x: Any, terms: Any, plane: int) -> None:
    """Put x (images, channels, nodes) in a plane of terms (images, planes, channels, nodes)."""
    node, column = cuda.grid(2)
    if node < x.shape[2]:
        image, channel = column // x.shape[1], column % x.shape[1]
        terms[image, plane, channel, node] = x[image, channel, node]


@cuda.jit
def advance(
    columns: Any,
    doubled: Any,
    counts: Any,
    terms: Any,
    before: int,
    now: int,
    after: int,
    half: float,
) -> None:
    """Plane `after` = 2 L `now` - `before`; L `now` where before < 0.

    columns and doubled (the entries of 2 L): (most entries, nodes), the diagonal first; counts
    (nodes,); half is 1/2 in the precision of the terms.
    """
    node, group = cuda.grid(2)
    if node < terms.shape[3]:
        channels = terms.shape[2]
        last = terms.shape[0] * channels - 1
        # columns beyond the last are the last again: the same number is written twice; Numba's
        # min of two integers does not compile for the device
        c0 = COLUMNS * group
        c1 = c0 + 1 if c0 + 1 < last else last  # noqa: FURB136
        c2 = c0 + 2 if c0 + 2 < last else last  # noqa: FURB136
        c3 = c0 + 3 if c0 + 3 < last else last  # noqa: FURB136
        i0, i1, i2, i3 = c0 // channels, c1 // channels, c2 // channels, c3 // channels
        c0, c1, c2, c3 = c0 % channels, c1 % channels, c2 % channels, c3 % channels
        s0 = doubled[0, node] * terms[i0, now, c0, node]
        s1 = doubled[0, node] * terms[i1, now, c1, node]
        s2 = doubled[0, node] * terms[i2, now, c2, node]
        s3 = doubled[0, node] * terms[i3, now, c3, node]
        for entry in range(1, counts[node]):
            other, value = columns[entry, node], doubled[entry, node]
            s0 += value * terms[i0, now, c0, other]
            s1 += value * terms[i1, now, c1, other]
            s2 += value * terms[i2, now, c2, other]
            s3 += value * terms[i3, now, c3, other]
        if before < 0:
            terms[i0, after, c0, node] = half * s0
            terms[i1, after, c1, node] = half * s1
            terms[i2, after, c2, node] = half * s2
            terms[i3, after, c3, node] = half * s3
        else:
            # read before anything is written: `after` may be the plane of `before`
            s0 -= terms[i0, before, c0, node]
            s1 -= terms[i1, before, c1, node]
            s2 -= terms[i2, before, c2, node]
            s3 -= terms[i3, before, c3, node]
            terms[i0, after, c0, node] = s0
            terms[i1, after, c1, node] = s1
            terms[i2, after, c2, node] = s2
            terms[i3, after, c3, node] = s3


@cuda.jit
def add_term(terms: Any, plane: int, coefficients: Any, k: int, y: Any) -> None:
    """Add coefficients (filters, k) * terms (1, planes, columns, nodes) to y (filters, ...)."""
    node, column = cuda.grid(2)
    if node < terms.shape[3]:
        term = terms[0, plane, column, node]
        for one in range(y.shape[0]):
            added = coefficients[one, k] * term
            y[one, column, node] = added if k == 0 else y[one, column, node] + added


@cuda.jit
def mix(terms: Any, weights: Any, bias: Any, y: Any) -> None:
    """Fill y (images, outputs, nodes) with bias + sum over k, c of weights (k, c, o) * terms."""
    node, column = cuda.grid(2)
    if node < terms.shape[3]:
        image, out = column // y.shape[1], column % y.shape[1]
        total = bias[out]
        for k in range(weights.shape[0]):
            for channel in range(weights.shape[1]):
                total += weights[k, channel, out] * terms[image, k, channel, node]
        y[image, out, node] = total


def chebyshev_terms(x: Any, terms: Any, recurrence: Any, stream: Any = 0) -> None:
    """Fill terms (images, order, channels, nodes) with T_k(L) x for x (images, channels, nodes)."""
    stream = device_stream(stream)
    half = np.dtype(x.dtype).type(0.5)
    tables = _tables(recurrence, np.dtype(x.dtype), stream)
    x, terms = device_array(x), device_array(terms)
    copy_features[_grid(x.shape[2], x.shape[0] * x.shape[1]), THREADS, stream](x, terms, 0)
    groups = -(-x.shape[0] * x.shape[1] // COLUMNS)
    for k in range(1, recurrence.order):
        advance[_grid(x.shape[2], groups), THREADS, stream](*tables, terms, k - 2, k - 1, k, half)


def chebyshev_convolution(
    x: Any, weights: Any, recurrence: Any, bias: Any, out: Any, stream: Any
) -> Any:
    """See `kernels.spectral.chebyshev`; layers of torch mix by cuBLAS instead."""
    stream, kind = device_stream(stream), np.dtype(x.dtype)
    images, channels, n = x.shape
    outputs = weights.shape[2]
    terms = cuda.device_array((images, recurrence.order, channels, n), kind, stream=stream)
    chebyshev_terms(x, terms, recurrence, stream)
    y = cuda.device_array((images, outputs, n), kind, stream=stream) if out is None else out
    added = np.zeros(outputs, kind) if bias is None else bias
    mix[_grid(n, images * outputs), THREADS, stream](
        terms, device_array(weights, stream), device_array(added, stream), device_array(y)
    )
    return y


def chebyshev_filter(x: Any, coefficients: Any, recurrence: Any, out: Any, stream: Any) -> Any:
    """See `kernels.spectral.chebyshev`: three planes are kept, whatever the order."""
    stream, kind = device_stream(stream), np.dtype(x.dtype)
    tables = _tables(recurrence, kind, stream)
    bank = np.atleast_2d(np.asarray(coefficients, dtype=kind))
    *outer, n = tuple(x.shape)
    columns = int(np.prod(outer, dtype=np.int64))
    shape = (*np.shape(coefficients)[:-1], *outer, n)
    y = cuda.device_array(shape, kind, stream=stream) if out is None else out
    flat = device_array(y).reshape(len(bank), columns, n)
    terms = cuda.device_array((1, 3, columns, n), kind, stream=stream)
    bank = device_array(bank, stream)
    copy_features[_grid(n, columns), THREADS, stream](
        device_array(x).reshape(1, columns, n), terms, 0
    )
    for k in range(recurrence.order):
        if k > 0:
            before = (k - 2) % 3 if k > 1 else -1
            advance[_grid(n, -(-columns // COLUMNS)), THREADS, stream](
                *tables, terms, before, (k - 1) % 3, k % 3, kind.type(0.5)
            )
        add_term[_grid(n, columns), THREADS, stream](terms, k % 3, bank, k, flat)
    return y


def _grid(nodes: int, columns: int) -> tuple[int, int]:
    """Blocks along the nodes and along the columns."""
    return blocks_for(nodes, THREADS), max(1, columns)


def _tables(recurrence: Any, kind: Any, stream: Any) -> tuple[Any, Any, Any]:
    """Columns and entries of 2 L (most entries, nodes) and their counts, once for each device."""
    # the simulator has one device and no function that tells which
    current = getattr(cuda, "get_current_device", None)
    key = ("device", current().id if current else 0, kind)
    ready = recurrence._ready
    if key not in ready:
        matrix = recurrence.matrix
        graph = matrix.graph
        shape = (graph.most_neighbours + 1, graph.n_nodes)
        columns, doubled = np.zeros(shape, dtype=np.int32), np.zeros(shape, dtype=kind)
        columns[0], doubled[0] = np.arange(graph.n_nodes), 2.0 * matrix.diagonal
        place = np.arange(len(graph.columns)) - graph.offsets[graph.rows] + 1
        columns[place, graph.rows] = graph.columns
        doubled[place, graph.rows] = 2.0 * matrix.edges
        counts = (np.diff(graph.offsets) + 1).astype(np.int32)
        ready[key] = tuple(device_array(table, stream) for table in (columns, doubled, counts))
    return ready[key]
