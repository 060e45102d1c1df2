"""Symmetry tables are what the geometry says, and missing symmetries are refused by name."""

from __future__ import annotations

import numpy as np
import pytest

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial
from hyperhex.kernels.hexagonal.symmetry import (
    OPERATIONS,
    symmetric_operations,
    symmetry_table,
    symmetry_tables,
)

# about a corner, about the middle of a side, about nothing
TRIANGLE = np.array([[0, 0], [1, 0], [0, 1]])
PAIR = np.array([[4, -2], [5, -2]])
BENT = np.array([[0, 0], [1, 0], [1, 1], [5, 0]])


def test_patches_have_all_twelve_and_they_are_a_group() -> None:
    tables = symmetry_tables(axial_rings(4))
    products = {tuple(one[other]) for one in tables for other in tables}
    assert products == set(map(tuple, tables))
    assert len(products) == 12


@pytest.mark.parametrize("operation", range(12))
def test_table_moves_values_as_the_matrix_moves_points(operation: int) -> None:
    axial = axial_rings(3) + np.array([7, -4])
    position = centre_of_axial(axial, 1.0)
    position -= position.mean(axis=0)
    values = np.random.default_rng(1).normal(size=len(axial))
    moved = values[symmetry_table(axial, operation)]
    target = position @ Patch(0, 1.0).symmetry_matrices[operation].T
    for k in range(len(axial)):
        cell = np.argmin(np.hypot(*(position - target[k]).T))
        assert moved[cell] == values[k]


@pytest.mark.parametrize(
    ("layout", "expected"),
    [(TRIANGLE, (0, 2, 4, 7, 9, 11)), (PAIR, (0, 3, 6, 9)), (BENT, (0,))],
)
def test_centre_may_be_anywhere(layout: np.ndarray, expected: tuple[int, ...]) -> None:
    assert symmetric_operations(layout) == expected
    for operation in expected:
        assert sorted(symmetry_table(layout, operation)) == list(range(len(layout)))


def test_missing_symmetry_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=f"not symmetric under the {OPERATIONS[1]}.*3 of 3 cells"):
        symmetry_tables(TRIANGLE)
    with pytest.raises(ValueError, match="operation 12 given, expected 0 to 11"):
        symmetry_table(TRIANGLE, 12)
