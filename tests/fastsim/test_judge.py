from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.config import FastsimLimits
from hyperhex.detector.patch import Patch
from hyperhex.fastsim import judge, limits, separation
from hyperhex.fastsim.library import Sample, split, thresholded
from hyperhex.fastsim.observables import SPECTRUM_EDGES, matrix, observables

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]


@pytest.fixture(scope="module")
def full(toy: Toy) -> Sample:
    return Sample(*toy(400, 1))


@pytest.fixture(scope="module")
def twin(toy: Toy, full: Sample) -> Sample:
    """Other showers under other conditions of the same distribution."""
    return Sample(*toy(400, 2))


@pytest.fixture(scope="module")
def broken(toy: Toy) -> Sample:
    return Sample(*toy(400, 2, depth=1.2))


def test_like_showers_cannot_be_told_apart(patch: Patch, full: Sample, twin: Sample) -> None:
    looks = full.matrix(patch), twin.matrix(patch)
    assert separation.auc_of_observables(*looks, seed=1) == pytest.approx(0.5, abs=0.07)
    assert separation.auc_of_cells(full.deposits, twin.deposits, seed=1) < 0.57
    assert abs(separation.frechet_distance(*looks, seed=1)) < 0.6


def test_unlike_showers_are_told_apart(patch: Patch, full: Sample, broken: Sample) -> None:
    looks = full.matrix(patch), broken.matrix(patch)
    assert separation.auc_of_observables(*looks, seed=1) > 0.95
    assert separation.auc_of_cells(full.deposits, broken.deposits, seed=1) > 0.9
    assert separation.frechet_distance(*looks, seed=1) > 3


def test_frechet_distance_of_gaussians_is_known() -> None:
    random = np.random.default_rng(3)
    first, second = random.normal(size=(2, 6000, 3))
    second = second * [1.0, 1.5, 1.0] + [0.7, 0.0, 0.0]
    # |m1 - m2|^2 + (s1 - s2)^2 of independent coordinates
    expected = 0.7**2 + 0.5**2
    assert separation.frechet_distance(first, second, seed=1) == pytest.approx(expected, abs=0.05)


def test_separation_power_has_its_limits() -> None:
    values = np.random.default_rng(4).normal(size=4000)
    assert separation.separation_power(values, values) == 0.0
    assert separation.separation_power(values, values + 100.0) > 0.95


def test_observables_of_a_known_shower(patch: Patch) -> None:
    deposits = np.zeros((1, 3, patch.n_cells), np.float32)
    deposits[0, 1, 0], deposits[0, 2, 1] = 3.0, 1.0
    impact = patch.positions[:1]
    found = observables(patch, deposits, np.array([2.0]), impact)
    assert found["response"] == pytest.approx([2.0])
    np.testing.assert_allclose(found["layer_fraction"][0], [0, 0.75, 0.25])
    np.testing.assert_allclose(found["ring_fraction"][0], [0.75, 0.25, 0, 0])
    np.testing.assert_allclose(found["layer_hits"][0], [0, 1, 1])
    np.testing.assert_allclose(found["layer_width"][0], [0, 0, patch.pitch], atol=1e-6)
    assert found["layer_x"][0, 2] == pytest.approx(patch.positions[1, 0])
    assert found["depth"] == pytest.approx([1.25])
    assert found["depth_spread"] == pytest.approx([np.sqrt(0.75 * 0.25)])
    assert found["cell_spectrum"][0, :3] == pytest.approx([0, 0.5, 0.5])
    assert found["cell_spectrum"].shape[1] == len(SPECTRUM_EDGES) - 1


def test_observables_turn_with_the_shower(patch: Patch, full: Sample) -> None:
    turned = full.deposits[..., patch.symmetries[7]]
    impact = full.impact @ patch.symmetry_matrices[7].T
    first = observables(patch, full.deposits, full.energy, full.impact)
    second = observables(patch, turned, full.energy, impact)
    for name, value in first.items():
        if name not in ("layer_x", "layer_y"):
            np.testing.assert_allclose(second[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


def test_an_empty_shower_has_finite_observables(patch: Patch) -> None:
    nothing = np.zeros((1, 3, patch.n_cells), np.float32)
    assert np.isfinite(matrix(patch, nothing, np.ones(1), np.zeros((1, 2)))).all()


def test_comparison_with_itself_misses_nothing(patch: Patch, full: Sample, twin: Sample) -> None:
    merit = judge.compare(patch, full, full, twin, seed=1)
    json.dumps(merit, allow_nan=False)
    assert merit["auc_high"] == pytest.approx(0.5, abs=0.07)
    figures = limits.decisive(merit)
    assert figures["layers"] == figures["response"] == figures["hits"] == 0.0
    assert limits.misses({"photon": merit}, FastsimLimits()) == []


def test_a_broken_generator_misses_its_limits(patch: Patch, full: Sample, broken: Sample) -> None:
    merit = judge.compare(patch, full, broken, full, seed=1)
    missed = limits.misses({"photon": merit}, FastsimLimits())
    assert {"auc_high", "layers"} <= {miss.figure for miss in missed}
    text = limits.table(missed)
    assert "auc_high" in text
    assert "+0." in text


def test_split_and_threshold(full: Sample) -> None:
    training, judging = split(full, 0.2)
    assert (len(training), len(judging)) == (320, 80)
    cells = thresholded(np.array([0.4, 0.6, 2.0]) * 1e-4, 1e-4, 0.5)
    np.testing.assert_allclose(cells, [0.0, 0.6, 2.0], rtol=1e-6)
