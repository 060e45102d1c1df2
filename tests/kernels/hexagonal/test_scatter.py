"""Sums over a grid are those of NumPy's `add.at`, in the same order."""

from __future__ import annotations

import numpy as np
import pytest

from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood
from hyperhex.kernels.hexagonal.scatter import first_of_event, scatter_hits, scatter_patches

TABLE = cylinder_neighbourhood(7, 4, 2)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("threads", [1, 3])
def test_patches(kind: type, threads: int) -> None:
    random = np.random.default_rng(1)
    event = np.sort(random.integers(0, 6, 50))
    centre = random.integers(-1, len(TABLE), 50).astype(np.int32)
    # a patch of one ring is a prefix of one of two
    centre[::10] = -1
    patches = random.normal(size=(50, 7)).astype(kind)
    expected = np.zeros((8, len(TABLE)), kind)
    cell = np.where(centre[:, None] < 0, -1, TABLE[centre, :7])
    inside = cell >= 0
    row = np.broadcast_to(event[:, None], cell.shape)
    np.add.at(expected, (row[inside], cell[inside]), patches[inside])
    first = first_of_event(event, 8)
    found = scatter_patches(first, centre, patches, TABLE, threads=threads)
    np.testing.assert_array_equal(found, expected)
    scatter_patches(first, centre, patches, TABLE, out=found, threads=threads)
    np.testing.assert_allclose(found, 2 * expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("threads", [1, 2])
def test_hits(threads: int) -> None:
    random = np.random.default_rng(2)
    event = np.sort(random.integers(0, 5, 300))
    cell = random.integers(-1, 9, 300)
    values = random.normal(size=300)
    expected = np.zeros((5, 9))
    np.add.at(expected, (event[cell >= 0], cell[cell >= 0]), values[cell >= 0])
    found = scatter_hits(first_of_event(event, 5), cell, values, 9, threads=threads)
    np.testing.assert_array_equal(found, expected)


def test_wrong_arguments_are_refused() -> None:
    patches, centre = np.zeros((2, 7)), np.zeros(2, int)
    with pytest.raises(ValueError, match="rising numbers from 0 to 2"):
        scatter_patches(np.array([0, 3]), centre, patches, TABLE)
    with pytest.raises(ValueError, match="take more rings"):
        scatter_patches(np.array([0, 2]), centre, np.zeros((2, 37)), TABLE)
    with pytest.raises(ValueError, match=r"out \(2, 2\) given, expected \(1, 28\)"):
        scatter_patches(np.array([0, 2]), centre, patches, TABLE, out=np.zeros((2, 2)))
    with pytest.raises(ValueError, match="sort patches or hits by event"):
        first_of_event(np.array([1, 0]), 2)
    with pytest.raises(ValueError, match="cells from 0 to 9 given, expected -1 to 4"):
        scatter_hits(np.array([0, 2]), np.array([0, 9]), np.zeros(2), 5)
