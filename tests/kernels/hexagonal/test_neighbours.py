"""Neighbour tables agree with distances, in the order of the rings."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lattice import DIRECTIONS, axial_rings, centre_of_axial
from hyperhex.kernels.hexagonal.neighbours import (
    cylinder_neighbourhood,
    dense_table,
    neighbourhood,
)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 999), rings=st.integers(0, 4))
def test_any_set_of_cells(seed: int, rings: int) -> None:
    """Each neighbour is where `axial_rings` puts it, and all that are near are in the table."""
    random = np.random.default_rng(seed)
    axial = random.permutation(axial_rings(7))[: random.integers(1, 120)] + random.integers(-99, 99)
    table = neighbourhood(axial, rings)
    around = axial_rings(rings)
    assert table.shape == (len(axial), len(around))
    cell, k = np.nonzero(table >= 0)
    np.testing.assert_array_equal(axial[table[cell, k]], axial[cell] + around[k])
    cube = np.concatenate([axial, -axial.sum(1, keepdims=True)], axis=1)
    distance = np.abs(cube[:, None] - cube[None]).max(-1)
    np.testing.assert_array_equal((table >= 0).sum(1), (distance <= rings).sum(1))


def test_nearest_neighbours_of_a_camera_are_those_of_a_tree() -> None:
    patch = Patch(20, 1.0)
    table = patch.neighbourhood(1)
    pairs = cKDTree(patch.positions).query_pairs(1.2, output_type="ndarray")
    cell, k = np.nonzero(table[:, 1:] >= 0)
    ours = np.stack([cell, table[cell, k + 1]], axis=1)
    ours = ours[ours[:, 0] < ours[:, 1]]
    assert set(map(tuple, ours.tolist())) == set(map(tuple, np.sort(pairs).tolist()))
    np.testing.assert_array_equal(table[:, 1:], patch.neighbours)


def test_permuted_cells_have_the_permuted_table() -> None:
    axial = axial_rings(5)
    order = np.random.default_rng(1).permutation(len(axial))
    place = np.argsort(order)
    expected = neighbourhood(axial, 2)[order]
    expected = np.where(expected >= 0, place[expected], -1)
    np.testing.assert_array_equal(neighbourhood(axial[order], 2), expected)


@pytest.mark.parametrize(("around", "rows", "rings"), [(7, 5, 3), (12, 9, 2), (6, 1, 2), (9, 4, 0)])
def test_cylinder_is_closed_in_phi(around: int, rows: int, rings: int) -> None:
    """Straight steps lead from cell to cell, and what is not beyond the rows is there."""
    table = cylinder_neighbourhood(around, rows, rings)
    steps = axial_rings(rings)
    row = np.arange(rows * around) // around
    inside = (row[:, None] + steps[:, 1] >= 0) & (row[:, None] + steps[:, 1] < rows)
    np.testing.assert_array_equal(table >= 0, inside)
    column = np.arange(rows * around) % around + 0.5 * (row % 2)
    cell, k = np.nonzero(inside)
    x = centre_of_axial(steps, 1.0)[k, 0]
    expected = (column[cell] + x) % around
    np.testing.assert_allclose(column[table[cell, k]] % around, expected)
    for cells in table:
        assert len(np.unique(cells[cells >= 0])) == (cells >= 0).sum()


def test_neighbours_of_a_cylinder_are_one_pitch_away() -> None:
    cylinder = Cylinder(16, 1.5)
    near = cylinder.neighbours
    cell, k = np.nonzero(near >= 0)
    eta, phi = cylinder.offset(near[cell, k], cylinder.eta[cell], cylinder.phi[cell])
    np.testing.assert_allclose(np.hypot(eta, phi), cylinder.pitch)
    # counter-clockwise from +phi, seen with phi to the right
    np.testing.assert_allclose(np.exp(1j * np.pi / 3 * k) * cylinder.pitch, -phi - 1j * eta)


def test_types_threads_and_out() -> None:
    axial = axial_rings(40)
    expected = neighbourhood(axial, 1)
    out = np.empty_like(expected)
    assert neighbourhood(axial.astype(np.int32), 1, threads=2, out=out) is out
    np.testing.assert_array_equal(out, expected)


def test_wrong_layouts_are_refused() -> None:
    with pytest.raises(ValueError, match=r"cell \[1, 0\] is given twice"):
        neighbourhood(np.array([[1, 0], [0, 0], [1, 0]]), 1)
    with pytest.raises(ValueError, match="are these axial coordinates"):
        neighbourhood(np.array([[0, 0], [10**6, 10**6]]), 1)
    with pytest.raises(ValueError, match=r"float64 of shape \(2, 2\), expected integers"):
        dense_table(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="rings=-1 given"):
        neighbourhood(DIRECTIONS, -1)
    with pytest.raises(ValueError, match=r"around=4.*around >= 5.*take fewer rings"):
        cylinder_neighbourhood(4, 3, 2)


def test_no_cells_have_no_neighbours() -> None:
    assert neighbourhood(np.empty((0, 2), np.int64), 2).shape == (0, 19)
