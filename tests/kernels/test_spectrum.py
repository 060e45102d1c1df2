from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.spectrum import count_above, spread_back

EDGES = np.array([0.7, 1.1, 2.5], np.float32)
PER_UNIT = 8


def values(seed: int = 1) -> NDArray[np.float32]:
    """Logarithms of cells, a third of them empty, some on an edge."""
    random = np.random.default_rng(seed)
    cells = random.uniform(0.4, 4.0, (5, 2, 30)).astype(np.float32)
    cells[random.random(cells.shape) < 0.3] = 0.0
    cells[:, :, 0] = EDGES[1]
    return cells


def test_counts_are_those_of_numpy() -> None:
    cells = values()
    found = count_above(cells, EDGES)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, (cells[..., None] > EDGES).sum(2))
    assert count_above(np.zeros((2, 1, 4), np.float32), EDGES).max() == 0


def test_gradients_are_spread_by_the_weight_at_the_nearest_knot() -> None:
    cells, random = values(), np.random.default_rng(2)
    gradient = random.normal(size=(5, 2, 3)).astype(np.float32)
    # fewer knots than the cells reach: beyond the last, it
    weights = random.normal(size=(2, 20, 3)).astype(np.float32)
    knot = np.minimum(np.floor(cells * PER_UNIT + 0.5), 19).astype(int)
    told = weights[np.arange(2)[:, None], knot]
    expected = (gradient[:, :, None] * told).sum(3)
    found = spread_back(cells, gradient, weights, float(PER_UNIT))
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def test_gradients_are_the_slopes_of_smoothed_counts() -> None:
    """Finite differences of counts whose edges are softened, the weights being their slopes."""

    def share(cells: NDArray) -> NDArray:
        return 1.0 / (1.0 + np.exp(-4.0 * (cells[..., None] - EDGES)))

    fine, random = 512, np.random.default_rng(3)
    knots = np.arange(5 * fine) / fine
    slopes = 4.0 * share(knots) * (1.0 - share(knots))
    weights = np.tile(slopes.astype(np.float32), (2, 1, 1))
    cells, gradient = values(), random.normal(size=(5, 2, 3)).astype(np.float32)
    found = spread_back(cells, gradient, weights, float(fine))
    step = 1e-4
    wide = cells.astype(np.float64)
    rise = (share(wide + step) - share(wide - step)) / (2 * step)
    expected = (gradient[:, :, None] * rise).sum(3)
    np.testing.assert_allclose(found, expected, atol=0.02)
