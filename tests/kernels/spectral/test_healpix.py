from __future__ import annotations

import math

import numpy as np
import pytest

from hyperhex.kernels.spectral.healpix import (
    healpix_centres,
    healpix_graph,
    healpix_neighbourhood,
    ring_of_nested,
)

SIDES = [1, 2, 4, 16]


@pytest.mark.parametrize("nside", SIDES)
@pytest.mark.parametrize("nested", [True, False])
def test_centres_are_spread_evenly(nside: int, nested: bool) -> None:
    centre = healpix_centres(nside, nested=nested)
    np.testing.assert_allclose(np.linalg.norm(centre, axis=1), 1.0, atol=1e-15)
    np.testing.assert_allclose(centre.sum(axis=0), 0.0, atol=1e-11)
    # equal areas: the pixels north of the ring at z = 2/3 hold a sixth of the sphere, less half
    # of that ring
    assert (centre[:, 2] > 2 / 3 + 1e-9).sum() == 2 * nside * (nside - 1)
    assert len(np.unique(centre.round(12), axis=0)) == 12 * nside**2


def test_ring_numbers_go_south_and_then_east() -> None:
    for nside in SIDES:
        ring = ring_of_nested(nside)
        np.testing.assert_array_equal(np.sort(ring), np.arange(12 * nside**2))
        x, y, z = healpix_centres(nside, nested=False).T
        phi = np.mod(np.arctan2(y, x) + 1e-12, 2 * math.pi)
        assert (np.diff(z) < 1e-12).all()
        same = np.abs(np.diff(z)) < 1e-12
        assert (np.diff(phi)[same] > 0).all()
        # rings at the poles have four pixels, those of the middle 4 nside
        _, number = np.unique(z.round(12), return_counts=True)
        caps = np.minimum(np.arange(1, 4 * nside), 4 * nside - np.arange(1, 4 * nside))
        np.testing.assert_array_equal(number, 4 * np.minimum(caps, nside))


@pytest.mark.parametrize("nside", [2, 4, 16])
@pytest.mark.parametrize("nested", [True, False])
def test_neighbours_are_mutual_and_the_nearest(nside: int, nested: bool) -> None:
    table = healpix_neighbourhood(nside, nested=nested)
    n = 12 * nside**2
    np.testing.assert_array_equal(table[:, 0], np.arange(n))
    assert (table < 0).sum() == 24
    # what lies to the south-west sees back to the north-east within a face, and any way mutually
    linked = np.zeros((n, n), dtype=bool)
    row, place = np.nonzero(table[:, 1:] >= 0)
    linked[row, table[row, place + 1]] = True
    assert (linked == linked.T).all()
    assert linked.sum() == 8 * n - 24
    # the four that share an edge are nearer than any pixel that is no neighbour
    centre = healpix_centres(nside, nested=nested)
    apart = np.linalg.norm(centre[:, None] - centre, axis=2)
    sides = np.take_along_axis(apart, table[:, [1, 3, 5, 7]], axis=1)
    others = np.where(linked | np.eye(n, dtype=bool), np.inf, apart).min(axis=1)
    assert (sides.max(axis=1) < others).all()


def test_neighbours_follow_their_names() -> None:
    nside = 16
    table = healpix_neighbourhood(nside)
    centre = healpix_centres(nside)
    there = (table >= 0).all(axis=1)
    z = centre[:, 2]
    for name, place in {"SW": 1, "NW": 3, "NE": 5, "SE": 7, "N": 4, "S": 8}.items():
        higher = z[table[there, place]] - z[there]
        assert ((higher > 0) == ("N" in name)).mean() > 0.95
    # by one quarter about the axis the table turns into itself
    x, y = centre[:, 0], centre[:, 1]
    turned = np.stack([-y, x, z], axis=1)
    onto = np.linalg.norm(turned[:, None] - centre, axis=2).argmin(axis=1)
    named = np.where(table >= 0, onto[table], -1)
    np.testing.assert_array_equal(table[onto], named)


def test_siblings_follow_one_another() -> None:
    fine, coarse = healpix_centres(8), healpix_centres(4)
    mean = fine.reshape(-1, 4, 3).mean(axis=1)
    mean /= np.linalg.norm(mean, axis=1)[:, None]
    nearest = (mean @ coarse.T).argmax(axis=1)
    np.testing.assert_array_equal(nearest, np.arange(192))


def test_threads_give_the_same_table_and_wrong_sides_are_refused() -> None:
    np.testing.assert_array_equal(healpix_neighbourhood(16, threads=3), healpix_neighbourhood(16))
    for nside in (0, 3, 16384):
        with pytest.raises(ValueError, match="expected a power of two"):
            healpix_centres(nside)


def test_graphs() -> None:
    plain, weighted = healpix_graph(4), healpix_graph(4, gaussian=True)
    assert plain.n_edges == weighted.n_edges == (8 * 192 - 24) // 2
    assert plain.weights.max() == 1.0
    assert 0.1 < weighted.weights.min() < weighted.weights.max() < 1.0
