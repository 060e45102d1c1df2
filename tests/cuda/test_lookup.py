"""Lookup of points on the device agrees with float64 geometry."""

from __future__ import annotations

import numpy as np
import pytest
from numba import cuda

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lookup import lookup


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_agrees_with_exact_geometry(kind: type) -> None:
    patch = Patch(3, 2.0)
    points = np.random.default_rng(1).uniform(-9, 9, (2, 200))
    points[:, :2] = 99.0
    turn, origin = 0.3, (1.0, -2.0)
    place = (points[0] + 1j * points[1]) * np.exp(1j * turn) + complex(*origin)
    x, y = place.real.astype(kind), place.imag.astype(kind)
    x[0], y[1] = np.nan, np.inf
    found = lookup(
        cuda.to_device(x),
        cuda.to_device(y),
        2.0,
        patch.table,
        -3,
        -3,
        rotation=turn,
        origin=origin,
    )
    np.testing.assert_array_equal(found.copy_to_host(), patch.index(*points))


def test_out_and_table_on_the_device_are_used() -> None:
    patch = Patch(1, 1.0)
    x = cuda.to_device(np.array([1.0, 0.0]))
    y = cuda.to_device(np.zeros(2))
    out = cuda.device_array(2, np.int32)
    assert lookup(x, y, 1.0, cuda.to_device(patch.table), -1, -1, out=out) is out
    np.testing.assert_array_equal(out.copy_to_host(), [1, 0])
