from __future__ import annotations

from math import pi

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial import cKDTree

from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.cylinder import overlay, sum_by_cell

GRIDS = [Cylinder(20, 3.0), Cylinder(7, 1.3), Cylinder(72, 4.9), Cylinder(3, 0.2)]


@pytest.mark.parametrize("grid", GRIDS)
def test_every_point_maps_to_its_nearest_centre(grid: Cylinder) -> None:
    rng = np.random.default_rng(1)
    eta = rng.uniform(-grid.eta_max, grid.eta_max, 20_000)
    phi = rng.uniform(-pi, pi, 20_000)
    turns = np.arange(-1, 2) * 2 * pi
    images = np.stack([np.tile(grid.eta, 3), (grid.phi[None, :] + turns[:, None]).ravel()], axis=1)
    distance, nearest = cKDTree(images).query(np.stack([eta, phi], axis=1), k=2)
    # points on an edge, to rounding, may go either way
    clear = distance[:, 1] - distance[:, 0] > 1e-9
    assert clear.mean() > 0.99
    np.testing.assert_array_equal(grid.index(eta, phi)[clear], nearest[clear, 0] % grid.n_cells)


@pytest.mark.parametrize("grid", GRIDS)
def test_a_centre_belongs_to_its_cell_unless_it_lies_beyond_the_edge(grid: Cylinder) -> None:
    inside = np.abs(grid.eta) <= grid.eta_max
    found = grid.index(grid.eta, grid.phi)
    np.testing.assert_array_equal(found[inside], np.arange(grid.n_cells)[inside])
    assert np.all(grid.index([grid.eta_max + 1e-6, -9.0], [0.0, 0.0]) == -1)


@given(st.floats(-2.9, 2.9), st.floats(-pi, pi), st.integers(-3, 3))
@settings(max_examples=200, deadline=None)
def test_the_grid_closes_in_phi(eta: float, phi: float, turns: int) -> None:
    grid = Cylinder(20, 3.0)
    cell = grid.index([eta], [phi])
    turned = grid.index([eta], [phi + turns * 2 * pi])
    if cell != turned:  # only where rounding moved a point across an edge
        for found in (cell, turned):
            deta, dphi = grid.offset(found, eta, phi)
            assert np.hypot(deta, dphi)[0] == pytest.approx(
                np.hypot(*grid.offset(cell, eta, phi))[0], abs=1e-9
            )
    step = grid.index([eta], [phi + grid.pitch / 2 + 1e-4])
    other = grid.index([eta], [phi + grid.pitch / 2 + 1e-4 - 2 * pi])
    assert step == other


@pytest.mark.parametrize("grid", GRIDS)
def test_neighbours_are_symmetric_and_one_pitch_away(grid: Cylinder) -> None:
    cells, sides = np.nonzero(grid.neighbours >= 0)
    others = grid.neighbours[cells, sides]
    assert np.all(np.any(grid.neighbours[others] == cells[:, None], axis=1))
    deta, dphi = grid.offset(others, grid.eta[cells], grid.phi[cells])
    if grid.around > 3:
        np.testing.assert_allclose(np.hypot(deta, dphi), grid.pitch)
        assert len(set(zip(cells, others, strict=True))) == len(cells)
    inner = (np.arange(grid.n_cells) // grid.around > 0) & (
        np.arange(grid.n_cells) // grid.around < grid.n_rows - 1
    )
    assert np.all(grid.neighbours[inner] >= 0)


def test_a_patch_lies_on_the_cells_that_its_positions_hit() -> None:
    grid, patch = Cylinder(720, 3.2), Patch(6, 1.2)
    rng = np.random.default_rng(2)
    centre = grid.index(rng.uniform(-2.5, 2.5, 50), rng.uniform(-pi, pi, 50))
    deposits = np.ones((50, 1, patch.n_cells), np.float32)
    shower, cell, _ = overlay(centre, deposits, np.ones(50), patch.axial, grid.around, grid.n_rows)
    to_rad = grid.pitch / patch.pitch
    place = np.tile(patch.positions, (50, 1)) * to_rad
    expected = grid.index(
        grid.eta[centre[shower]] + place[:, 1], grid.phi[centre[shower]] + place[:, 0]
    )
    np.testing.assert_array_equal(cell, expected)


def test_scatter_add_conserves_energy_and_agrees_with_numpy() -> None:
    grid, patch = Cylinder(90, 2.0), Patch(3, 1.2)
    rng = np.random.default_rng(3)
    n, events = 300, 7
    deposits = rng.exponential(1.0, (n, 4, patch.n_cells)).astype(np.float32)
    deposits[rng.random(deposits.shape) < 0.8] = 0.0
    event = rng.integers(0, events, n).astype(np.int32)
    centre = grid.index(rng.uniform(-1.0, 1.0, n), rng.uniform(-pi, pi, n))
    scale = rng.uniform(0.5, 2.0, n)
    shower, cell, energy = overlay(centre, deposits, scale, patch.axial, grid.around, grid.n_rows)
    first, cells, sums = sum_by_cell(event[shower], cell, energy[:, None], events, grid.n_cells)

    dense = np.zeros((events, grid.n_cells))
    np.add.at(dense, (event[shower], cell), energy)
    ours = np.zeros_like(dense)
    ours[np.repeat(np.arange(events), np.diff(first)), cells] = sums[:, 0]
    np.testing.assert_allclose(ours, dense, rtol=1e-12)
    total = (deposits.sum(axis=(1, 2), dtype=np.float64) * scale).sum()
    assert sums.sum() == pytest.approx(total, rel=1e-6)
    assert len(cells) == np.count_nonzero(dense)


def test_energy_beyond_the_last_row_is_lost() -> None:
    grid, patch = Cylinder(90, 0.3), Patch(3, 1.2)
    centre = np.array([0], np.int32)
    deposits = np.ones((1, 1, patch.n_cells), np.float32)
    _, cell, _ = overlay(centre, deposits, np.ones(1), patch.axial, grid.around, grid.n_rows)
    assert len(cell) == np.count_nonzero(patch.axial[:, 1] >= 0)
