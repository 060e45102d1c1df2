"""Chebyshev filters on the device agree with dense matrices in float64."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.kernels.cuda.chebyshev import chebyshev_terms
from hyperhex.kernels.spectral.chebyshev import (
    Recurrence,
    chebyshev_convolution,
    chebyshev_filter,
)
from hyperhex.kernels.spectral.graph import Graph
from hyperhex.kernels.spectral.laplacian import normalised

RANDOM = np.random.default_rng(8)
# a star hung on a ring: rows of different lengths
GRAPH = Graph.from_edges(
    14,
    [*range(9), 0, 0, 0, 0, 0],
    [*range(1, 9), 0, 9, 10, 11, 12, 13],
    RANDOM.uniform(0.5, 2.0, 14),
)
MATRIX = normalised(GRAPH).scaled(2.0)


def terms(x: np.ndarray, order: int) -> np.ndarray:
    dense = MATRIX.dense()
    found = [x.astype(np.float64), x @ dense]
    for _ in range(2, order):
        found.append(2.0 * found[-1] @ dense - found[-2])
    return np.array(found[:order])


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("order", [1, 2, 4])
def test_convolution(order: int, kind: str) -> None:
    x = RANDOM.normal(size=(2, 3, 14)).astype(kind)
    weights = RANDOM.normal(size=(order, 3, 2)).astype(kind)
    bias = RANDOM.normal(size=2).astype(kind)
    recurrence = Recurrence(MATRIX, order)
    expected = terms(x, order)
    there = cuda.device_array((2, order, 3, 14), kind)
    chebyshev_terms(cuda.to_device(x), there, recurrence)
    tolerance = 1e-5 if kind == "float32" else 1e-13
    np.testing.assert_allclose(
        there.copy_to_host().swapaxes(0, 1), expected, rtol=0, atol=tolerance
    )
    mixed = np.einsum("kbcn,kco->bon", expected, weights)
    device = [cuda.to_device(array) for array in (x, weights)]
    y = chebyshev_convolution(*device, recurrence)
    np.testing.assert_allclose(y.copy_to_host(), mixed, rtol=0, atol=tolerance)
    out = cuda.device_array((2, 2, 14), kind)
    chebyshev_convolution(*device, recurrence, cuda.to_device(bias), out=out)
    np.testing.assert_allclose(out.copy_to_host(), mixed + bias[:, None], rtol=0, atol=tolerance)


@pytest.mark.parametrize("order", [1, 5])
def test_filters(order: int) -> None:
    x = RANDOM.normal(size=(3, 14)).astype(np.float32)
    bank = RANDOM.normal(size=(2, order))
    recurrence = Recurrence(MATRIX, order)
    expected = np.einsum("kcn,fk->fcn", terms(x, order), bank)
    y = chebyshev_filter(cuda.to_device(x), bank, recurrence)
    np.testing.assert_allclose(y.copy_to_host(), expected, rtol=0, atol=1e-5)
    one = chebyshev_filter(cuda.to_device(x), bank[0], recurrence)
    np.testing.assert_allclose(one.copy_to_host(), expected[0], rtol=0, atol=1e-5)
