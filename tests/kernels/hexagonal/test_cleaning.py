"""Cleaning has ctapipe's semantics, written here with sparse matrices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.cleaning import tailcuts

PATCH = Patch(7, 1.0)
NEIGHBOURS = PATCH.neighbourhood(1)[:, 1:]


def by_matrices(
    image: NDArray, near: NDArray, picture: float, boundary: float, isolated: bool, least: int
) -> NDArray:
    cell, k = np.nonzero(near >= 0)
    matrix = csr_matrix((np.ones(len(cell), int), (cell, near[cell, k])), shape=(len(near),) * 2)
    in_picture = image >= picture
    if least > 0 and not isolated:
        in_picture &= matrix @ in_picture.astype(int) >= least
    above = image >= boundary
    beside = above & (matrix @ in_picture.astype(int) > 0)
    if isolated:
        return beside | in_picture
    return beside | (in_picture & (matrix @ above.astype(int) > 0))


@pytest.mark.parametrize("kind", [np.float32, np.float64])
@pytest.mark.parametrize("isolated", [False, True])
@pytest.mark.parametrize("least", [0, 1, 2, 3, 5, 6, 7])
@pytest.mark.parametrize("number", [1, 7, 64, 150])
def test_agrees_with_matrices(kind: type, isolated: bool, least: int, number: int) -> None:
    images = np.random.default_rng(least).exponential(4.0, (number, PATCH.n_cells)).astype(kind)
    found = tailcuts(
        images, NEIGHBOURS, 7.0, 3.0, keep_isolated=isolated, min_picture_neighbours=least
    )
    for image, kept in zip(images, found, strict=True):
        expected = by_matrices(image, NEIGHBOURS, 7.0, 3.0, isolated, least)
        np.testing.assert_array_equal(kept, expected)


@pytest.mark.parametrize("least", [1, 4, 9, 15])
def test_many_neighbours_are_counted_beyond_15(least: int) -> None:
    near = PATCH.neighbourhood(3)[:, 1:]
    images = np.random.default_rng(1).exponential(4.0, (9, PATCH.n_cells))
    found = tailcuts(images, near, 3.0, 2.0, min_picture_neighbours=least)
    expected = [by_matrices(image, near, 3.0, 2.0, False, least) for image in images]
    np.testing.assert_array_equal(found, expected)


def test_thresholds_by_cell_threads_and_out() -> None:
    random = np.random.default_rng(3)
    images = random.exponential(4.0, (200, PATCH.n_cells)).astype(np.float32)
    picture = random.uniform(4, 9, PATCH.n_cells).astype(np.float32)
    expected = [by_matrices(one, NEIGHBOURS, picture, picture / 2, False, 1) for one in images]
    for threads in (1, 3):
        out = np.empty(images.shape, bool)
        tailcuts(
            *(images, NEIGHBOURS, picture, picture / 2),
            min_picture_neighbours=1,
            threads=threads,
            out=out,
        )
        np.testing.assert_array_equal(out, expected)


def test_equal_to_a_threshold_is_kept() -> None:
    image = np.zeros((1, PATCH.n_cells))
    image[0, :2] = 8.0, 4.0
    assert tailcuts(image, NEIGHBOURS, 8.0, 4.0).sum() == 2
    assert tailcuts(image, NEIGHBOURS, 8.0, np.nextafter(4.0, 5)).sum() == 0


def test_wrong_arguments_are_refused() -> None:
    images = np.zeros((2, PATCH.n_cells))
    with pytest.raises(ValueError, match="min_picture_neighbours=16 given, expected 0 to 15"):
        tailcuts(images, NEIGHBOURS, 8, 4, min_picture_neighbours=16)
    with pytest.raises(ValueError, match=r"images float64 \(2, 169\) and neighbours \(168, 6\)"):
        tailcuts(images, NEIGHBOURS[1:], 8, 4)
