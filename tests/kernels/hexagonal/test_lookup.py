"""The cell of a point is the one whose centre is nearest."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial
from hyperhex.kernels.hexagonal.lookup import lookup
from hyperhex.kernels.hexagonal.neighbours import dense_table

PATCH = Patch(6, 2.0)


@pytest.mark.parametrize(("kind", "rounding"), [(np.float32, 1e-5), (np.float64, 1e-12)])
@settings(max_examples=20, deadline=None)
@given(
    rotation=st.floats(-4, 4),
    origin=st.tuples(st.floats(-9, 9), st.floats(-9, 9)),
    corner=st.tuples(st.integers(-50, 50), st.integers(-50, 50)),
    seed=st.integers(0, 99),
)
def test_agrees_with_nearest_centre(
    kind: type,
    rounding: float,
    rotation: float,
    origin: tuple[float, float],
    corner: tuple[int, int],
    seed: int,
) -> None:
    axial = axial_rings(4) + np.array(corner)
    lattice = centre_of_axial(axial, 3.0) @ [1, 1j] * np.exp(1j * rotation) + complex(*origin)
    random = np.random.default_rng(seed)
    place = lattice.mean() + random.uniform(-15, 15, (2, 3000)).T @ [1, 1j]
    x, y = place.real.astype(kind), place.imag.astype(kind)
    found = lookup(x, y, 3.0, *dense_table(axial), rotation=rotation, origin=origin)
    tree = cKDTree(np.stack([lattice.real, lattice.imag], axis=1))
    distance, nearest = tree.query(np.stack([x, y], axis=1).astype(np.float64), k=2)
    # points beyond a corner of the outermost cells are in none; those within rounding of an edge
    # may be either's
    scale = rounding * np.abs(place).max()
    clear = distance[:, 1] - distance[:, 0] > scale
    inside = found >= 0
    assert inside.mean() > 0.3
    np.testing.assert_array_equal(found[inside & clear], nearest[inside & clear, 0])
    assert distance[inside, 0].max() < 3.0 / np.sqrt(3) + scale
    assert distance[~inside, 0].min() > 1.5 - scale


def test_points_of_no_number_and_far_away_are_outside() -> None:
    bad = np.array([np.nan, np.inf, -np.inf, 1e30, -1e30, 0.0])
    x, y = (part.ravel() for part in np.meshgrid(bad, bad))
    for kind in (np.float32, np.float64):
        found = lookup(x.astype(kind), y.astype(kind), 2.0, PATCH.table, -6, -6)
        np.testing.assert_array_equal(found, np.where((x == 0) & (y == 0), 0, -1))


@pytest.mark.parametrize("number", [0, 1, 1023, 1024, 1025, 5000])
def test_threads_and_blocks_change_nothing(number: int) -> None:
    x, y = np.random.default_rng(2).uniform(-15, 15, (2, number)).astype(np.float32)
    expected = PATCH.index(x, y)
    for threads in (1, 3):
        out = np.full(number, 77, np.int32)
        assert lookup(x, y, 2.0, PATCH.table, -6, -6, threads=threads, out=out) is out
        np.testing.assert_array_equal(out, expected)


def test_wrong_points_are_refused() -> None:
    x = np.zeros(3)
    with pytest.raises(ValueError, match="pitch=0 given, expected pitch > 0"):
        lookup(x, x, 0, PATCH.table, -6, -6)
    with pytest.raises(ValueError, match="expected two arrays"):
        lookup(x, x.astype(np.float32), 1.0, PATCH.table, -6, -6)
    with pytest.raises(ValueError, match="expected two arrays"):
        lookup(x.astype(int), x.astype(int), 1.0, PATCH.table, -6, -6)
