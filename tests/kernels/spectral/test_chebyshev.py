from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from hyperhex.kernels.spectral.chebyshev import (
    Recurrence,
    chebyshev_convolution,
    chebyshev_filter,
    chebyshev_gradients,
)
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.laplacian import combinatorial, normalised

TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


def scattered(n: int = 150, tile: int = 16, order: int = 5) -> Recurrence:
    """Weighted graph of random points, cut into many tiles."""
    points = np.random.default_rng(5).uniform(size=(n, 2))
    return Recurrence(normalised(Graph.from_points(points, 5)).scaled(2.0), order, tile)


def terms(matrix: np.ndarray, x: np.ndarray, order: int) -> np.ndarray:
    """T_k(L) x (order, ..., n) in float64 by dense products."""
    found = [x.astype(np.float64), x @ matrix]
    for _ in range(2, order):
        found.append(2.0 * found[-1] @ matrix - found[-2])
    return np.array(found[:order])


def close(given: Any, expected: np.ndarray, kind: str) -> bool:
    """Whether two arrays agree relative to the largest number."""
    return float(np.abs(given - expected).max()) <= TOLERANCE[kind] * np.abs(expected).max()


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(
    ("order", "images", "channels", "outputs"),
    [(1, 2, 3, 2), (2, 1, 1, 1), (5, 3, 16, 16), (5, 19, 1, 5), (4, 5, 7, 20), (6, 2, 35, 18),
     (14, 3, 4, 9)],
)  # fmt: skip
def test_convolution_and_gradients_agree_with_dense_matrices(
    kind: str, order: int, images: int, channels: int, outputs: int
) -> None:
    recurrence = scattered(order=order)
    n = recurrence.matrix.n_nodes
    random = np.random.default_rng(order)
    x = random.normal(size=(images, channels, n)).astype(kind)
    g = random.normal(size=(images, outputs, n)).astype(kind)
    weights = random.normal(size=(order, channels, outputs)).astype(kind)
    bias = random.normal(size=outputs).astype(kind)
    dense = recurrence.matrix.dense()
    y = chebyshev_convolution(x, weights, recurrence, bias)
    expected = np.einsum("kbcn,kco->bon", terms(dense, x, order), weights) + bias[:, None]
    assert y.dtype == kind
    assert close(y, expected, kind)
    dx, dweights = chebyshev_gradients(g, x, weights, recurrence)
    of_g = terms(dense, g, order)
    assert close(dx, np.einsum("kbon,kco->bcn", of_g, weights), kind)
    assert close(dweights, np.einsum("bcn,kbon->kco", x.astype("f8"), of_g), kind)
    assert chebyshev_gradients(g, None, weights, recurrence)[1] is None
    alone = chebyshev_gradients(g, x, None, recurrence)
    assert alone[0] is None
    np.testing.assert_array_equal(alone[1], dweights)


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize(("order", "shape"), [(1, (2,)), (4, ()), (6, (3, 7)), (17, (20,))])
def test_filter_agrees_with_dense_matrices(kind: str, order: int, shape: tuple[int, ...]) -> None:
    recurrence = scattered(order=order)
    random = np.random.default_rng(order)
    x = random.normal(size=(*shape, recurrence.matrix.n_nodes)).astype(kind)
    bank = random.normal(size=(3, order))
    y = chebyshev_filter(x, bank, recurrence)
    expected = np.einsum("k...n,fk->f...n", terms(recurrence.matrix.dense(), x, order), bank)
    assert y.shape == (3, *x.shape)
    assert close(y, expected, kind)
    np.testing.assert_array_equal(chebyshev_filter(x, bank[1], recurrence), y[1])


def test_bytes_do_not_depend_on_threads_and_hardly_on_tiles() -> None:
    random = np.random.default_rng(0)
    x = random.normal(size=(9, 5, 150)).astype(np.float32)
    weights = random.normal(size=(9, 5, 6)).astype(np.float32)
    recurrence = scattered(order=9)
    y = chebyshev_convolution(x, weights, recurrence)
    gradients = chebyshev_gradients(y, x, weights, recurrence)
    for threads in (2, 5):
        np.testing.assert_array_equal(
            chebyshev_convolution(x, weights, recurrence, threads=threads), y
        )
        for one, other in zip(
            chebyshev_gradients(y, x, weights, recurrence, threads=threads), gradients, strict=True
        ):
            np.testing.assert_array_equal(one, other)
    whole = scattered(order=9, tile=200)
    assert whole.tiling.n_tiles == 1 < recurrence.tiling.n_tiles
    assert close(chebyshev_convolution(x, weights, whole), y, "float32")


def test_filter_is_linear_and_follows_a_permutation_of_nodes() -> None:
    recurrence = scattered(order=6)
    graph, random = recurrence.matrix.graph, np.random.default_rng(1)
    x, z = random.normal(size=(2, 4, graph.n_nodes))
    c = random.normal(size=6)
    both = chebyshev_filter(2.0 * x - 3.0 * z, c, recurrence)
    apart = 2.0 * chebyshev_filter(x, c, recurrence) - 3.0 * chebyshev_filter(z, c, recurrence)
    np.testing.assert_allclose(both, apart, atol=1e-12)
    new = random.permutation(graph.n_nodes)
    once = graph.rows < graph.columns
    moved = Graph.from_edges(
        graph.n_nodes, new[graph.rows[once]], new[graph.columns[once]], graph.weights[once]
    )
    there = np.empty_like(x)
    there[:, new] = x
    turned = chebyshev_filter(there, c, Recurrence(normalised(moved).scaled(2.0), 6, 16))
    np.testing.assert_allclose(turned[:, new], chebyshev_filter(x, c, recurrence), atol=1e-12)


def test_output_array_empty_batch_and_pickle() -> None:
    recurrence = scattered(order=3)
    x = np.random.default_rng(2).normal(size=(2, 3, 150))
    weights = np.ones((3, 3, 4))
    out = np.empty((2, 4, 150))
    y = chebyshev_convolution(x, weights, recurrence, out=out)
    assert y is out
    again = chebyshev_convolution(x, weights, pickle.loads(pickle.dumps(recurrence)))
    np.testing.assert_array_equal(again, y)
    assert chebyshev_convolution(x[:0], weights, recurrence).shape == (0, 4, 150)
    assert chebyshev_filter(x[:0], [1.0, 2.0, 3.0], recurrence).shape == (0, 3, 150)
    # a non-contiguous view gives the same
    view = np.repeat(x, 2, axis=2)[:, :, ::2]
    np.testing.assert_array_equal(chebyshev_convolution(view, weights, recurrence), y)


def test_refuses_what_does_not_fit() -> None:
    recurrence = scattered(order=3)
    x, weights = np.ones((2, 3, 150)), np.ones((3, 3, 4))
    with pytest.raises(ValueError, match="order=0 given"):
        Recurrence(recurrence.matrix, 0)
    with pytest.raises(ValueError, match=r"expected \(images, channels, 150 nodes\)"):
        chebyshev_convolution(x[0], weights, recurrence)
    with pytest.raises(ValueError, match=r"expected \(3 terms, 3 channels"):
        chebyshev_convolution(x, weights[:2], recurrence)
    with pytest.raises(ValueError, match="expected float32 or float64"):
        chebyshev_convolution(x.astype(np.float16), weights, recurrence)
    with pytest.raises(ValueError, match="out of shape"):
        chebyshev_convolution(x, weights, recurrence, out=np.empty((2, 4, 149)))
    with pytest.raises(ValueError, match="coefficients of shape"):
        chebyshev_filter(x, [1.0], recurrence)
    with pytest.raises(ValueError, match=r"expected \(..., 150 nodes\)"):
        chebyshev_filter(np.ones(7), [1.0, 2.0, 3.0], recurrence)


def test_a_constant_signal_is_in_the_null_space_of_the_combinatorial_laplacian() -> None:
    matrix = combinatorial(scattered().matrix.graph)
    recurrence = Recurrence(matrix.scaled(matrix.bound), 5, 16)
    # T_k(-1) = (-1)^k
    y = chebyshev_filter(np.ones(150), [1.0, 1.0, 1.0, 1.0, 1.0], recurrence)
    np.testing.assert_allclose(y, 1.0, atol=1e-12)
