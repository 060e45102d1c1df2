"""Chebyshev filters and convolutions of a graph (Defferrard et al., arXiv:1606.09375, sec. 2.1).

    T_0 = X,   T_1 = L X,   T_k+1 = 2 L T_k - T_k-1,      L scaled to eigenvalues in [-1, 1]
    filter:       Y_f = sum_k c_fk T_k
    convolution:  Y = sum_k W_k^T T_k + b

The nodes are taken tile by tile with a halo, so that all terms of a tile stay in the cache; long
filters take several sweeps over the nodes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from hyperhex.kernels.arrays import on_device
from hyperhex.kernels.spectral.lanes import BYTES
from hyperhex.kernels.spectral.laplacian import Laplacian
from hyperhex.kernels.spectral.scratch import scratch
from hyperhex.kernels.spectral.sweep import convolve_items, filter_items, scratch_size
from hyperhex.kernels.spectral.tiles import TILE, Tiling, tiling
from hyperhex.kernels.threads import spread

__all__ = ["Recurrence", "chebyshev_convolution", "chebyshev_filter", "chebyshev_gradients"]

# terms that are computed while a tile is in the cache
STEPS = 5
# partial sums of the weights' gradient: their number and order do not depend on the threads
PARTS = 16


@dataclass(frozen=True, eq=False)
class Recurrence:
    """A scaled Laplacian made ready for filters of a number of Chebyshev terms.

    Parameters
    ----------
    matrix : Laplacian with eigenvalues in [-1, 1], see `Laplacian.scaled`
    order : number of terms T_0 to T_order-1, the `K` of torch-geometric
    tile : nodes of a tile
    """

    matrix: Laplacian
    order: int
    tile: int = TILE
    _ready: dict[Any, Any] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.order < 1:
            msg = f"order={self.order} given, expected at least 1 Chebyshev term"
            raise ValueError(msg)
        if self.matrix.n_nodes < 1:
            msg = "a graph without nodes given, expected at least one"
            raise ValueError(msg)

    @cached_property
    def sweeps(self) -> list[int]:
        """Steps of each sweep over the nodes, as even as can be, the longest first."""
        number = max(1, -(-(self.order - 1) // STEPS))
        return [(self.order - 1 + number - 1 - k) // number for k in range(number)]

    @cached_property
    def tiling(self) -> Tiling:
        """Tiles with a halo for the longest sweep."""
        return tiling(self.matrix.graph, self.sweeps[0], self.tile)

    def tables(self, dtype: Any) -> tuple[Any, ...]:
        """Arguments of the CPU loops: the tiling, and the entries of 2 L in the asked kind."""
        kind = np.dtype(dtype)
        if kind not in (np.float32, np.float64):
            msg = f"features of {kind} given, expected float32 or float64"
            raise ValueError(msg)
        if kind not in self._ready:
            full = np.concatenate([self.matrix.diagonal, self.matrix.edges])
            self._ready[kind] = (2.0 * full[self.tiling.entries]).astype(kind)
        cut = self.tiling
        where = (cut.counts, cut.first_node, cut.nodes, cut.first_row)
        return (*where, cut.pointers, cut.columns, self._ready[kind])

    def __getstate__(self) -> dict[str, Any]:
        """What pickles: the matrix; tables are made again where they are needed."""
        return {"matrix": self.matrix, "order": self.order, "tile": self.tile, "_ready": {}}


def chebyshev_filter(
    x: Any,
    coefficients: Any,
    recurrence: Recurrence,
    *,
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Any:
    """Filtered signals sum_k c_k T_k(L) x for x (..., nodes).

    Coefficients (order,) give (..., nodes); a bank (filters, order) gives (filters, ..., nodes).

    Examples
    --------
    >>> from hyperhex.kernels.spectral.graph import Graph
    >>> from hyperhex.kernels.spectral.laplacian import normalised
    >>> pair = normalised(Graph.from_edges(2, [0], [1])).scaled(2.0)
    >>> chebyshev_filter(np.array([1.0, 0.0]), [0.0, 1.0], Recurrence(pair, order=2))
    array([ 0., -1.])
    """
    n, order = recurrence.matrix.n_nodes, recurrence.order
    given, shape = tuple(x.shape), np.shape(coefficients)
    _require(given[-1:] == (n,), f"signals of shape {given}", f"(..., {n} nodes)")
    _require(
        len(shape) in (1, 2) and shape[-1] == order,
        f"coefficients of shape {shape}",
        f"({order},) or (filters, {order})",
    )
    if on_device(x):
        from hyperhex.kernels.cuda import chebyshev as device

        return device.chebyshev_filter(x, coefficients, recurrence, out, stream)
    source = np.ascontiguousarray(x)
    tables = recurrence.tables(source.dtype)
    bank = np.ascontiguousarray(np.atleast_2d(coefficients), dtype=source.dtype)
    y = _output(out, (*shape[:-1], *x.shape), source.dtype)
    flat = y.reshape(len(bank), -1)
    lanes = BYTES // source.dtype.itemsize
    items = -(-(source.size // n) // lanes) * recurrence.tiling.n_tiles
    size = scratch_size(recurrence.tiling, lanes, lanes, 0)

    def sweep(sources: Any, loaded: int, onward: Any, steps: int, first: int) -> None:
        spread(
            lambda start, stop: filter_items(
                start, stop, n, steps, sources, loaded, onward,
                bank.reshape(-1), first, first > 0, flat, scratch(size, source.dtype), *tables,
            ),
            items,
            threads,
        )  # fmt: skip

    if source.size:
        _swept(source, recurrence.sweeps, sweep)
    return y


def chebyshev_convolution(
    x: Any,
    weights: Any,
    recurrence: Recurrence,
    bias: Any = None,
    *,
    out: Any = None,
    threads: int = 1,
    stream: Any = 0,
) -> Any:
    """Features (images, outputs, nodes) of x (images, channels, nodes).

    weights (order, channels, outputs) and bias (outputs,) or None.

    Examples
    --------
    >>> from hyperhex.kernels.spectral.graph import Graph
    >>> from hyperhex.kernels.spectral.laplacian import normalised
    >>> pair = normalised(Graph.from_edges(2, [0], [1])).scaled(2.0)
    >>> x = np.array([[[1.0, 0.0], [2.0, 3.0]]])
    >>> weights = np.array([[[1.0], [10.0]], [[100.0], [1000.0]]])
    >>> chebyshev_convolution(x, weights, Recurrence(pair, order=2))
    array([[[-2979., -2070.]]])
    """
    _require_features(x, recurrence)
    _require_weights(weights, x, recurrence)
    if on_device(x):
        from hyperhex.kernels.cuda import chebyshev as device

        return device.chebyshev_convolution(x, weights, recurrence, bias, out, stream)
    source = np.ascontiguousarray(x)
    y = _output(out, (x.shape[0], weights.shape[2], x.shape[2]), source.dtype)
    _convolve(source, weights, bias, y, None, recurrence, threads)
    return y


def chebyshev_gradients(
    g: Any, x: Any, weights: Any, recurrence: Recurrence, *, threads: int = 1
) -> tuple[Any, Any]:
    """Gradients of <g, Y> by x and by the weights, from one recurrence on g.

    As L is symmetric, dX = sum_k T_k(L) g W_k^T and dW_k = sum over images and nodes of
    x (T_k(L) g)^T. g (images, outputs, nodes), x (images, channels, nodes); where the weights are
    None the first is not computed, where x is None the second is not, and None stands for it.
    """
    _require_features(g, recurrence)
    source = np.ascontiguousarray(g)
    back, dx = None, None
    if weights is not None:
        back = np.ascontiguousarray(np.swapaxes(weights, 1, 2))
        _require_weights(back, g, recurrence)
        dx = np.empty((g.shape[0], back.shape[2], g.shape[2]), dtype=source.dtype)
    other = None if x is None else np.ascontiguousarray(x, dtype=source.dtype)
    sums = _convolve(source, back, None, dx, other, recurrence, threads)
    return dx, sums


def _convolve(
    source: Any,
    weights: Any,
    bias: Any,
    y: Any,
    other: Any,
    recurrence: Recurrence,
    threads: int,
) -> Any:
    """Fill y and return the sums over nodes of `other` times terms; either may be None."""
    images, channels, n = source.shape
    kind, order = source.dtype, recurrence.order
    tables = recurrence.tables(kind)
    lanes = BYTES // kind.itemsize
    empty = np.zeros(0, dtype=kind)
    outputs = 0 if y is None else y.shape[1]
    padded = np.zeros((order, channels, -(-outputs // lanes) * lanes), dtype=kind)
    added = np.zeros(padded.shape[2], dtype=kind)
    if y is not None:
        padded[..., :outputs] = weights
    if bias is not None:
        added[:outputs] = bias
    items = -(-images // max(1, lanes // max(channels, 1))) * recurrence.tiling.n_tiles
    block = max(1, -(-items // PARTS))
    others = 0 if other is None else other.shape[1]
    partial = np.zeros((-(-items // block), order, others, channels), dtype=kind)
    size = scratch_size(recurrence.tiling, lanes, outputs, others)
    to = empty if y is None else y.reshape(-1)
    against = empty if other is None else other.reshape(-1)

    def sweep(sources: Any, loaded: int, onward: Any, steps: int, first: int) -> None:
        spread(
            lambda start, stop: convolve_items(
                start, stop, block, images, n, steps, sources, loaded, onward,
                padded.reshape(-1), first, added, first > 0, to, channels, outputs, against,
                partial, scratch(size, kind), *tables,
            ),
            items,
            threads,
            block,
        )  # fmt: skip

    if items:
        _swept(source, recurrence.sweeps, sweep)
    return None if other is None else partial.sum(axis=0)


def _swept(
    source: Any, sweeps: list[int], sweep: Callable[[Any, int, Any, int, int], None]
) -> None:
    """Call a sweep with (terms to read, their number, where to write, steps, first new term)."""
    flat = source.reshape(-1)
    empty = flat[:0]
    sources, loaded, done = (flat, flat), 1, 0
    for k, steps in enumerate(sweeps):
        last = k == len(sweeps) - 1
        onward = (empty, empty) if last else (np.empty_like(flat), np.empty_like(flat))
        sweep(sources, loaded, onward, steps, done)
        done += steps + (k == 0)
        sources, loaded = onward, 2


def _output(out: Any, shape: tuple[int, ...], kind: Any) -> Any:
    """The array to write: a new one, or the given one if it fits."""
    if out is None:
        return np.empty(shape, dtype=kind)
    fits = out.shape == shape and out.dtype == kind and out.flags.c_contiguous
    _require(fits, f"out of shape {out.shape} and {out.dtype}", f"contiguous {shape} of {kind}")
    return out


def _require_features(x: Any, recurrence: Recurrence) -> None:
    """ValueError unless x is (images, channels, nodes of the graph)."""
    n = recurrence.matrix.n_nodes
    _require(
        len(x.shape) == 3 and x.shape[2] == n and x.shape[1] > 0,
        f"features of shape {tuple(x.shape)}",
        f"(images, channels, {n} nodes)",
    )


def _require_weights(weights: Any, x: Any, recurrence: Recurrence) -> None:
    """ValueError unless weights are (order, channels of x, outputs)."""
    _require(
        len(weights.shape) == 3 and tuple(weights.shape[:2]) == (recurrence.order, x.shape[1]),
        f"weights of shape {tuple(weights.shape)}",
        f"({recurrence.order} terms, {x.shape[1]} channels, outputs)",
    )


def _require(holds: bool, given: str, expected: str) -> None:
    """ValueError that says what was given and what is expected."""
    if not holds:
        msg = f"{given} given, expected {expected}"
        raise ValueError(msg)
