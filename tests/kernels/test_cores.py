from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.kernels.cores import add_cores, cores_back

PATCH = Patch(3, 1.2)
POSITIONS = PATCH.positions.astype(np.float32)
TRACKS = 2


def some(number: int = 5, layers: int = 3) -> NDArray[np.float32]:
    """Two tracks and two cores, wide and narrow, also beyond the cells."""
    random = np.random.default_rng(1)
    shape = number, layers, 2 * TRACKS
    narrow = np.exp(random.uniform(-3.0, 5.0, shape))
    place = random.uniform(-6.0, 6.0, (*shape, 2))
    parts = [random.uniform(0.1, 3.0, shape)[..., None], narrow[..., None], place]
    return np.concatenate(parts, axis=3).astype(np.float32)


def rows(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Those of the layers of all showers one after the other."""
    return values.reshape(-1, *values.shape[2:])


def backward(
    slopes: NDArray[np.float32], cores: NDArray[np.float32], hits: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    hits = some_hits(cores) if hits is None else hits
    return cores_back(rows(slopes), rows(cores), POSITIONS, rows(hits)).reshape(cores.shape)


def expected(cores: NDArray) -> NDArray[np.float64]:
    """The formula of the module, in float64."""
    cores = cores.astype(np.float64)
    apart = np.linalg.norm(PATCH.positions - cores[..., None, 2:], axis=4)
    power = np.repeat([8.0, 2.0], TRACKS)[:, None]
    share = (1.0 + cores[..., 1, None] * apart**2) ** -power
    share /= share.sum(axis=3, keepdims=True)
    return (cores[..., 0, None] * share).sum(axis=2)


def some_hits(cores: NDArray) -> NDArray[np.float32]:
    """One in every layer."""
    return np.ones(cores.shape[:2], np.float32)


def added(
    cores: NDArray[np.float32], whole: float = 1.0, hits: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """What cells have more of than before, when all alike they had a sum of `whole`."""
    before = np.float32(whole / PATCH.n_cells)
    cells = np.full((*cores.shape[:2], PATCH.n_cells), before)
    hits = some_hits(cores) if hits is None else hits
    add_cores(rows(cells), rows(cores), POSITIONS, rows(hits))
    return cells - before


@pytest.mark.parametrize("whole", [1.0, 30.0])
def test_profiles_are_those_of_the_formula(whole: float) -> None:
    cores = some()
    found = added(cores, whole)
    np.testing.assert_allclose(found, whole * expected(cores), rtol=1e-4, atol=1e-6 * whole)


def test_particles_without_strength_are_none() -> None:
    cores = some()
    cores[1:, :, ::2, 0] = 0.0
    np.testing.assert_allclose(added(cores), expected(cores), rtol=1e-4, atol=1e-6)
    cores[..., 0] = 0.0
    assert not added(cores).any()


def test_cells_share_the_whole_strength() -> None:
    cores = some()
    np.testing.assert_allclose(added(cores).sum(2), cores[..., 0].sum(2), rtol=1e-5)


def test_a_narrow_track_is_in_the_cell_that_it_crosses() -> None:
    cores = np.zeros((1, 1, 4, 4), np.float32)
    cores[..., 1] = np.exp(5.0)
    cores[0, 0, 0] = 1.0, np.exp(5.0), 0.45, 0.0
    cells = added(cores)[0, 0]
    assert PATCH.index(0.45, 0.0) == cells.argmax() == 0
    assert cells[0] > 0.98


def test_a_track_far_from_all_cells_leaves_nothing() -> None:
    cores = np.full((1, 1, 2 * TRACKS, 4), 1e3, np.float32)
    assert added(cores).sum() == pytest.approx(TRACKS * 1e3, rel=1e-4), "those of the cores"
    slopes = np.ones((1, 1, PATCH.n_cells), np.float32)
    found = backward(slopes, cores)
    assert not found[:, :, :TRACKS].any()
    assert np.isfinite(found).all()


@pytest.mark.parametrize("number", range(4))
def test_gradient_is_that_of_the_sum(number: int) -> None:
    cores = some()
    slopes = np.random.default_rng(2).normal(size=(*cores.shape[:2], PATCH.n_cells))
    found = backward(slopes.astype(np.float32), cores)
    for k in range(cores.shape[2]):
        step = np.zeros(cores.shape)
        step[:, :, k, number] = 1e-4 * np.abs(cores[:, :, k, number])
        sums = [(expected(cores + sign * step) * slopes).sum(2) for sign in (1.0, -1.0)]
        rise = (sums[0] - sums[1]) / (2.0 * step[:, :, k, number])
        np.testing.assert_allclose(found[:, :, k, number], rise, rtol=2e-3, atol=1e-4)


def test_layers_without_hits_are_left_as_they_are() -> None:
    cores, hits = some(), some_hits(some())
    hits[2, 1] = 0.0
    found, whole = added(cores, 1.0, hits), added(cores)
    assert (found[2, 1] == 0.0).all()
    rest = hits > 0
    np.testing.assert_array_equal(found[rest], whole[rest])
    slopes = np.random.default_rng(5).normal(size=found.shape).astype(np.float32)
    gradient = backward(slopes, cores, hits)
    assert (gradient[2, 1] == 0.0).all()
    everywhere = backward(slopes, cores)
    np.testing.assert_array_equal(gradient[rest], everywhere[rest])
