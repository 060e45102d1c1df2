"""Sums on the device have the bytes of those on the CPU."""

from __future__ import annotations

import numpy as np
from numba import cuda

from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood
from hyperhex.kernels.hexagonal.scatter import scatter_hits, scatter_patches


def test_patches() -> None:
    random = np.random.default_rng(2)
    table = cylinder_neighbourhood(5, 3, 1)
    first = np.array([0, 3, 3, 5])
    centre = np.array([3, -1, 4, 14, 4])
    patches = random.normal(size=(5, 7)).astype(np.float32)
    expected = scatter_patches(first, centre, patches, table)
    found = scatter_patches(first, centre, cuda.to_device(patches), table)
    np.testing.assert_array_equal(found.copy_to_host(), expected)
    scatter_patches(first, centre, cuda.to_device(patches), table, out=found)
    scatter_patches(first, centre, patches, table, out=expected)
    np.testing.assert_array_equal(found.copy_to_host(), expected)


def test_hits() -> None:
    random = np.random.default_rng(3)
    first = np.array([0, 7, 9])
    cell = random.integers(-1, 4, 9)
    values = random.normal(size=9)
    expected = scatter_hits(first, cell, values, 4)
    found = scatter_hits(first, cell, cuda.to_device(values), 4)
    np.testing.assert_array_equal(found.copy_to_host(), expected)
