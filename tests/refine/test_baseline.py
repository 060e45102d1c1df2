from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch

from hyperhex.refine.baseline import discrepancy, layer_scale
from hyperhex.refine.showers import Showers

Toys = Callable[[int, int], Showers]


def test_layer_scale_undoes_a_known_scale(toys: Toys) -> None:
    data = toys(300, 1)
    factors = np.array([0.5, 1.0, 1.25, 2.0])
    simulated = data.with_cells(data.cells / factors[:, None])
    np.testing.assert_allclose(layer_scale(simulated, data), factors, rtol=1e-9)


def test_discrepancy_of_two_points_is_closed() -> None:
    first, second = torch.zeros(2, 3), torch.ones(2, 3)
    between = sum(np.exp(-1.0 / width) for width in (0.3, 1.0, 3.0))
    expected = 3.0 + 3.0 - 2.0 * between
    assert float(discrepancy(first, second)) == pytest.approx(expected, rel=1e-5)


def test_discrepancy_is_unbiased_and_grows_with_the_shift() -> None:
    stream = torch.Generator().manual_seed(0)

    def draw(shift: float) -> float:
        first, second = (torch.randn(200, 4, generator=stream) for _ in range(2))
        return float(discrepancy(first, second + shift))

    same, near, far = (np.mean([draw(shift) for _ in range(8)]) for shift in (0.0, 0.3, 1.0))
    assert abs(same) < 0.01
    assert same < near < far
