from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import stats

from hyperhex.fastsim import compound_poisson
from hyperhex.fastsim.compound_poisson import SPECTRUM_EDGES, Weights, cells_above, sampled
from hyperhex.kernels.hits import KNOTS_PER_ROOT, HitTables

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


def compound(mean: float, seed: int) -> torch.Tensor:
    """Cells (showers, 2, cells) of a Poisson number of crossings, with a given mean [MIP]."""
    random = np.random.default_rng(seed)
    scale = np.array(SCALES)[:, None]
    number = random.poisson(mean / (0.5 + scale), (4000, 2, 100))
    return torch.from_numpy(0.5 * number + random.gamma(number + 1e-300) * scale).float()


@pytest.mark.parametrize("mean", [0.3, 1.5, 12.0])
@pytest.mark.parametrize("function", ["energy", "logarithm", "hit"])
def test_gradient_is_the_derivative_of_the_mean(
    weights: Weights, function: str, mean: float
) -> None:
    """d E[f] / d mu against finite differences of the means of samples."""
    index = ["energy", "logarithm", "hit"].index(function)

    def channels(mu: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        energy = compound(mu, seed)
        expected = torch.full_like(energy, mu).requires_grad_()
        return expected, sampled(expected, energy, weights)[index]

    expected, channel = channels(mean, 5)
    channel.sum().backward()
    slope = expected.grad.mean(dim=(0, 2))
    step = 0.15 * mean
    up, down = (channels(mean + side, 6)[1] for side in (step, -step))
    found = (up.mean(dim=(0, 2)) - down.mean(dim=(0, 2))) / (2 * step)
    spread = torch.hypot(up.std(dim=(0, 2)), down.std(dim=(0, 2))) / (2 * step * 400_000**0.5)
    assert ((slope - found).abs() < 5 * spread + 0.01 * found).all()


def test_channels_are_those_of_the_cells(weights: Weights) -> None:
    energy = compound(1.0, 7)
    channels = sampled(torch.full_like(energy, 1.0), energy, weights)
    expected = energy, torch.log1p(energy), (energy > 0).float()
    for channel, told in zip(channels, expected, strict=True):
        torch.testing.assert_close(channel, told, rtol=0, atol=0)


@pytest.mark.parametrize("mean", [0.3, 1.5, 12.0, 40.0])
def test_gradient_of_the_spectrum_is_the_derivative_of_its_mean(
    weights: Weights, mean: float
) -> None:
    """d P(e > edge) / d mu of each edge, against differences of what numpy counts."""
    number = 400_000

    def counted(mu: float) -> torch.Tensor:
        energy = compound(mu, 6).double()
        return torch.stack([(energy > edge).double().mean((0, 2)) for edge in SPECTRUM_EDGES], 1)

    energy = compound(mean, 5)
    step = 0.1 * mean
    up, down = counted(mean + step), counted(mean - step)
    found = (up - down) / (2 * step)
    spread = (up * (1 - up) + down * (1 - down)).sqrt() / (2 * step * number**0.5)
    for edge in range(len(SPECTRUM_EDGES)):
        expected = torch.full_like(energy, mean).requires_grad_()
        above = cells_above(expected, torch.log1p(energy), weights)
        above[..., edge].sum().backward()
        slope = expected.grad.double().mean(dim=(0, 2))
        apart = (slope - found[:, edge]).abs()
        assert (apart < 5 * spread[:, edge] + 0.02 * found[:, edge] + 1e-4).all(), edge


def test_cells_above_are_counted_by_layer(weights: Weights) -> None:
    energy = compound(3.0, 7)
    above = cells_above(energy, torch.log1p(energy), weights)
    expected = torch.stack([(energy > edge).sum(2) for edge in SPECTRUM_EDGES], dim=2)
    torch.testing.assert_close(above, expected.float(), rtol=0, atol=0)


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
    np.testing.assert_allclose(weights.mean, [2.5, 4.5])
