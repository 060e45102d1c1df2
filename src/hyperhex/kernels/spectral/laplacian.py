"""Laplacians of weighted graphs: combinatorial L = D - W and normalised L = 1 - D^-1/2 W D^-1/2."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.spectral.graph import Graph

__all__ = ["Laplacian", "combinatorial", "normalised"]


@dataclass(frozen=True, eq=False)
class Laplacian:
    """Symmetric matrix with the pattern of a graph and a diagonal.

    Parameters
    ----------
    graph : pattern, and edges of the matrix in compressed rows
    diagonal : (n,) float64
    edges : (m,) float64, entries off the diagonal in the graph's order
    bound : number that no eigenvalue exceeds
    """

    graph: Graph
    diagonal: NDArray[np.float64]
    edges: NDArray[np.float64]
    bound: float

    @property
    def n_nodes(self) -> int:
        """Number of rows."""
        return self.graph.n_nodes

    def scaled(self, largest: float) -> Laplacian:
        """The matrix 2 L / largest - 1, whose eigenvalues lie in [-1, 1] if L's in [0, largest]."""
        if not largest > 0:
            msg = f"largest eigenvalue {largest} given, expected above 0"
            raise ValueError(msg)
        scale = 2.0 / largest
        return Laplacian(
            self.graph,
            self.diagonal * scale - 1.0,
            self.edges * scale,
            max(1.0, self.bound * scale - 1.0),
        )

    def dense(self) -> NDArray[np.float64]:
        """The matrix (n, n) in full."""
        full = np.zeros((self.n_nodes, self.n_nodes))
        full[self.graph.rows, self.graph.columns] = self.edges
        np.fill_diagonal(full, self.diagonal)
        return full


def combinatorial(graph: Graph) -> Laplacian:
    """L = D - W with D the degrees; its null vector is constant on each connected part.

    The bound is max over edges of d_i + d_j (Anderson and Morley, Linear Multilinear Algebra 18
    (1985) 141; with weights by Gershgorin's theorem for the edges' matrix).

    Examples
    --------
    >>> pair = Graph.from_edges(2, [0], [1], [3.0])
    >>> combinatorial(pair).dense()
    array([[ 3., -3.],
           [-3.,  3.]])
    """
    degree = graph.degree
    bound = float((degree[graph.rows] + degree[graph.columns]).max(initial=0.0))
    return Laplacian(graph, degree, -graph.weights, bound)


def normalised(graph: Graph) -> Laplacian:
    """L = 1 - D^-1/2 W D^-1/2, eigenvalues in [0, 2]; nodes without edges have a row of zeros.

    Its null vector is the root of the degree.

    Examples
    --------
    >>> normalised(Graph.from_edges(2, [0], [1], [3.0])).dense()
    array([[ 1., -1.],
           [-1.,  1.]])
    """
    degree = graph.degree
    root = np.sqrt(np.where(degree > 0, degree, 1.0))
    edges = -graph.weights / (root[graph.rows] * root[graph.columns])
    return Laplacian(graph, np.where(degree > 0, 1.0, 0.0), edges, 2.0)
