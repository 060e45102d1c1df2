"""Islands and topological clusters on the device have the labels of the CPU's."""

from __future__ import annotations

import numpy as np
from numba import cuda

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.clusters import islands, topological_clusters

NEIGHBOURS = Patch(4, 1.0).neighbourhood(1)[:, 1:]


def test_islands() -> None:
    mask = np.random.default_rng(6).random((3, 61)) < 0.45
    mask[2] = False
    labels, number = islands(mask, NEIGHBOURS)
    found, found_number = islands(cuda.to_device(mask), NEIGHBOURS)
    assert number.max() > 1
    np.testing.assert_array_equal(found.copy_to_host(), labels)
    np.testing.assert_array_equal(found_number.copy_to_host(), number)


def test_topological_clusters() -> None:
    significance = np.random.default_rng(7).normal(0, 2.2, (3, 61)).astype(np.float32)
    options = {"seed": 4.0, "grow": 2.5, "boundary": 1.0}
    labels, number = topological_clusters(significance, NEIGHBOURS, **options)
    found, found_number = topological_clusters(cuda.to_device(significance), NEIGHBOURS, **options)
    assert number.max() > 1
    np.testing.assert_array_equal(found.copy_to_host(), labels)
    np.testing.assert_array_equal(found_number.copy_to_host(), number)
