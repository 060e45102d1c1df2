from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.kernels.hexagonal.lattice import DIRECTIONS, axial_rings, centre_of_axial
from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood, neighbourhood
from hyperhex.kernels.spectral.hierarchy import Coarser, cylinder_rhombi, flowers, rhombi


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 12), st.sampled_from([flowers, rhombi]))
def test_every_cell_has_one_parent(rings: int, group: Callable[[np.ndarray], Coarser]) -> None:
    axial, children = group(axial_rings(rings))
    named = children[children >= 0]
    np.testing.assert_array_equal(np.sort(named), np.arange(1 + 3 * rings * (rings + 1)))
    assert len(np.unique(axial, axis=0)) == len(axial) == len(children)


def test_flowers_are_a_cell_and_its_neighbours_on_a_turned_lattice() -> None:
    cells = axial_rings(12)
    axial, children = flowers(cells)
    table = neighbourhood(cells, 1)
    whole = (children >= 0).all(axis=1)
    assert whole.sum() > 40
    np.testing.assert_array_equal(children[whole], table[children[whole, 0]])
    # centres stand as the coarser lattice says: sqrt(7) wider, turned by atan(sqrt(3)/5)
    centre = centre_of_axial(cells[children[whole, 0]], 1.0)
    x, y = centre_of_axial(axial[whole], math.sqrt(7.0)).T
    angle = math.atan2(math.sqrt(3.0), 5.0)
    turned = np.stack(
        [math.cos(angle) * x - math.sin(angle) * y, math.sin(angle) * x + math.cos(angle) * y],
        axis=1,
    )
    np.testing.assert_allclose(centre, turned, atol=1e-9)
    # so parents are neighbours where their flowers touch
    parent = np.zeros(len(cells), dtype=int)
    for k, child in enumerate(children):
        parent[child[child >= 0]] = k
    linked = neighbourhood(axial, 1)[:, 1:]
    row, place = np.nonzero(table >= 0)
    one, two = parent[row], parent[table[row, place]]
    for a, b in zip(one[one != two], two[one != two], strict=True):
        assert b in linked[a]


def test_four_children_are_a_rhombus_of_neighbours() -> None:
    cells = axial_rings(9)
    axial, children = rhombi(cells)
    whole = (children >= 0).all(axis=1)
    base = cells[children[whole, 0]]
    for place, step in enumerate([(0, 0), (1, 0), (0, 1), (1, 1)]):
        np.testing.assert_array_equal(cells[children[whole, place]], base + step)
    np.testing.assert_array_equal(base, 2 * axial[whole])


@pytest.mark.parametrize(("around", "rows"), [(8, 6), (8, 5), (12, 2)])
def test_parents_on_a_cylinder_are_neighbours_where_their_children_are(
    around: int, rows: int
) -> None:
    children = cylinder_rhombi(around, rows)
    named = children[children >= 0]
    np.testing.assert_array_equal(np.sort(named), np.arange(around * rows))
    parent = np.zeros(around * rows, dtype=int)
    for k, child in enumerate(children):
        parent[child[child >= 0]] = k
    table = cylinder_neighbourhood(around, rows, 1)
    coarse = cylinder_neighbourhood(around // 2, (rows + 1) // 2, 1)
    for cell, around_it in enumerate(table):
        for other in around_it[around_it >= 0]:
            assert parent[other] in coarse[parent[cell]]
    # the four children are neighbours, row by row
    whole = children[(children >= 0).all(axis=1)]
    for a, b, c, d in whole:
        assert b in table[a]
        assert c in table[a]
        assert d in table[b]
        assert c in table[b]


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="expected an even number a row"):
        cylinder_rhombi(7, 4)
    with pytest.raises(ValueError, match="expected distinct"):
        flowers([[0, 0], [0, 0]])
    with pytest.raises(ValueError, match=r"expected \(cells, 2\)"):
        rhombi([0, 1])


def test_directions_have_all_residues() -> None:
    assert sorted((DIRECTIONS @ [1, 5]) % 7) == [1, 2, 3, 4, 5, 6]
