from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.config import FastsimGate, FastsimLimits
from hyperhex.detector.patch import Patch
from hyperhex.fastsim import judge, limits
from hyperhex.fastsim.agreement import agreement, energy_bins
from hyperhex.fastsim.library import Sample, thresholded
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
    # 1 and 3 MIP, edges 0.5 0.89 1.58 2.81 5
    assert found["cell_spectrum"][0, :4] == pytest.approx([0, 0.5, 0, 0.5])
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


def test_observables_do_not_depend_on_blocks(
    patch: Patch, full: Sample, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = full.matrix(patch)
    monkeypatch.setattr("hyperhex.fastsim.observables._BLOCK", 64)
    np.testing.assert_array_equal(full.matrix(patch), expected)


def test_spectrum_spans_four_decades_evenly() -> None:
    assert SPECTRUM_EDGES[0] == 0.5
    assert SPECTRUM_EDGES[-1] == pytest.approx(5000.0)
    np.testing.assert_allclose(np.diff(np.log10(SPECTRUM_EDGES)), 0.25)


def figures(number: int, seed: int, **changed: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
    """Energies and observables of showers that are random numbers."""
    random = np.random.default_rng(seed)
    layers = random.multivariate_normal([0.5, 0.3, 0.2], 0.01 * np.eye(3) + 0.005, number)
    found = {
        "response": 150.0 + 15.0 * random.normal(size=number),
        "hits": np.full(number, 100.0),
        "layer_fraction": layers,
        "ring_fraction": np.tile([0.7, 0.29, 0.01], (number, 1)),
        "cell_spectrum": np.tile([0.5, 0.4995, 0.0005, *[0.0] * 13], (number, 1)),
    }
    return np.geomspace(1.0, 100.0, number), found | changed


def test_agreement_measures_what_was_changed() -> None:
    number = 4000
    energy, full = figures(number, 1)
    half = np.where(energy < 10.0, 1.0, 1.02)
    fast = {
        "response": half * (150.0 + 1.2 * (full["response"] - 150.0)),
        "hits": full["hits"] * 0.9,
        "layer_fraction": full["layer_fraction"] * [1.0, 1.1, 1.0],
        "ring_fraction": full["ring_fraction"] * [1.0, 0.95, 3.0],
        "cell_spectrum": full["cell_spectrum"] * [1.0, 1.3, 9.0, *[1.0] * 13],
    }
    found = agreement((energy, full), (energy, fast))
    ratios = [row["response"]["ratio"] for row in found["energies"]]
    assert ratios == pytest.approx([1.0, 1.0, 1.02, 1.02], abs=0.005)
    assert [row["width"]["ratio"] for row in found["energies"]] == pytest.approx(
        [1.2] * 4, rel=0.02
    )
    assert [row["showers"] for row in found["energies"]] == [1000] * 4
    departures = limits.departures(found)
    assert departures["hits"] == pytest.approx(0.1)
    assert departures["layers"] == pytest.approx(0.1)
    # a ring with 1 % of the energy does not decide
    assert departures["rings"] == pytest.approx(0.05)
    # nor does a bin with 200 cells; the spectrum counts cells, of which there are 10 % fewer
    assert found["spectrum"]["decides"][:4] == [True, True, False, False]
    assert departures["spectrum"] == pytest.approx(0.9 * 1.3 - 1.0)
    assert departures["correlations"] == pytest.approx(0.0, abs=1e-9)


def test_correlations_are_those_of_the_layers() -> None:
    random = np.random.default_rng(7)
    covariance = [[1.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 1.0]]
    layers = [
        0.3 + 0.01 * random.multivariate_normal(np.zeros(3), matrix, 20000)
        for matrix in (covariance, np.eye(3))
    ]
    pairs = [figures(20000, 1, layer_fraction=part) for part in layers]
    found = agreement(*pairs)["correlations"]
    np.testing.assert_allclose(found["full"], covariance, atol=0.03)
    assert found["deviation"] == pytest.approx(0.6, abs=0.03)
    constant = layers[1] * [1.0, 0.0, 1.0] + [0.0, 0.3, 0.0]
    still = agreement(pairs[1], figures(20000, 1, layer_fraction=constant))["correlations"]
    assert np.isfinite(still["fast"]).all()


def test_one_energy_is_one_bin() -> None:
    assert len(energy_bins(np.array([1.0, 5.0, 100.0]))) == 5
    assert energy_bins(np.full(9, np.float32(20.0))) == pytest.approx([20.0, 20.0])


def test_comparison_with_itself_misses_nothing(patch: Patch, full: Sample, twin: Sample) -> None:
    floor = judge.floors(patch, full, twin, len(full), seed=1)
    merit = judge.compare(patch, full, full, floor, len(full), seed=1)
    json.dumps(merit, allow_nan=False)
    assert merit["auc_high"] == pytest.approx(0.5, abs=4 * merit["auc_error"]["high"])
    assert merit["auc_low"] == pytest.approx(0.5, abs=4 * merit["auc_error"]["low"])
    assert merit["auc_floor"] in (merit["auc_high_floor"], merit["auc_low_floor"])
    assert merit["auc_floor"] == pytest.approx(0.5, abs=0.08)
    assert abs(merit["fpd_floor"]) < 0.6
    assert abs(merit["kpd_floor"]["value"]) < 5 * merit["kpd_floor"]["error"]
    assert merit["floors"]["layers"] > 0.0
    decided = limits.decisive(merit)
    assert decided["layers"] == decided["response"] == decided["hits"] == 0.0
    assert decided["correlations"] == 0.0
    assert limits.misses({"photon": decided}, FastsimGate()) == []


def test_classifiers_are_told_of_some_showers_and_means_are_of_all(
    patch: Patch, full: Sample, broken: Sample
) -> None:
    """Showers that classifiers are not told of are broken: the means show it, the areas do not."""
    most = 3 * len(full) // 4
    deposits = np.concatenate([full.deposits[:most], broken.deposits[most:]])
    partly = Sample(deposits, full.energy, full.impact)
    floor = judge.floors(patch, full, full, most, seed=1)
    merit = judge.compare(patch, full, partly, floor, most, seed=1)
    assert (merit["showers"], merit["classified"]) == (len(full), most)
    for level in ("high", "low"):
        assert merit[f"auc_{level}"] == pytest.approx(0.5, abs=4 * merit["auc_error"][level])
    assert limits.decisive(merit)["layers"] > 0.01


def test_means_by_energy_are_of_showers_that_are_drawn_more_often(
    patch: Patch, full: Sample, twin: Sample
) -> None:
    """They alone; the others are of showers under the same conditions."""
    floor = judge.floors(patch, full, twin, len(full), seed=1)
    found = full.observables(patch)
    often = {"response": np.tile(1.1 * found["response"], 3), "hits": np.tile(found["hits"], 3)}
    given = patch, full, full, floor, len(full)
    merit = judge.compare(*given, seed=1, often=(np.tile(full.energy, 3), often))
    assert merit["drawn"] == 3 * len(full)
    assert limits.decisive(merit)["response"] == pytest.approx(0.1)
    assert limits.decisive(merit)["width"] == pytest.approx(0.0, abs=1e-9)
    assert limits.decisive(merit)["layers"] == limits.decisive(merit)["hits"] == 0.0


def test_a_broken_generator_misses_its_limits(patch: Patch, full: Sample, broken: Sample) -> None:
    floor = judge.floors(patch, full, full, len(full), seed=1)
    merit = judge.compare(patch, full, broken, floor, len(full), seed=1)
    for level in ("high", "low"):
        found = merit["classifiers"][level]
        assert {"trees", "network"} == set(found)
        assert all(row["auc"] > 0.9 and row["floor"] < 0.6 for row in found.values())
        assert merit[f"auc_{level}"] == max(row["auc"] for row in found.values())
    assert merit["fpd"] > 3
    assert merit["kpd"]["value"] > 5 * merit["kpd"]["error"]
    assert merit["correlations"]["deviation"] > merit["floors"]["correlations"]
    decided = {"photon": limits.decisive(merit)}
    missed = limits.misses(decided, FastsimGate())
    assert {"auc_high", "layers"} <= {miss.figure for miss in missed}
    strict = FastsimLimits(auc_low=0.8, correlations=0.01)
    beyond = {miss.figure for miss in limits.misses(decided, FastsimGate(limits=strict))}
    assert {"auc_low", "correlations"} <= beyond
    text = limits.table(missed)
    assert "auc_high" in text
    assert "+0." in text


def test_a_particle_may_be_asked_for_more() -> None:
    gate = FastsimGate(limits=FastsimLimits(auc_high=0.8), limits_of={"photon": {"auc_high": 0.7}})
    figures = {"photon": {"auc_high": 0.75, "hits": 0.01}, "pi+": {"auc_high": 0.75}}
    (missed,) = limits.misses(figures, gate)
    assert (missed.particle, missed.figure, missed.limit) == ("photon", "auc_high", 0.7)


def test_losses_of_what_learned_from_fast_showers_have_limits() -> None:
    """By particle that of its resolution, by pair the larger of the two questions."""
    report = {
        "losses": {
            "resolution": {"photon": {"loss": 0.3, "error": 0.1}, "pi+": {"loss": -0.1}},
            "auc_photon_pi+": {"all": {"loss": 0.01}, "alike": {"loss": 0.06}},
        }
    }
    found = limits.losses(report)
    assert found == {
        "photon": {"resolution_loss": 0.3},
        "pi+": {"resolution_loss": -0.1},
        "photon_pi+": {"auc_loss": 0.06},
    }
    asked = FastsimLimits(resolution_loss=0.2, auc_loss=0.05)
    missed = limits.misses(found, FastsimGate(limits=asked))
    assert [(miss.particle, miss.figure) for miss in missed] == [
        ("photon", "resolution_loss"),
        ("photon_pi+", "auc_loss"),
    ]
    assert (
        limits.misses(found, FastsimGate(limits=FastsimLimits(resolution_loss=0.31, auc_loss=0.07)))
        == []
    )


def test_showers_of_one_energy_are_judged(patch: Patch, toy: Toy) -> None:
    def made(seed: int, **about: float) -> Sample:
        deposits, energy, impact = toy(400, seed, **about)
        scale = (20.0 / energy)[:, None, None].astype(np.float32)
        return Sample(deposits * scale, np.full(400, 20.0), impact)

    full, same, broken = made(1), made(2), made(2, depth=1.2)
    found = judge.at_energy(patch, full, same, seed=1)
    json.dumps(found, allow_nan=False)
    assert (found["energy"], found["showers"]) == (20.0, 400)
    assert found["auc_high"] == pytest.approx(0.5, abs=4 * found["auc_error"]["high"])
    assert found["response"]["ratio"] == pytest.approx(1.0, abs=0.05)
    assert found["width"]["ratio"] == pytest.approx(1.0, abs=0.2)
    worse = judge.at_energy(patch, full, broken, seed=1)
    assert worse["auc_high"] > 0.9
    assert worse["auc_low"] > 0.9
    assert worse["fpd"] > found["fpd"]
    assert worse["departures"]["layers"] > 0.2
    floor = judge.floors(patch, full, same, len(full), seed=1)
    merit = judge.compare(patch, full, broken, floor, len(full), seed=1)
    assert len(merit["energies"]) == 1


def test_cells_below_the_threshold_are_zero() -> None:
    cells = thresholded(np.array([0.4, 0.6, 2.0]) * 1e-4, 1e-4, 0.5)
    np.testing.assert_allclose(cells, [0.0, 0.6, 2.0], rtol=1e-6)
