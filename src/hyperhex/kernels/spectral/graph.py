"""Weighted undirected graphs, and where they come from: tables of neighbours, edges, points."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.spectral.nearest import nearest

__all__ = ["Graph"]


@dataclass(frozen=True, eq=False)
class Graph:
    """Symmetric weighted adjacency matrix W without self-loops, in compressed rows.

    Parameters
    ----------
    offsets : (n + 1,) int64, where the row of each node begins
    columns : (m,) int32, neighbours of each node in rising order, each edge in both of its rows
    weights : (m,) float64 above 0, the same in both rows of an edge

    Examples
    --------
    >>> triangle = Graph.from_edges(3, [0, 1, 2], [1, 2, 0])
    >>> triangle.n_nodes, triangle.n_edges
    (3, 3)
    >>> triangle.degree
    array([2., 2., 2.])
    """

    offsets: NDArray[np.int64]
    columns: NDArray[np.int32]
    weights: NDArray[np.float64]

    @classmethod
    def from_edges(
        cls, n_nodes: int, first: ArrayLike, second: ArrayLike, weights: ArrayLike | None = None
    ) -> Graph:
        """Graph of edges (m,), each given once in either direction; weights are 1 if not given.

        Weights of an edge given more than once add up.
        """
        one = np.asarray(first, dtype=np.int64).ravel()
        two = np.asarray(second, dtype=np.int64).ravel()
        weight = _weights(weights, one.shape)
        return cls._assembled(n_nodes, np.r_[one, two], np.r_[two, one], np.r_[weight, weight])

    @classmethod
    def from_table(cls, neighbours: ArrayLike, weights: ArrayLike | None = None) -> Graph:
        """Graph of a table (n, k) of neighbours, -1 where there is none; weights (n, k) or 1.

        Entries that name the cell itself are left out, so that tables that begin with the cell
        itself can be given as they are. ValueError where cell a names b but b does not name a.

        Examples
        --------
        >>> Graph.from_table([[0, 1, -1], [1, 0, 2], [2, 1, -1]]).columns
        array([1, 0, 2, 1], dtype=int32)
        """
        table = np.asarray(neighbours, dtype=np.int64)
        if table.ndim != 2:
            msg = f"a table of neighbours of shape {table.shape} given, expected (nodes, k)"
            raise ValueError(msg)
        rows = np.broadcast_to(np.arange(len(table))[:, None], table.shape)
        weight = _weights(weights, table.shape)
        kept = (table >= 0) & (table != rows)
        graph = cls._assembled(len(table), rows[kept], table[kept], weight[kept])
        graph._require_symmetry()
        return graph

    @classmethod
    def from_points(cls, points: ArrayLike, number: int = 8, width: float | None = None) -> Graph:
        """Graph that links each point (n, d) with its nearest ones by Gaussian weights.

        w = exp(-d^2 / (2 width^2)), where the width is the mean distance of the neighbours if not
        given, as in DeepSphere (arXiv:2012.15000, sec. 3.1). Two points are linked where either
        is among the `number` nearest of the other.

        Examples
        --------
        >>> Graph.from_points([[0.0], [1.0], [2.0], [9.0]], number=1, width=1.0).weights.round(3)
        array([0.607, 0.607, 0.607, 0.607, 0.   , 0.   ])
        """
        place = np.asarray(points, dtype=np.float64)
        cells, distance = nearest(place, number)
        scale = float(distance.mean()) if width is None else width
        if not scale > 0:
            msg = f"Gaussian width {scale} of the weights, expected above 0: are all points equal?"
            raise ValueError(msg)
        # the least normal number keeps far points linked, as the pattern must not hang on rounding
        weight = np.maximum(np.exp(-0.5 * (distance / scale) ** 2), np.finfo(np.float64).tiny)
        first = np.repeat(np.arange(len(place)), cells.shape[1])
        second = cells.ravel().astype(np.int64)
        low, high = np.minimum(first, second), np.maximum(first, second)
        _, once = np.unique(low * len(place) + high, return_index=True)
        return cls.from_edges(len(place), low[once], high[once], weight.ravel()[once])

    @classmethod
    def _assembled(
        cls,
        n_nodes: int,
        rows: NDArray[np.int64],
        columns: NDArray[np.int64],
        weights: NDArray[np.float64],
    ) -> Graph:
        """Graph of directed entries: sorted by row and column, equal ones summed."""
        if len(rows) and (min(rows.min(), columns.min()) < 0 or columns.max() >= n_nodes):
            msg = f"nodes {columns.min()} to {columns.max()} named, expected 0 to {n_nodes - 1}"
            raise ValueError(msg)
        if (rows == columns).any():
            msg = f"node {rows[rows == columns][0]} linked with itself, expected two nodes an edge"
            raise ValueError(msg)
        if not (weights > 0).all():
            msg = "weights of edges at 0 or below given, expected above 0: leave such edges out"
            raise ValueError(msg)
        key, entry = np.unique(rows * n_nodes + columns, return_inverse=True)
        row, column = np.divmod(key, max(n_nodes, 1))
        offsets = np.searchsorted(row, np.arange(n_nodes + 1))
        summed = np.bincount(entry, weights, minlength=len(key)).astype(np.float64)
        return cls(offsets.astype(np.int64), column.astype(np.int32), summed)

    def _require_symmetry(self) -> None:
        """ValueError unless each edge stands in both of its rows with the same weight."""
        forth = self.rows * self.n_nodes + self.columns
        back = self.columns.astype(np.int64) * self.n_nodes + self.rows
        order = np.argsort(back)
        if not np.array_equal(forth, back[order]):
            alone = np.setdiff1d(forth, back)[0]
            one, two = divmod(int(alone), self.n_nodes)
            msg = f"node {one} names {two} as its neighbour but not the other way, expected both"
            raise ValueError(msg)
        if not np.allclose(self.weights, self.weights[order], rtol=1e-12, atol=0.0):
            msg = "weights of an edge differ between its two rows, expected them to be equal"
            raise ValueError(msg)

    @property
    def n_nodes(self) -> int:
        """Number of nodes."""
        return len(self.offsets) - 1

    @property
    def n_edges(self) -> int:
        """Number of edges, each counted once."""
        return len(self.columns) // 2

    @cached_property
    def rows(self) -> NDArray[np.int64]:
        """Node (m,) in whose row each entry stands."""
        return np.repeat(np.arange(self.n_nodes), np.diff(self.offsets))

    @cached_property
    def degree(self) -> NDArray[np.float64]:
        """Sum (n,) of the weights of each node's edges."""
        summed = np.bincount(self.rows, self.weights, minlength=self.n_nodes)
        return summed.astype(np.float64)

    @cached_property
    def most_neighbours(self) -> int:
        """Largest number of neighbours of a node."""
        return int(np.diff(self.offsets).max(initial=0))


def _weights(weights: ArrayLike | None, shape: tuple[Any, ...]) -> NDArray[np.float64]:
    """Weights as an array of a shape, 1 if not given."""
    if weights is None:
        return np.ones(shape)
    given = np.asarray(weights, dtype=np.float64)
    if given.shape != shape:
        msg = f"weights of shape {given.shape} given, expected {shape}: one for each entry"
        raise ValueError(msg)
    return given
