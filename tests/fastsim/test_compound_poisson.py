from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import compound_poisson
from hyperhex.fastsim.compound_poisson import SPECTRUM_EDGES, Cells, Sums, Weights
from hyperhex.kernels.hits import KNOTS_PER_ROOT, Hits, HitTables
from hyperhex.kernels.sums import ABOVE, ENERGY, HITS, LOGARITHM

PATCH = Patch(2, 1.2)
SCALES = (2.0, 4.0)
"""Of two layers, whose crossings are 0.5 + exponential, [MIP]."""


@pytest.fixture(scope="module")
def weights() -> Weights:
    places = -np.expm1(-((np.arange(336) / KNOTS_PER_ROOT) ** 2))
    sums = np.stack([0.5 + stats.expon.ppf(places, scale=scale) for scale in SCALES])
    moments = np.array([(0.5 + scale, scale**2) for scale in SCALES])
    none = np.zeros(1, np.int64)
    unused = np.zeros(2), none, none[:0], np.full((1, 6), -1)
    return Weights(HitTables(sums[None, :, None].astype(np.float32), moments[None], *unused, 0.5))


def compound(mean: float, seed: int) -> NDArray[np.float32]:
    """Cells (showers, 2, 19) of a Poisson number of crossings, with a given mean [MIP]."""
    random = np.random.default_rng(seed)
    scale = np.array(SCALES)[:, None]
    number = random.poisson(mean / (0.5 + scale), (20_000, 2, PATCH.n_cells))
    return (0.5 * number + random.gamma(number + 1e-300) * scale).astype(np.float32)


def drawn(weights: Weights, cells: NDArray, fractions: torch.Tensor) -> Sums:
    """Sums of cells as if they had been drawn about fractions of a layer's energy of 1 MIP."""
    sums = Cells(PATCH, np.arange(PATCH.n_cells), 2, weights)
    energy, impact = torch.ones(len(cells), 2), torch.zeros(len(cells), 2)
    return sums.drawn(fractions, energy, Hits.of(cells), impact)


def by_layer(sums: Sums, column: int) -> torch.Tensor:
    return sums.layers[..., column].double() / PATCH.n_cells


@pytest.mark.parametrize("mean", [0.3, 1.5, 12.0])
@pytest.mark.parametrize("column", [ENERGY, HITS, LOGARITHM])
def test_gradient_is_the_derivative_of_the_mean(weights: Weights, column: int, mean: float) -> None:
    """d E[f] / d mu against finite differences of the means of samples."""

    def mean_of(mu: float) -> torch.Tensor:
        cells = compound(mu, 6)
        return by_layer(drawn(weights, cells, torch.from_numpy(cells)), column)

    cells = compound(mean, 5)
    fractions = torch.full(cells.shape, mean).requires_grad_()
    by_layer(drawn(weights, cells, fractions), column).sum().backward()
    slope = fractions.grad.double().sum(dim=(0, 2)) / len(cells)
    step = 0.15 * mean
    up, down = mean_of(mean + step), mean_of(mean - step)
    found = (up.mean(0) - down.mean(0)) / (2 * step)
    spread = torch.hypot(up.std(0), down.std(0)) / (2 * step * len(cells) ** 0.5)
    assert ((slope - found).abs() < 5 * spread + 0.01 * found).all()


@pytest.mark.parametrize("mean", [0.3, 1.5, 12.0, 40.0])
def test_gradient_of_the_spectrum_is_the_derivative_of_its_mean(
    weights: Weights, mean: float
) -> None:
    """d P(e > edge) / d mu of each edge, against differences of what numpy counts."""

    def counted(mu: float) -> NDArray[np.float64]:
        cells = compound(mu, 6)
        return np.stack([(cells > edge).mean((0, 2)) for edge in SPECTRUM_EDGES], axis=1)

    cells = compound(mean, 5)
    step = 0.1 * mean
    up, down = counted(mean + step), counted(mean - step)
    found = (up - down) / (2 * step)
    number = cells[:, 0].size
    spread = np.sqrt(up * (1 - up) + down * (1 - down)) / (2 * step * number**0.5)
    for edge in range(len(SPECTRUM_EDGES)):
        fractions = torch.full(cells.shape, mean).requires_grad_()
        drawn(weights, cells, fractions).layers[..., ABOVE + edge].sum().backward()
        slope = fractions.grad.double().mean(dim=(0, 2)).numpy()
        apart = np.abs(slope - found[:, edge])
        assert (apart < 5 * spread[:, edge] + 0.02 * found[:, edge] + 1e-4).all(), edge


def test_gradient_is_of_the_energy_of_the_layer(weights: Weights) -> None:
    """A fraction of twice the energy moves twice as much."""
    cells = compound(1.5, 5)[:100]
    sums, found = Cells(PATCH, np.arange(PATCH.n_cells), 2, weights), []
    for times in (1.0, 2.0):
        fractions = torch.rand(cells.shape, generator=torch.Generator().manual_seed(1))
        told = torch.full((100, 2), times), Hits.of(cells), torch.zeros(100, 2)
        parts = sums.drawn(fractions.requires_grad_(), *told)
        sum(part.square().sum() for part in parts).backward()
        found.append(fractions.grad)
    torch.testing.assert_close(found[1], 2.0 * found[0])


def test_weights_of_the_spectrum_are_the_chance_to_get_above(weights: Weights) -> None:
    """P(e <= edge < e + h) / m, against samples of h and of e about the knot."""
    random = np.random.default_rng(8)
    knots = np.array([0, 16, 48, 56, 78])
    about = random.uniform(-0.5, 0.5, 100_000) * (knots > 0)[:, None]
    energy = np.expm1((knots[:, None] + about) / compound_poisson._PER_UNIT)[:, None]
    for layer, scale in enumerate(SCALES):
        crossing = 0.5 + random.exponential(scale, 100_000)
        edges = SPECTRUM_EDGES[:, None]
        passed = ((energy <= edges) & (edges < energy + crossing)).mean(2) / (0.5 + scale)
        np.testing.assert_allclose(weights.above[layer, knots], passed, atol=0.005)


def test_weights_of_the_logarithm_are_the_expected_gain(weights: Weights) -> None:
    """E[ln(1 + e + h) - ln(1 + e)] / m, against samples of h."""
    knots = np.array([0, 16, 48, 80])
    energy = np.expm1(knots / compound_poisson._PER_UNIT)
    for layer, scale in enumerate(SCALES):
        crossing = 0.5 + np.random.default_rng(8).exponential(scale, 400_000)
        gains = [np.log1p(crossing / (1 + e)).mean() / (0.5 + scale) for e in energy]
        np.testing.assert_allclose(weights.logarithm[layer, knots], gains, rtol=0.01)
    np.testing.assert_allclose(weights.hit, [1 / 2.5, 1 / 4.5])
