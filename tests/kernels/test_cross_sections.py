from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats

from hyperhex.kernels import counter
from hyperhex.kernels.shower import electrons, photons, totals
from hyperhex.kernels.shower.constants import ELECTRON_MASS, ELECTRON_RADIUS
from hyperhex.kernels.shower.matter import energy_grid, grid_place
from hyperhex.simulate.tables import quadrature

DRAWS = 4000


def _state() -> counter.State:
    state = np.empty(2, dtype=np.uint64)
    counter.begin(state, np.uint64(1), np.uint64(2))
    return state


def test_grid_place_finds_the_point_and_the_fraction() -> None:
    grid = energy_grid()
    assert (np.diff(grid) > 0).all()
    for energy in np.geomspace(grid[0], 0.999 * grid[-1], 300):
        point, fraction = grid_place(energy)
        expected = np.searchsorted(grid, energy, side="right") - 1
        assert point == expected
        assert grid[point] + fraction * (grid[point + 1] - grid[point]) == pytest.approx(energy)


def test_compton_is_thomson_at_low_energy_and_known_at_one_mev() -> None:
    thomson = 8 / 3 * np.pi * ELECTRON_RADIUS**2
    low = 1e-8
    expected = thomson * (1 - 2 * low / ELECTRON_MASS)
    assert photons.compton_cross_section(low) == pytest.approx(expected, rel=1e-3)
    # 0.2112 barn, NIST XCOM
    assert photons.compton_cross_section(1e-3) == pytest.approx(2.112e-25, rel=1e-3)


@pytest.mark.parametrize("energy", [2e-4, 3e-3, 1.0])
def test_compton_draws_follow_klein_and_nishina(energy: float) -> None:
    state = _state()
    drawn = np.array([photons.draw_compton(state, energy) for _ in range(DRAWS)])
    least = 1 / (1 + 2 * energy / ELECTRON_MASS)

    def density(e: float) -> float:
        t = ELECTRON_MASS * (1 - e) / (energy * e)
        return 1 / e + e - t * (2 - t)

    _assert_follows(drawn[:, 0], density, least, 1.0)
    np.testing.assert_allclose(
        1 - drawn[:, 1], ELECTRON_MASS * (1 / drawn[:, 0] - 1) / energy, rtol=1e-9, atol=1e-12
    )


@pytest.mark.parametrize(("energy", "Z"), [(5e-3, 14.0), (0.1, 74.0), (50.0, 74.0)])
def test_pair_draws_follow_the_differential_cross_section(energy: float, Z: float) -> None:
    state = _state()
    drawn = np.array([photons.draw_pair(state, energy, Z) for _ in range(DRAWS)])
    low = ELECTRON_MASS / energy
    _assert_follows(drawn, lambda e: photons.pair_differential(e, energy, Z), low, 0.5)
    symmetric = photons.pair_differential(0.3, energy, Z)
    assert symmetric == pytest.approx(photons.pair_differential(0.7, energy, Z))


@pytest.mark.parametrize(("T", "Z"), [(2e-3, 74.0), (0.05, 14.0), (20.0, 74.0)])
def test_radiation_draws_follow_the_differential_cross_section(T: float, Z: float) -> None:
    state, cut, E = _state(), 1e-4, T + ELECTRON_MASS
    drawn = [electrons.draw_bremsstrahlung(state, E, Z, cut) for _ in range(DRAWS)]
    _assert_follows(
        np.log(drawn),
        lambda x: electrons.bremsstrahlung_differential(np.exp(x), E, Z),
        np.log(cut),
        np.log(T),
    )


@pytest.mark.parametrize("T", [1.2e-3, 0.03, 10.0])
def test_knock_on_draws_follow_moller_and_bhabha(T: float) -> None:
    state, cut = _state(), 3e-4
    moller = [electrons.draw_moller(state, T, cut) / T for _ in range(DRAWS)]
    _assert_follows(np.array(moller), lambda e: electrons.moller_differential(e, T), cut / T, 0.5)
    bhabha = [electrons.draw_bhabha(state, T, cut) / T for _ in range(DRAWS)]
    _assert_follows(np.array(bhabha), lambda e: electrons.bhabha_differential(e, T), cut / T, 1.0)


def test_annihilation_draws_follow_heitler() -> None:
    state, T = _state(), 0.01
    g = 1 + T / ELECTRON_MASS
    half = 0.5 * np.sqrt((g - 1) / (g + 1))

    def density(e: float) -> float:
        return (1 - e + (2 * g * e - 1) / (e * (g + 1) ** 2)) / e

    shares = np.array([electrons.draw_annihilation(state, T) for _ in range(DRAWS)])
    _assert_follows(shares, density, 0.5 - half, 0.5 + half)
    total, _ = integrate.quad(density, 0.5 - half, 0.5 + half)
    expected = np.pi * ELECTRON_RADIUS**2 / (g - 1) * total
    assert electrons.annihilation_cross_section(T) == pytest.approx(expected, rel=1e-6)


def test_annihilation_of_slow_positrons_is_diracs() -> None:
    slow = 1e-8
    beta = np.sqrt(1 - 1 / (1 + slow / ELECTRON_MASS) ** 2)
    expected = np.pi * ELECTRON_RADIUS**2 / beta
    assert electrons.annihilation_cross_section(slow) == pytest.approx(expected, rel=1e-2)


def test_restricted_losses_add_up() -> None:
    T, rule, excitation, delta = 0.02, quadrature(), 173e-9, 1.0
    whole = totals.bethe_loss(T, excitation, delta, T)
    soft = totals.bethe_loss(T, excitation, delta, 1e-3)
    _, close = totals.knock_ons(T, False, 1e-3, T, *rule)
    assert soft + close == pytest.approx(whole, rel=1e-6)


@pytest.mark.parametrize("lengths", [0.01, 0.1, 0.5, 1.0])
def test_deflections_have_the_mean_of_goudsmit_and_saunderson(lengths: float) -> None:
    state = _state()
    drawn = np.array([electrons.draw_deflection(state, lengths) for _ in range(20_000)])
    assert ((drawn >= 0) & (drawn <= 2)).all()
    error = drawn.std() / np.sqrt(20_000)
    expected = 1 - np.exp(-lengths)
    assert drawn.mean() == pytest.approx(expected, abs=4 * error + 0.02 * expected)


def _assert_follows(drawn: np.ndarray, density, low: float, high: float) -> None:  # noqa: ANN001
    """Compare draws with the cumulative of an unnormalised density, by Kolmogorov's test."""
    grid = np.linspace(low, high, 4001)
    if low > 0 and high / low > 10:
        grid = np.geomspace(low, high, 4001)
    values = np.array([density(x) for x in grid])
    cumulative = integrate.cumulative_trapezoid(values, grid, initial=0.0)
    assert ((drawn >= low - 1e-12) & (drawn <= high + 1e-12)).all()
    result = stats.kstest(drawn, lambda x: np.interp(x, grid, cumulative / cumulative[-1]))
    assert result.pvalue > 1e-3
