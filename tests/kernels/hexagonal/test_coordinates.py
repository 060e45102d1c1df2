"""Conversions of coordinates are inverse to each other and agree with the lattice."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.kernels.hexagonal.coordinates import (
    Layout,
    axial_of_cube,
    axial_of_offset,
    axial_of_spiral,
    cell_distance,
    cube_of_axial,
    offset_of_axial,
    ring_of_axial,
    spiral_of_axial,
)
from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial, rotate_axial

coordinate = st.integers(-(2**29), 2**29)
cells = st.tuples(coordinate, coordinate)


@given(cells)
def test_cube_and_back(cell: tuple[int, int]) -> None:
    cube = cube_of_axial(cell)
    assert cube.sum() == 0
    np.testing.assert_array_equal(axial_of_cube(cube), cell)


@pytest.mark.parametrize("layout", get_args(Layout))
@given(cell=cells)
def test_offset_and_back(layout: Layout, cell: tuple[int, int]) -> None:
    np.testing.assert_array_equal(axial_of_offset(offset_of_axial(cell, layout), layout), cell)


@pytest.mark.parametrize(("layout", "shoved"), [("odd-r", 0.5), ("even-r", -0.5)])
def test_offset_rows_are_straight_and_every_second_is_shoved(layout: Layout, shoved: float) -> None:
    column, row = np.meshgrid(np.arange(-4, 5), np.arange(-4, 5))
    offset = np.stack([column.ravel(), row.ravel()], axis=1)
    x, y = centre_of_axial(axial_of_offset(offset, layout), 1.0).T
    np.testing.assert_allclose(y, np.sqrt(0.75) * row.ravel())
    # against the even rows, one of which has cell (0, 0)
    np.testing.assert_allclose(x - column.ravel(), shoved * (row.ravel() % 2))


@pytest.mark.parametrize(("layout", "shoved"), [("odd-q", 1), ("even-q", 0)])
def test_offset_columns_are_the_rows_of_swapped_coordinates(layout: Layout, shoved: int) -> None:
    axial = axial_rings(4)
    rows = "odd-r" if shoved else "even-r"
    expected = offset_of_axial(axial[:, ::-1], rows)[:, ::-1]
    np.testing.assert_array_equal(offset_of_axial(axial, layout), expected)


@settings(deadline=None)
@given(st.integers(0, 2**62))
def test_spiral_and_back(index: int) -> None:
    assert spiral_of_axial(axial_of_spiral(index)) == index


@settings(deadline=None)
@given(cells)
def test_axial_to_spiral_and_back(cell: tuple[int, int]) -> None:
    np.testing.assert_array_equal(axial_of_spiral(spiral_of_axial(cell)), cell)


def test_spiral_is_the_order_of_patches() -> None:
    axial = axial_rings(20)
    np.testing.assert_array_equal(axial_of_spiral(np.arange(len(axial))), axial)
    np.testing.assert_array_equal(spiral_of_axial(axial), np.arange(len(axial)))


@given(cells, cells, cells)
def test_distance_is_a_metric_that_turns_keep(
    one: tuple[int, int], two: tuple[int, int], three: tuple[int, int]
) -> None:
    assert cell_distance(one, two) == cell_distance(two, one)
    assert cell_distance(one, three) <= cell_distance(one, two) + cell_distance(two, three)
    turned = rotate_axial(np.array([one, two]))
    assert cell_distance(turned[0], turned[1]) == cell_distance(one, two)


def test_ring_of_cells() -> None:
    np.testing.assert_array_equal(
        np.bincount(ring_of_axial(axial_rings(5))), [1, 6, 12, 18, 24, 30]
    )


def test_wrong_coordinates_are_refused() -> None:
    with pytest.raises(ValueError, match=r"\[1, 1, 1\].*q \+ r \+ s = 0"):
        axial_of_cube([[0, 0, 0], [1, 1, 1]])
    with pytest.raises(ValueError, match="float64 given, expected integers"):
        spiral_of_axial([[0.5, 1.0]])
    with pytest.raises(ValueError, match=r"shape \(3,\) given, expected \(\.\.\., 2\)"):
        cube_of_axial([1, 2, 3])
    with pytest.raises(ValueError, match="layout 'odd' given, expected one of odd-r"):
        offset_of_axial([0, 0], "odd")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="place -1 of the spiral"):
        axial_of_spiral([-1])
