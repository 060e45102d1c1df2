from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.sparse.linalg import eigsh, expm_multiply
from scipy.special import ive

from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood
from hyperhex.kernels.spectral.chebyshev import Recurrence, chebyshev_filter
from hyperhex.kernels.spectral.eigen import largest_eigenvalue, low_eigenvectors
from hyperhex.kernels.spectral.filters import (
    Filter,
    chebyshev_expansion,
    heat,
    itersine,
    mexican_hat,
    order_for,
)
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.healpix import healpix_graph
from hyperhex.kernels.spectral.laplacian import Laplacian, combinatorial, normalised

Make = Callable[[Graph], Laplacian]
GRID = np.linspace(0.0, 3.0, 1001)


def sparse(matrix: Laplacian) -> csr_array:
    n = matrix.n_nodes
    rows = np.r_[matrix.graph.rows, np.arange(n)]
    columns = np.r_[matrix.graph.columns, np.arange(n)]
    return csr_array((np.r_[matrix.edges, matrix.diagonal], (rows, columns)), shape=(n, n))


def test_coefficients_of_heat_are_bessel_functions() -> None:
    # exp(-t (1 + x)) = exp(-t) sum_k (2 - [k = 0]) (-1)^k I_k(t) T_k(x)
    k = np.arange(12)
    expected = (2.0 - (k == 0)) * (-1.0) ** k * ive(k, 1.5)
    found, error = chebyshev_expansion(heat(1.0), 12, largest=3.0)
    np.testing.assert_allclose(found, expected, atol=1e-15)
    assert 0 < error < 1e-8


@pytest.mark.parametrize("order", [1, 4, 9, 30])
@pytest.mark.parametrize("function", [heat(0.7), heat(8.0), mexican_hat(2.0), itersine(5, 3.0)[2]])
def test_error_bounds_the_difference(function: Filter, order: int) -> None:
    found, error = chebyshev_expansion(function, order, largest=3.0)
    angle = np.arccos(np.clip(2 * GRID / 3 - 1, -1, 1))
    series = np.cos(np.outer(angle, np.arange(order))) @ found
    difference = np.abs(series - function(GRID)).max()
    assert difference <= error + 1e-14
    assert error < 40 * difference + 1e-13


def test_least_order() -> None:
    order = order_for(heat(3.0), 2.0, 1e-8)
    assert chebyshev_expansion(heat(3.0), order, 2.0).error <= 1e-8
    assert chebyshev_expansion(heat(3.0), order - 1, 2.0).error > 1e-8
    with pytest.raises(ValueError, match="take a smoother filter"):
        order_for(lambda x: np.abs(x - 1.0), 2.0, 1e-9)
    with pytest.raises(ValueError, match="expected 1 to 1024"):
        chebyshev_expansion(heat(1.0), 0, 2.0)
    with pytest.raises(ValueError, match="expected above 0"):
        chebyshev_expansion(heat(1.0), 3, 0.0)
    with pytest.raises(ValueError, match="expected at least 2"):
        itersine(1, 2.0)


@pytest.mark.parametrize("make", [combinatorial, normalised])
def test_heat_on_a_cylinder_is_that_of_the_exponential(make: Make) -> None:
    matrix = make(Graph.from_table(cylinder_neighbourhood(24, 10, 1)))
    x = np.random.default_rng(0).normal(size=(3, 240))
    expected = expm_multiply(-2.0 * sparse(matrix), x.T).T
    largest = largest_eigenvalue(matrix).bound
    order = order_for(heat(2.0), largest, 1e-12)
    recurrence = Recurrence(matrix.scaled(largest), order, tile=40)
    coefficients = chebyshev_expansion(heat(2.0), order, largest).coefficients
    np.testing.assert_allclose(
        chebyshev_filter(x, coefficients, recurrence), expected, rtol=0, atol=2e-12
    )
    single = chebyshev_filter(x.astype(np.float32), coefficients, recurrence)
    np.testing.assert_allclose(single, expected, rtol=0, atol=1e-5)


def test_tight_frame_returns_the_signal() -> None:
    matrix = normalised(healpix_graph(4))
    order = 120
    recurrence = Recurrence(matrix.scaled(2.0), order)
    bank = np.array([chebyshev_expansion(g, order, 2.0).coefficients for g in itersine(4, 2.0)])
    x = np.random.default_rng(1).normal(size=192)
    parts = chebyshev_filter(x, bank, recurrence)
    back = sum(chebyshev_filter(p, c, recurrence) for p, c in zip(parts, bank, strict=True))
    np.testing.assert_allclose(back, x, atol=2e-3)
    assert (parts**2).sum() == pytest.approx((x**2).sum(), rel=1e-4)
    # a band pass of a constant (the null vector times the root of its degree) is what g(0) says
    null = np.sqrt(matrix.graph.degree)
    for g, part in zip(itersine(4, 2.0), chebyshev_filter(null, bank, recurrence), strict=True):
        np.testing.assert_allclose(part, g(np.zeros(1)) * null, atol=3e-3)


@pytest.mark.parametrize("make", [combinatorial, normalised])
@pytest.mark.parametrize("seed", [0, 1])
def test_largest_eigenvalue_lies_between_value_and_bound(make: Make, seed: int) -> None:
    random = np.random.default_rng(seed)
    graph = Graph.from_points(random.uniform(size=(500, 2)), 6)
    matrix = make(graph)
    (expected,) = eigsh(sparse(matrix), 1, which="LA", return_eigenvectors=False)
    value, bound = largest_eigenvalue(matrix, tolerance=1e-6)
    assert value <= expected * (1 + 1e-12)
    assert expected <= bound <= matrix.bound
    assert bound - value <= 2e-6 * expected
    assert bound < matrix.bound


def test_largest_eigenvalue_in_closed_form() -> None:
    # ring of n: 2 - 2 cos(2 pi k / n); complete graph: n; no edge: 0
    n = 31
    ring = Graph.from_edges(n, np.arange(n), (np.arange(n) + 1) % n)
    top = 2 - 2 * math.cos(2 * math.pi * (n // 2) / n)
    assert largest_eigenvalue(combinatorial(ring), tolerance=1e-9).value == pytest.approx(top)
    one, two = np.triu_indices(9, 1)
    whole = largest_eigenvalue(combinatorial(Graph.from_edges(9, one, two)))
    assert whole.value == pytest.approx(9.0)
    assert 9.0 <= whole.bound < 9.0 + 1e-9
    assert largest_eigenvalue(combinatorial(Graph.from_edges(4, [], []))).value == 0.0
    value, bound = largest_eigenvalue(normalised(Graph.from_edges(2, [0], [1])))
    assert value == pytest.approx(2.0)
    assert bound == pytest.approx(2.0)


def test_low_eigenvectors() -> None:
    n = 20
    path = combinatorial(Graph.from_edges(n, np.arange(n - 1), np.arange(1, n)))
    values, vectors = low_eigenvectors(path, 5)
    np.testing.assert_allclose(values, 2 - 2 * np.cos(np.pi * np.arange(5) / n), atol=1e-13)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(5), atol=1e-13)
    np.testing.assert_allclose(path.dense() @ vectors, vectors * values, atol=1e-13)
    assert (np.abs(vectors).max(axis=0) == vectors.max(axis=0)).all()
    with pytest.raises(ValueError, match="expected at most 4096"):
        low_eigenvectors(normalised(healpix_graph(32)), 3)
    with pytest.raises(ValueError, match="expected 1 to 20"):
        low_eigenvectors(path, 21)
