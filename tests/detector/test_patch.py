from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.hexagon import point_index

PATCH = Patch(rings=6, pitch=1.2)
coordinates = st.floats(-9.0, 9.0)


@pytest.mark.parametrize("rings", [0, 1, 2, 6])
def test_ring_k_holds_six_k_cells(rings: int) -> None:
    patch = Patch(rings, 0.7)
    counts = np.bincount(patch.ring)
    assert list(counts) == [1] + [6 * k for k in range(1, rings + 1)]
    assert patch.n_cells == counts.sum() == len(patch.axial)


def test_smaller_patch_is_a_prefix_and_cells_run_counter_clockwise() -> None:
    small = Patch(3, 1.2)
    np.testing.assert_array_equal(small.axial, PATCH.axial[: small.n_cells])
    for ring in range(1, 7):
        x, y = PATCH.positions[PATCH.ring == ring].T
        angle = np.mod(np.arctan2(y, x) + 1e-9, 2 * np.pi)
        assert (np.diff(angle) > 0).all()
        assert angle[0] == pytest.approx(0, abs=1e-8)


def test_neighbours_are_one_pitch_away_and_mutual() -> None:
    for cell, around in enumerate(PATCH.neighbours):
        inside = around[around >= 0]
        distance = np.linalg.norm(PATCH.positions[inside] - PATCH.positions[cell], axis=1)
        np.testing.assert_allclose(distance, PATCH.pitch)
        assert all(cell in PATCH.neighbours[other] for other in inside)
    assert (PATCH.neighbours >= 0).sum() == 6 * 127 - 2 * (6 * 6) - 6
    assert ((PATCH.neighbours >= 0).sum(1)[PATCH.ring < 6] == 6).all()


def test_index_finds_every_centre_and_nothing_outside() -> None:
    np.testing.assert_array_equal(PATCH.index(*PATCH.positions.T), np.arange(127))
    assert PATCH.index(0.0, 0.0) == 0
    np.testing.assert_array_equal(PATCH.index([8.5, 0.0], [0.0, -8.5]), [-1, -1])


@settings(deadline=None)
@given(coordinates, coordinates)
def test_index_is_the_nearest_centre(x: float, y: float) -> None:
    larger = Patch(9, PATCH.pitch)
    distance = np.hypot(*(larger.positions - [x, y]).T)
    nearest, second = np.sort(distance)[:2]
    if second - nearest > 1e-9:
        expected = int(np.argmin(distance))
        expected = expected if expected < PATCH.n_cells else -1
        assert PATCH.index(x, y) == expected
        assert point_index(x, y, PATCH.pitch, PATCH.table) == expected


def test_symmetries_form_the_dihedral_group() -> None:
    elements = {tuple(permutation) for permutation in PATCH.symmetries}
    assert len(elements) == 12
    assert tuple(PATCH.symmetries[0]) == tuple(range(127))
    for first in PATCH.symmetries:
        assert {tuple(first[second]) for second in PATCH.symmetries} == elements


def test_symmetries_move_deposits_as_the_matrices_move_points() -> None:
    matrices = PATCH.symmetry_matrices
    np.testing.assert_allclose(
        matrices @ matrices.transpose(0, 2, 1), np.tile(np.eye(2), (12, 1, 1)), atol=1e-15
    )
    for permutation, matrix in zip(PATCH.symmetries, matrices, strict=True):
        for cell in (0, 1, 17, 126):
            deposit = np.zeros(127)
            deposit[cell] = 1.0
            target = PATCH.index(*(matrix @ PATCH.positions[cell]))
            assert np.argmax(deposit[permutation]) == target


@pytest.mark.parametrize(("rings", "pitch"), [(-1, 1.0), (2, 0.0), (2, float("nan"))])
def test_impossible_patch_is_refused(rings: int, pitch: float) -> None:
    with pytest.raises(ValueError, match="rings >= 0 and pitch > 0"):
        Patch(rings, pitch)
