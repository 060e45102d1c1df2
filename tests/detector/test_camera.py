"""Lattices are recognised wherever they lie, and nothing else is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperhex.detector.camera import Camera, IrregularCamera
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial


def rings_of_pixels(rings: int, pitch: float) -> NDArray:
    return centre_of_axial(axial_rings(rings), pitch)


def whipple(jitter: float = 0.0) -> NDArray:
    """379 small pixels on a lattice and, as in Whipple's camera of 490, rings of greater ones."""
    inner = rings_of_pixels(10, 1.0)
    rings = []
    for k, number in enumerate((36, 37, 38)):
        angle = 2 * np.pi * np.arange(number) / number
        radius = 12.0 + 2.0 * k
        rings.append(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))
    return np.concatenate([inner, *rings]) + jitter


def strings() -> NDArray:
    """As in IceCube: 78 strings on a grid of 125 m, tens of metres off, and 8 in between."""
    random = np.random.default_rng(1)
    grid = rings_of_pixels(5, 125.0)[:78] + random.normal(0, 12.0, (78, 2))
    return np.concatenate([grid, random.uniform(-90, 90, (8, 2))])


@settings(max_examples=40, deadline=None)
@given(
    pitch=st.floats(1e-3, 1e3),
    rotation=st.floats(-7, 7),
    shift=st.tuples(st.floats(-50, 50), st.floats(-50, 50)),
    seed=st.integers(0, 999),
)
def test_recognises_lattices(
    pitch: float, rotation: float, shift: tuple[float, float], seed: int
) -> None:
    """Any pitch, rotation, place, order and outline, holes too, and pixels 0.005 pitch off."""
    random = np.random.default_rng(seed)
    axial = random.permutation(axial_rings(20))[:1000]
    place = centre_of_axial(axial, 1.0) + random.uniform(-0.005, 0.005, (1000, 2))
    turned = pitch * ((place @ [1, 1j]) * np.exp(1j * rotation) + complex(*shift))
    camera = Camera(np.stack([turned.real, turned.imag], axis=1))
    assert camera.pitch == pytest.approx(pitch, rel=1e-4)
    assert np.sin(3 * (camera.lattice.rotation - rotation)) == pytest.approx(0, abs=1e-3)
    assert camera.lattice.residual < 0.01
    table = camera.neighbours
    cell, k = np.nonzero(table >= 0)
    length = np.abs(turned[table[cell, k]] - turned[cell])
    np.testing.assert_allclose(length, pitch, rtol=0.03)
    near = np.abs(turned[:, None] - turned) < 1.2 * pitch
    assert len(cell) == near.sum() - len(near)
    np.testing.assert_array_equal(camera.index(*camera.positions.T), np.arange(1000))


def test_a_wide_camera_does_not_slip_by_a_cell() -> None:
    """The pixels about the middle alone give a pitch that is a cell off at the rim."""
    axial = axial_rings(150)
    random = np.random.default_rng(1)
    camera = Camera(centre_of_axial(axial, 1.0) + random.uniform(-0.034, 0.034, axial.shape))
    assert camera.lattice.residual < np.hypot(0.035, 0.035)
    np.testing.assert_array_equal(camera.axial, axial)


def test_a_stretched_lattice_is_refused_once_it_matters() -> None:
    positions = rings_of_pixels(10, 2.0)
    assert Camera(positions * [1.0, 1.004]).lattice.residual > 0.005
    with pytest.raises(ValueError, match="off the best hexagonal lattice"):
        Camera(positions * [1.0, 1.05])


@pytest.mark.parametrize(
    ("positions", "most"),
    [
        (whipple(), 0.6),
        (strings(), 0.8),
        (np.stack(np.meshgrid(np.arange(12.0), np.arange(12.0)), -1).reshape(-1, 2), 0.8),
        (np.random.default_rng(2).normal(size=(200, 2)), 0.8),
    ],
    ids=["Whipple", "IceCube", "square", "anywhere"],
)
def test_what_is_no_lattice_is_refused_with_its_residual(positions: NDArray, most: float) -> None:
    with pytest.raises(ValueError, match=r"by up to 0\.\d+ pitches.*take IrregularCamera") as error:
        Camera(positions)
    residual = float(str(error.value).split("by up to ")[1].split()[0])
    assert 0.15 < residual < most


def test_two_pixels_on_one_place_are_refused() -> None:
    positions = rings_of_pixels(3, 1.0)
    positions[7] = positions[12]
    with pytest.raises(ValueError, match="is given twice"):
        Camera(positions)
    with pytest.raises(ValueError, match=r"shape \(3,\) given, expected \(n, 2\)"):
        Camera(np.zeros(3))


def test_a_patch_is_a_camera() -> None:
    patch = Patch(5, 1.3)
    camera = Camera(patch.positions)
    np.testing.assert_array_equal(camera.axial, patch.axial)
    np.testing.assert_array_equal(camera.neighbours, patch.neighbours)
    np.testing.assert_array_equal(camera.symmetries, patch.symmetries)
    np.testing.assert_array_equal(camera.neighbourhood(2), patch.neighbourhood(2))
    points = np.random.default_rng(3).uniform(-9, 9, (2, 500))
    np.testing.assert_array_equal(camera.index(*points), patch.index(*points))
    assert camera.operations == tuple(range(12))
    assert camera.area == pytest.approx(np.sqrt(0.75) * 1.3**2)


def test_irregular_neighbours_of_a_lattice_are_its_own() -> None:
    positions = rings_of_pixels(6, 1.0)
    camera, irregular = Camera(positions), IrregularCamera(positions)
    # counter-clockwise from +x both
    for one, other in zip(camera.neighbours, irregular.neighbours, strict=True):
        assert one[one >= 0].tolist() == other[other >= 0].tolist()
    points = np.random.default_rng(4).uniform(-6, 6, (2, 500))
    inside = camera.index(*points) >= 0
    np.testing.assert_array_equal(irregular.index(*points)[inside], camera.index(*points)[inside])


@pytest.mark.parametrize("positions", [whipple(), strings()], ids=["Whipple", "IceCube"])
def test_irregular_neighbours_are_mutual_and_near(positions: NDArray) -> None:
    camera = IrregularCamera(positions)
    near = camera.neighbours
    for cell, row in enumerate(near):
        others = row[row >= 0].tolist()
        assert all(cell in near[other] for other in others)
        assert len(others) == len(set(others)) >= 2
        assert cell not in others
    image = np.zeros((1, camera.n_cells), np.float32)
    image[0, near[0][near[0] >= 0]] = 5.0
    image[0, 0] = 10.0
    mask = camera.clean(image, 8.0, 4.0)
    np.testing.assert_array_equal(mask, image > 0)
    assert camera.islands(mask)[1] == [1]
    assert camera.hillas(image, mask).intensity == [image.sum()]


def test_square_lattice_has_four_neighbours() -> None:
    grid = np.stack(np.meshgrid(np.arange(6.0), np.arange(6.0)), -1).reshape(-1, 2)
    assert (IrregularCamera(grid).neighbours >= 0).sum(1).max() == 4
    with pytest.raises(ValueError, match="expected 3 or more that are not on a line"):
        IrregularCamera(grid[:6]).neighbours  # noqa: B018
