"""Hillas parameters agree with their definitions by NumPy's linear algebra, and with symmetry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.hillas import Hillas, hillas

PATCH = Patch(8, 0.05)
X, Y = PATCH.positions.T
AREA = 0.0021


def showers(number: int, seed: int) -> tuple[NDArray, NDArray]:
    """Images and masks with at least three cells each."""
    random = np.random.default_rng(seed)
    centre = random.uniform(-0.2, 0.2, (2, number, 1))
    turn = random.uniform(0, np.pi, (number, 1))
    along = (centre[0] - X) * np.cos(turn) + (centre[1] - Y) * np.sin(turn)
    across = (centre[1] - Y) * np.cos(turn) - (centre[0] - X) * np.sin(turn)
    images = random.poisson(60 * np.exp(-((along / 0.1) ** 2) - (across / 0.04) ** 2))
    mask = images >= 3
    mask[:, :3] = True
    return images.astype(np.float32) + np.float32(0.25), mask


def by_linear_algebra(image: NDArray, x: NDArray, y: NDArray, area: float) -> list[float]:
    """ctapipe's recipe: eigenvectors of the covariance, a weighted fit for the uncertainties."""
    weight = image.astype(float)
    size = weight.sum()
    cog = np.average([x, y], axis=1, weights=weight)
    delta = np.stack([x, y]) - cog[:, None]
    covariance = np.cov(delta, aweights=weight, ddof=0)
    values, vectors = np.linalg.eigh(covariance)
    width, length = np.sqrt(np.where(np.abs(values) < 1e-15, 0, values))
    psi = np.arctan(vectors[1, 1] / vectors[0, 1]) if vectors[0, 1] else np.pi / 2
    along = delta[0] * np.cos(psi) + delta[1] * np.sin(psi)
    across = delta[1] * np.cos(psi) - delta[0] * np.sin(psi)
    line = np.stack([along, np.ones_like(along)], axis=1)
    inverse = np.linalg.inv(line.T @ (line * (weight / area)[:, None]))
    slope = (inverse @ line.T @ (across * weight / area))[0]
    stretch = 1 + np.tan(width / length * np.pi / 2) ** 2
    errors = [
        np.sqrt(np.sum(weight * (one**2 - value) ** 2)) / (2 * size)
        for one, value in ((along, values[1]), (across, values[0]))
    ]
    return [
        size,
        *cog,
        np.hypot(*cog),
        np.arctan2(cog[1], cog[0]),
        length,
        errors[0] / length,
        width,
        errors[1] / width,
        psi,
        np.sqrt(inverse[0, 0] + slope**2) * stretch,
        np.sqrt(inverse[1, 1] * (1 + np.sin(slope) ** 2)),
        np.average(along**3, weights=weight) / length**3,
        np.average(along**4, weights=weight) / length**4,
    ]


def test_agrees_with_linear_algebra() -> None:
    images, mask = showers(100, 1)
    found = np.array(hillas(images, X, Y, area=AREA, mask=mask))
    for i in range(len(images)):
        lit = mask[i]
        expected = by_linear_algebra(images[i, lit], X[lit], Y[lit], AREA)
        np.testing.assert_allclose(found[:, i], expected, rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_without_a_mask_all_light_counts(kind: type) -> None:
    images, mask = showers(40, 2)
    images = images.astype(kind)
    one = hillas(images, X, Y, area=AREA, mask=mask)
    for threads in (1, 3):
        other = hillas(np.where(mask, images, 0).astype(kind), X, Y, area=AREA, threads=threads)
        np.testing.assert_array_equal(one, other)


@settings(max_examples=25, deadline=None)
@given(
    turn=st.floats(-3, 3),
    shift=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    scale=st.floats(0.1, 10),
)
def test_moved_cameras(turn: float, shift: tuple[float, float], scale: float) -> None:
    """Turned, shifted and scaled positions turn, shift and scale the parameters."""
    images, mask = showers(5, 3)
    place = scale * ((X + 1j * Y) * np.exp(1j * turn) + complex(*shift))
    one = hillas(images, X, Y, area=AREA, mask=mask)
    other = hillas(images, place.real, place.imag, area=AREA * scale**2, mask=mask)
    for name in ("length", "width", "length_uncertainty", "width_uncertainty"):
        np.testing.assert_allclose(getattr(other, name), scale * getattr(one, name), rtol=1e-7)
    centre = scale * ((one.x + 1j * one.y) * np.exp(1j * turn) + complex(*shift))
    np.testing.assert_allclose(other.x + 1j * other.y, centre, atol=1e-9)
    np.testing.assert_allclose(np.sin(other.psi - one.psi - turn), 0, atol=1e-9)
    # the axis has no direction: a turn may change its sign
    sign = np.sign(np.cos(other.psi - one.psi - turn))
    np.testing.assert_allclose(other.skewness, sign * one.skewness, atol=1e-6)
    np.testing.assert_allclose(other.kurtosis, one.kurtosis, rtol=1e-7)
    np.testing.assert_allclose(other.psi_uncertainty, one.psi_uncertainty, rtol=1e-6)


def test_no_light_one_cell_and_a_line() -> None:
    mask = np.zeros((3, PATCH.n_cells), bool)
    mask[1, 20] = True
    line = np.flatnonzero(np.abs(Y) < 1e-9)
    mask[2, line] = True
    found = hillas(np.ones(mask.shape), X, Y, mask=mask)
    assert found.intensity.tolist() == [0, 1, len(line)]
    for name in Hillas._fields[1:]:
        assert np.isnan(getattr(found, name)[0]), name
    assert (found.length[1], found.width[1]) == (0, 0)
    assert (found.x[1], found.y[1]) == (X[20], Y[20])
    assert np.isnan([found.psi[1], found.length_uncertainty[1], found.skewness[1]]).all()
    assert found.width[2] == 0
    assert np.isnan(found.width_uncertainty[2])
    assert found.length[2] == pytest.approx(X[line].std())
    assert found.kurtosis[2] == pytest.approx(np.mean(X[line] ** 4) / X[line].std() ** 4)
    assert abs(found.psi[2]) < 1e-12


def test_axis_along_y_is_a_right_angle() -> None:
    found = hillas(np.ones((1, 3)), [0.0, 0.0, 0.0], [-1.0, 0.0, 1.0])
    assert found.psi == [np.pi / 2]


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match=r"images int64 \(3, 4\) given, expected floating"):
        hillas(np.ones((3, 4), int), np.ones(4), np.ones(4))
    with pytest.raises(ValueError, match=r"mask bool \(4,\) given, expected bool \(3, 4\)"):
        hillas(np.ones((3, 4)), np.ones(4), np.ones(4), mask=np.ones(4, bool))
