from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.fastsim import crossings
from hyperhex.fastsim.crossings import Crossings, find_crossings, settle, zones
from hyperhex.kernels.hits import KNOTS_PER_ROOT, MEANS_PER_ROOT, HitTables, draw_hits

KNOTS = np.arange(6, 170, 12)
LARGE = Patch(6, 1.2)
PLACES = -np.expm1(-((KNOTS / KNOTS_PER_ROOT) ** 2))


def singles(scale: float, number: int = 100_000, seed: int = 1) -> NDArray[np.float64]:
    """Energies of single crossings, 0.5 MIP and an exponential number, sorted."""
    return np.sort(0.5 + np.random.default_rng(seed).exponential(scale, number))


def known(patch: Patch, shared: float, scale: float = 2.0) -> Crossings:
    """Crossings of one kind in all zones of two layers."""
    energies = tuple((singles(scale), singles(scale)) for _ in range(3))
    weights = tuple(tuple(np.ones_like(one) for one in row) for row in energies * 3)
    edges = crossings._EDGES
    return Crossings(energies, weights, np.full(2, shared), patch, 0.5, edges)


@pytest.mark.parametrize("row", [0, 1, 8, 13, 32])
def test_sums_have_the_quantiles_of_sums(patch: Patch, row: int) -> None:
    random = np.random.default_rng(4)
    number = 1 + random.poisson((row / MEANS_PER_ROOT) ** 2, 200_000)
    sums = 0.5 * number + 2.0 * random.gamma(number)
    found = known(patch, 0.2).tables().sums[0, 0, row, KNOTS]
    # half of a bin of the convolutions shows at the least energies
    np.testing.assert_allclose(found[:3], np.quantile(sums, PLACES[:3]), rtol=0.02, atol=0.03)
    np.testing.assert_allclose(found[3:], np.quantile(sums, PLACES[3:]), rtol=0.02)


def test_weights_change_sums_and_moments(patch: Patch) -> None:
    """Weights that turn an exponential spectrum into a harder one, of 3 instead of 2 MIP."""
    plain = known(patch, 0.2)
    harder = tuple(tuple(np.exp((one - 0.5) / 6.0) for one in row) for row in plain.energies * 3)
    tables = replace(plain, weights=harder).tables()
    np.testing.assert_allclose(tables.moments[..., 0], 3.5, rtol=0.02)
    np.testing.assert_allclose(tables.moments[..., 1], 9.0, rtol=0.06)
    np.testing.assert_allclose(
        tables.sums[1, 1, 0, KNOTS], 0.5 + 3.0 * (KNOTS / KNOTS_PER_ROOT) ** 2, rtol=0.03
    )


def test_zones_are_the_middle_the_cells_about_it_and_the_rest(patch: Patch) -> None:
    assert zones(patch).tolist() == [0] + [1] * 18 + [2] * 18
    assert zones(Patch(1, 1.2)).tolist() == [0] + [1] * 6


def sparse(rate: float, layers: int = 2) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Deposits of a crowded middle and two sparse rings, of which the outer one is softer."""
    random = np.random.default_rng(7)
    ring = Patch(3, 1.2).ring
    number = random.poisson(np.choose(ring, [3.0, 3.0, rate, rate]), (3000, layers, 37))
    scale = np.where(ring == 3, 1.0, 3.0)
    energy = np.where(number > 0, 0.5 * number + random.gamma(number + 1e-9) * scale, 0.0)
    return energy.astype(np.float32), np.linspace(1, 100, 3000)


def test_single_crossings_are_those_of_sparse_cells_by_zone(patch: Patch) -> None:
    found = find_crossings(patch, *sparse(0.03), 0.5)
    for layer in (0, 1):
        near, far = (found.energies[zone][layer].mean() for zone in (1, 2))
        assert near == pytest.approx(3.5, rel=0.06)
        assert far == pytest.approx(1.5, rel=0.06)
        assert (np.diff(found.energies[1][layer]) >= 0).all()


def test_what_enters_is_known_from_layers_that_it_crosses_alone(patch: Patch) -> None:
    """A track leaves 3.5 MIP in the middle cell, where no cell is sparse."""
    deposits, energy = sparse(0.03)
    random = np.random.default_rng(9)
    alone = np.zeros((1000, 2, 37), np.float32)
    alone[:, :, 0] = random.normal(3.5, 0.2, (1000, 2))
    alone[::2, :, 5] = 0.7
    told = np.concatenate([deposits, alone]), np.concatenate([energy, np.full(1000, 50.0)])
    found = find_crossings(patch, *told, 0.5)
    for middle in found.energies[0]:
        assert np.mean(np.abs(middle - 3.5) < 1.0) > 0.95


def test_a_layer_that_is_hardly_hit_takes_those_of_all(patch: Patch) -> None:
    deposits, energy = sparse(0.03, layers=3)
    deposits[:, 2] = 0.0
    deposits[:5, 2, 30] = 1.0
    found = find_crossings(patch, deposits, energy, 0.5)
    assert len(found.energies[2][2]) > len(found.energies[2][1])
    assert np.isfinite(found.tables().sums).all()


def test_too_few_hits_are_refused() -> None:
    with pytest.raises(TrainingError, match="0 single hits in 5 showers are too few"):
        find_crossings(Patch(1, 1.2), np.zeros((5, 2, 7), np.float32), np.ones(5), 0.5)


@pytest.fixture(scope="module")
def conditions() -> tuple[NDArray, NDArray, NDArray]:
    """Fractions, energies and hits of layers so large that few hits are neighbours by chance."""
    random = np.random.default_rng(3)
    fractions = np.full((12_000, 2, LARGE.n_cells), 1 / LARGE.n_cells, np.float32)
    hits = random.integers(0, 8, (12_000, 2)).astype(np.int32)
    energy = (hits * random.uniform(2.0, 3.0, hits.shape)).astype(np.float32)
    return fractions, energy, hits


def test_settling_finds_the_share_and_the_spectrum_that_cells_were_drawn_with(
    conditions: Any,
) -> None:
    """Begins with too few shared hits and too many soft crossings."""

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        return draw_hits(*conditions, tables, 100 + number).dense(2, LARGE.n_cells)

    truth = known(LARGE, 0.45)
    real = draw(truth.tables(), -1)
    begun = known(LARGE, 0.2)
    softer = tuple(tuple(np.where(one < 1.0, 3.0, 1.0) for one in row) for row in begun.energies)
    begun = replace(begun, weights=softer * 3)
    found = settle(begun, real, draw)
    np.testing.assert_allclose(found.shared, 0.45, atol=0.06)
    spectra = [
        np.histogram(cells, begun.edges)[0] / np.count_nonzero(cells)
        for cells in (real, draw(begun.tables(), 50), draw(found.tables(), 50))
    ]
    before, after = (np.abs(spectrum / spectra[0] - 1.0).max() for spectrum in spectra[1:])
    assert after < 0.06
    assert after < 0.1 * before


def test_layers_of_few_and_of_many_hits_are_settled_apart() -> None:
    hits = np.tile(np.array([[6, 24]], np.int32), (3000, 1))
    fractions = np.full((*hits.shape, LARGE.n_cells), 1 / LARGE.n_cells, np.float32)
    told = fractions, (2.5 * hits).astype(np.float32), hits

    def draw(tables: HitTables, number: int) -> NDArray[np.float32]:
        return draw_hits(*told, tables, 200 + number).dense(2, LARGE.n_cells)

    begun = known(LARGE, 0.2)
    few, many = (
        tuple(tuple(np.where(one < 1.0, times, 1.0) for one in row) for row in begun.energies)
        for times in (0.3, 3.0)
    )
    real = draw(replace(begun, weights=few + many * 2).tables(), -1)
    found = settle(begun, real, draw)
    soft = [((cells > 0) & (cells < 1.0)).sum((0, 2)) for cells in (real, draw(found.tables(), 50))]
    np.testing.assert_allclose(soft[1], soft[0], rtol=0.1)
    plain = draw(begun.tables(), 50)
    apart = ((plain > 0) & (plain < 1.0)).sum((0, 2)) / soft[0]
    assert apart[0] > 1.5
    assert apart[1] < 0.7


def test_pairs_are_counted_far_from_the_axis(patch: Patch) -> None:
    cells = np.zeros((1, 2, 37), np.float32)
    cells[0, 0, [0, 1]] = 1.0  # near the axis, where pairs say nothing
    outer = 19
    beside = patch.neighbours[outer][patch.neighbours[outer] >= 19][0]
    cells[0, 1, [outer, beside]] = 1.0
    # each of the two sees the other
    assert crossings._pairs(patch, cells).tolist() == [0.0, 2.0]
