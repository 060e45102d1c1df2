"""Ends of a Laplacian's spectrum: its largest eigenvalue with a bound, its lowest eigenvectors."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.spectral.laplacian import Laplacian

__all__ = ["LargestEigenvalue", "largest_eigenvalue", "low_eigenvectors"]

# dense eigenvectors of more nodes would take minutes and gigabytes
MOST_NODES = 4096


class LargestEigenvalue(NamedTuple):
    """An eigenvalue from below (`value`) and from above (`bound`)."""

    value: float
    bound: float


def largest_eigenvalue(
    matrix: Laplacian, *, tolerance: float = 1e-4, most_steps: int = 200
) -> LargestEigenvalue:
    """Largest eigenvalue by Lanczos steps, between a Ritz value and a bound.

    No Ritz value exceeds the largest eigenvalue. The bound is the largest Ritz value plus the norm
    of its residual (Zhou et al., J. Comput. Phys. 219 (2006) 172, eq. 7; Parlett, The Symmetric
    Eigenvalue Problem, sec. 13.2), but never above the Laplacian's own bound. Steps end when the
    two differ by less than the tolerance times the value. All vectors are kept orthogonal, the
    first one is random of a fixed seed.

    Examples
    --------
    >>> from hyperhex.kernels.spectral.graph import Graph
    >>> from hyperhex.kernels.spectral.laplacian import combinatorial
    >>> square = combinatorial(Graph.from_edges(4, [0, 1, 2, 3], [1, 2, 3, 0]))
    >>> round(largest_eigenvalue(square).value, 9)
    4.0
    """
    n = matrix.n_nodes
    steps = min(most_steps, n)
    basis = np.empty((steps + 1, n))
    start = np.random.default_rng(0).normal(size=n)
    basis[0] = start / np.linalg.norm(start)
    diagonal, beside = np.zeros(steps), np.zeros(steps)
    value, residual = 0.0, np.inf
    scale = max(matrix.bound, np.finfo(float).tiny)
    for k in range(steps):
        moved = _product(matrix, basis[k])
        diagonal[k] = moved @ basis[k]
        for _ in range(2):
            # twice: once leaves the rounding of large cancellations
            moved -= basis[: k + 1].T @ (basis[: k + 1] @ moved)
        beside[k] = np.linalg.norm(moved)
        tridiagonal = np.diag(diagonal[: k + 1])
        tridiagonal += np.diag(beside[:k], 1) + np.diag(beside[:k], -1)
        ritz, vectors = np.linalg.eigh(tridiagonal)
        value, residual = float(ritz[-1]), float(beside[k] * abs(vectors[-1, -1]))
        # a vanishing remainder means that the space is whole
        if residual <= tolerance * value or beside[k] <= 1e-14 * scale:
            break
        basis[k + 1] = moved / beside[k]
    rounding = 1e-13 * scale
    return LargestEigenvalue(value, max(value, min(matrix.bound, value + residual + rounding)))


def low_eigenvectors(
    matrix: Laplacian, number: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The lowest eigenvalues (number,), rising, and their orthonormal vectors (nodes, number).

    By a dense decomposition, for graphs of up to 4,096 nodes. The entry of each vector that is
    largest in size is positive.

    Examples
    --------
    >>> from hyperhex.kernels.spectral.graph import Graph
    >>> from hyperhex.kernels.spectral.laplacian import combinatorial
    >>> path = combinatorial(Graph.from_edges(3, [0, 1], [1, 2]))
    >>> low_eigenvectors(path, 3)[0].round(12) + 0.0
    array([0., 1., 3.])
    """
    n = matrix.n_nodes
    if n > MOST_NODES:
        msg = (
            f"eigenvectors of a graph of {n} nodes asked for, expected at most {MOST_NODES} as the"
            " matrix is taken dense: coarsen the graph, or use chebyshev_filter, which needs none"
        )
        raise ValueError(msg)
    if not 1 <= number <= n:
        msg = f"{number} eigenvectors of a graph of {n} nodes asked for, expected 1 to {n}"
        raise ValueError(msg)
    values, vectors = np.linalg.eigh(matrix.dense())
    values, vectors = values[:number], vectors[:, :number]
    largest = np.abs(vectors).argmax(axis=0)
    return values, vectors * np.sign(vectors[largest, np.arange(number)])


def _product(matrix: Laplacian, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """L x for one vector (nodes,)."""
    y = matrix.diagonal * x
    _add_edges(matrix.graph.offsets, matrix.graph.columns, matrix.edges, x, y)
    return y


@compiled
def _add_edges(
    offsets: NDArray[np.int64],
    columns: NDArray[np.int32],
    edges: NDArray[np.float64],
    x: NDArray[np.float64],
    y: NDArray[np.float64],
) -> None:
    """Add the product of the entries off the diagonal and x to y."""
    for row in range(len(y)):
        for entry in range(offsets[row], offsets[row + 1]):
            y[row] += edges[entry] * x[columns[entry]]
