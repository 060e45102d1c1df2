"""Cleaning on the device keeps the cells that the CPU keeps."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.cleaning import tailcuts


@pytest.mark.parametrize("keep_isolated", [False, True])
@pytest.mark.parametrize("least", [0, 1, 2])
def test_tailcuts(keep_isolated: bool, least: int) -> None:
    neighbours = Patch(2, 1.0).neighbourhood(1)[:, 1:]
    images = np.random.default_rng(4).exponential(4.0, (5, 19)).astype(np.float32)
    boundary = np.linspace(2.0, 5.0, 19)
    options = {"keep_isolated": keep_isolated, "min_picture_neighbours": least}
    expected = tailcuts(images, neighbours, 6.0, boundary, **options)
    found = tailcuts(cuda.to_device(images), neighbours, 6.0, boundary, **options)
    assert 0 < expected.sum() < expected.size
    np.testing.assert_array_equal(found.copy_to_host(), expected)
