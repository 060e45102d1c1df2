from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.errors import TrainingError
from hyperhex.fastsim import compound_poisson
from hyperhex.fastsim.compound_poisson import HitSpectrum, draw, fit_hit_spectrum, sampled


@pytest.fixture(scope="module")
def spectrum() -> HitSpectrum:
    """Two layers of hits 0.5 + exponential, of mean 2.5 and 4.5 MIP."""
    random = np.random.default_rng(1)
    hits = [0.5 + random.exponential(scale, 200_000) for scale in (2.0, 4.0)]
    return compound_poisson._spectrum(hits)


def hits(
    spectrum: HitSpectrum, mean: float, shape: tuple[int, ...], seed: int, steady: float = 0.0
) -> NDArray[np.float32]:
    means, shares = np.full(shape, mean, np.float32), np.full(shape, steady, np.float32)
    return draw(spectrum, means, shares, np.random.default_rng(seed))


@pytest.mark.parametrize("mean", [0.05, 1.0, 8.0, 40.0, 300.0])
def test_moments_are_those_of_a_compound_poisson_variable(
    spectrum: HitSpectrum, mean: float
) -> None:
    energy = hits(spectrum, mean, (400, 2, 250), 2)
    for layer, scale in enumerate((2.0, 4.0)):
        cells = energy[:, layer].astype(np.float64).ravel()
        first, second = 0.5 + scale, (0.5 + scale) ** 2 + scale**2
        variance = mean * second / first
        assert cells.mean() == pytest.approx(mean, abs=5 * np.sqrt(variance / cells.size) + 0.003)
        assert cells.var() == pytest.approx(variance, rel=0.06)
        empty = np.exp(-mean / first)
        error = 5 * np.sqrt(empty * (1 - empty) / cells.size)
        assert (cells == 0).mean() == pytest.approx(empty, abs=error + 1e-6)


def test_no_cell_below_the_least_hit(spectrum: HitSpectrum) -> None:
    energy = hits(spectrum, 2.0, (100, 2, 100), 3)
    assert energy[energy > 0].min() >= 0.5 - 1e-6


def test_sums_of_hits_have_the_quantiles_of_sums(spectrum: HitSpectrum) -> None:
    random = np.random.default_rng(4)
    sums = (0.5 + random.exponential(2.0, (100_000, 5))).sum(axis=1)
    knots = np.arange(8, 96, 8)
    expected = np.quantile(sums, -np.expm1(-knots / compound_poisson.KNOTS_PER_UNIT))
    np.testing.assert_allclose(spectrum.sums[0, 4, knots], expected, rtol=0.02)


def test_steady_share_fluctuates_less_about_the_same_mean(spectrum: HitSpectrum) -> None:
    cells = hits(spectrum, 6.0, (400, 2, 250), 8, steady=0.5)[:, 0].astype(np.float64)
    first, second = 2.5, 2.5**2 + 4.0
    assert cells.mean() == pytest.approx(6.0, abs=0.05)
    assert cells.var() == pytest.approx(3.0 * second / first, rel=0.05)
    assert cells.min() == pytest.approx(3.0)


@pytest.mark.parametrize("steady", [0.0, 0.4])
@pytest.mark.parametrize("function", ["energy", "logarithm", "hit"])
def test_gradient_is_the_derivative_of_the_mean(
    spectrum: HitSpectrum, function: str, steady: float
) -> None:
    """d E[f] / d mu against finite differences of sampled means."""
    index = ["energy", "logarithm", "hit"].index(function)

    def channels(mu: float, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        shape = (4000, 2, 50)
        mean = torch.full(shape, mu, requires_grad=True)
        energy = torch.from_numpy(hits(spectrum, mu, shape, seed, steady))
        tables = torch.from_numpy(spectrum.mean).float(), torch.from_numpy(spectrum.log_weights)
        return mean, sampled(mean, torch.full(shape, steady), energy, *tables)[index]

    mean, channel = channels(1.5, 5)
    channel.sum().backward()
    slope = mean.grad.mean(dim=(0, 2))
    up, down = (channels(mu, 6)[1].mean(dim=(0, 2)) for mu in (1.7, 1.3))
    torch.testing.assert_close(slope, (up - down) / 0.4, rtol=0.04, atol=0.004)


def test_spectrum_of_sparse_cells_is_recovered() -> None:
    random = np.random.default_rng(7)
    ring = np.repeat([0, 1, 2], [1, 6, 12])
    number = random.poisson(np.where(ring == 2, 0.02, 3.0), (3000, 2, 19))
    hits = np.where(number > 0, 0.5 * number + random.gamma(number + 1e-9, 3.0), 0.0)
    spectrum = fit_hit_spectrum(hits.astype(np.float32), np.linspace(1, 100, 3000), ring)
    assert isinstance(spectrum, HitSpectrum)
    np.testing.assert_allclose(spectrum.mean, 3.5, rtol=0.1)


def test_too_few_hits_are_refused() -> None:
    with pytest.raises(TrainingError, match="single hits in 5 showers"):
        fit_hit_spectrum(np.zeros((5, 2, 7), np.float32), np.ones(5), np.zeros(7, int))
