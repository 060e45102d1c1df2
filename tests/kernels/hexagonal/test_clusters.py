"""Islands are the connected components of scipy; clusters follow from their definition."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.clusters import islands, topological_clusters

PATCH = Patch(6, 1.0)
NEIGHBOURS = PATCH.neighbourhood(1)[:, 1:]


def components(mask: NDArray, near: NDArray) -> NDArray:
    """Components of the masked cells, numbered by their lowest cell."""
    cell, k = np.nonzero(near >= 0)
    both = mask[cell] & mask[near[cell, k]]
    edges = (np.ones(both.sum(), int), (cell[both], near[cell, k][both]))
    label = connected_components(csr_matrix(edges, shape=(len(mask),) * 2))[1]
    labels = np.full(len(mask), -1)
    order = {one: rank for rank, one in enumerate(dict.fromkeys(label[mask].tolist()))}
    labels[mask] = [order[one] for one in label[mask].tolist()]
    return labels


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999), share=st.floats(0, 1))
def test_islands_are_connected_components(seed: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((3, PATCH.n_cells)) < share
    labels, number = islands(mask, NEIGHBOURS)
    for one, found, many in zip(mask, labels, number, strict=True):
        np.testing.assert_array_equal(found, components(one, NEIGHBOURS))
        assert many == found.max() + 1


def test_an_island_may_cross_the_seam_of_a_cylinder() -> None:
    cylinder = Cylinder(12, 0.5)
    mask = np.zeros((1, cylinder.n_cells), bool)
    mask[0, [0, 11, 5]] = True
    labels, number = islands(mask, cylinder.neighbours)
    assert number == [2]
    assert labels[0, 0] == labels[0, 11] != labels[0, 5]


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 999))
def test_clusters_follow_from_their_definition(seed: int) -> None:
    significance = np.random.default_rng(seed).normal(0, 2.5, (2, PATCH.n_cells))
    # of few values, so that equal neighbours are met
    significance = np.round(significance)
    labels, number = topological_clusters(significance, NEIGHBOURS, seed=4, grow=2, boundary=0)
    for values, found, many in zip(np.abs(significance), labels, number, strict=True):
        core = components(values > 2, NEIGHBOURS)
        seeded = [k for k in range(core.max() + 1) if values[core == k].max() > 4]
        rank = {k: i for i, k in enumerate(seeded)}
        expected = np.array([rank.get(k, -1) for k in core.tolist()])
        cores = expected.copy()
        for cell in np.flatnonzero((cores < 0) & (values > 0) & (values <= 2)):
            near = [k for k in NEIGHBOURS[cell].tolist() if k >= 0 and cores[k] >= 0]
            if near:
                expected[cell] = cores[min(near, key=lambda k: (-values[k], k))]
        np.testing.assert_array_equal(found, expected)
        assert many == len(seeded)


def test_threads_change_nothing() -> None:
    significance = np.random.default_rng(5).normal(0, 2, (60, PATCH.n_cells)).astype(np.float32)
    one = topological_clusters(significance, NEIGHBOURS)
    other = topological_clusters(significance, NEIGHBOURS, threads=3)
    mask = significance > 1
    out = np.empty(mask.shape, np.int32)
    for first, second in (
        (one, other),
        (islands(mask, NEIGHBOURS), islands(mask, NEIGHBOURS, threads=3, out=out)),
    ):
        np.testing.assert_array_equal(first[0], second[0])
        np.testing.assert_array_equal(first[1], second[1])


def test_wrong_arguments_are_refused() -> None:
    values = np.zeros((2, PATCH.n_cells))
    with pytest.raises(ValueError, match="expected seed >= grow >= boundary >= 0"):
        topological_clusters(values, NEIGHBOURS, seed=2, grow=4)
    with pytest.raises(ValueError, match=r"mask float64.*expected mask bool"):
        islands(values, NEIGHBOURS)
