"""Neighbour tables made on the device are those of the CPU."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.kernels.hexagonal.lattice import axial_rings
from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood, neighbourhood


@pytest.mark.parametrize("rings", [0, 1, 2])
def test_neighbourhood(rings: int) -> None:
    axial = axial_rings(2)[::-1] + np.array([5, -7])
    found = neighbourhood(cuda.to_device(axial), rings)
    np.testing.assert_array_equal(found.copy_to_host(), neighbourhood(axial, rings))


def test_cylinder() -> None:
    expected = cylinder_neighbourhood(5, 3, 2)
    out = cuda.device_array(expected.shape, np.int32)
    assert cylinder_neighbourhood(5, 3, 2, out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), expected)
