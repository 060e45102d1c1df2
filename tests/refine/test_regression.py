from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from hyperhex.errors import SelectionError, TrainingError
from hyperhex.refine.calibration import Calibration, fit_calibration
from hyperhex.refine.regression import EnergyRegressor, performance
from hyperhex.refine.showers import Showers, split

Toys = Callable[[int, int], Showers]


def test_calibration_undoes_a_power_law() -> None:
    energy = np.geomspace(1.0, 100.0, 5000)
    visible = 0.013 * energy**0.97
    calibration = fit_calibration(visible, energy)
    inside = (energy > 1.5) & (energy < 70.0)
    np.testing.assert_allclose(calibration(visible)[inside], energy[inside], rtol=1e-3)


def test_calibration_is_proportional_beyond_its_table() -> None:
    calibration = Calibration((0.0, 1.0), (2.0, 3.0))
    assert calibration(np.array([100.0])) == pytest.approx(100.0 * np.exp(3.0))
    assert calibration(np.array([0.0])) == 0.0


def test_calibration_of_too_few_showers_is_refused() -> None:
    with pytest.raises(TrainingError, match="5 given"):
        fit_calibration(np.ones(5), np.ones(5))


def test_regressor_finds_the_weights_of_cells() -> None:
    stream = np.random.default_rng(1)
    cells = stream.exponential(10.0, (3000, 2, 7))
    weights = stream.uniform(0.7, 1.3, (2, 7))
    energy = (cells * weights).sum(axis=(1, 2)) / 10.0
    showers = Showers(cells, energy, np.zeros((3000, 2)), np.zeros(3000, dtype=int))
    regressor = EnergyRegressor().fit(showers.pick(np.arange(2000)))
    measured = regressor(cells[2000:])
    unweighted = cells[2000:].sum(axis=(1, 2)) / 10.0
    assert np.std(measured / energy[2000:]) < 0.15 * np.std(unweighted / energy[2000:])


def test_regressor_does_not_follow_the_fluctuations_of_hits() -> None:
    """Showers of n hits, n Poisson about 20 E, each hit with Landau-like tails of its own."""
    stream = np.random.default_rng(4)
    energy = np.exp(stream.uniform(0.0, np.log(10.0), 4000))
    hit = stream.random((4000, 2, 37)) < (energy / 10.0)[:, None, None]
    cells = hit * (2.0 + 3.0 * stream.pareto(1.6, hit.shape).clip(max=50.0))
    showers = Showers(cells, energy, np.zeros((4000, 2)), np.zeros(4000, dtype=int))
    measured = EnergyRegressor().fit(showers.pick(np.arange(3000)))(cells[3000:])
    counted = hit[3000:].sum(axis=(1, 2)) / 7.4
    spread = np.std(np.log(measured.clip(0.1) / energy[3000:]))
    assert spread < 1.15 * np.std(np.log(counted.clip(0.1) / energy[3000:]))
    added = cells[3000:].sum(axis=(1, 2))
    assert spread < 0.7 * np.std(np.log(added.clip(0.1) / energy[3000:]))


def test_performance_of_a_normal_distribution_is_its_moments() -> None:
    stream = np.random.default_rng(2)
    true = np.exp(stream.uniform(0.0, np.log(100.0), 20000))
    measured = true * (1.02 + 0.1 * stream.standard_normal(20000))
    found = performance(measured, true, [1.0, 10.0, 100.0], 50, np.random.default_rng(3))
    assert found.bias == pytest.approx(0.02, abs=0.004)
    assert found.resolution == pytest.approx(0.1 / 1.02, rel=0.03)
    for row in found.bins:
        # the error of a normal median is sqrt(pi / 2) sigma / sqrt(n)
        expected = np.sqrt(np.pi / 2) * 0.1 / np.sqrt(row["showers"])
        assert row["bias_error"] == pytest.approx(expected, rel=0.4)


def test_opposite_biases_do_not_cancel() -> None:
    true = np.repeat([2.0, 20.0], 100)
    measured = true * np.repeat([1.1, 0.9], 100)
    found = performance(
        measured * np.tile([0.99, 1.01], 100), true, [1, 10, 100], 10, np.random.default_rng(0)
    )
    assert found.bias == pytest.approx(0.1, abs=0.02)


def test_performance_without_showers_is_refused() -> None:
    with pytest.raises(SelectionError, match="no energy bin"):
        performance(np.ones(5), np.ones(5), [10.0, 20.0], 10, np.random.default_rng(0))


def test_split_is_a_partition(toys: Toys) -> None:
    showers = toys(101, 4)
    learn, judge = split(showers, 0.3, np.random.default_rng(5))
    assert (len(learn), len(judge)) == (71, 30)
    together = np.sort(np.concatenate([learn.energy, judge.energy]))
    np.testing.assert_array_equal(together, np.sort(showers.energy))
