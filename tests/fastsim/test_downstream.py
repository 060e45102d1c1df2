from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import boosted, downstream
from hyperhex.fastsim.downstream import Pair
from hyperhex.fastsim.library import Sample
from hyperhex.plots.downstream import draw_figures

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]

NUMBER = 800
LIMITS = {"resolution": 0.05, "auc_photon_pion": 0.01}


@pytest.fixture(scope="module")
def photons(toy: Toy) -> Sample:
    return Sample(*toy(NUMBER, 1))


@pytest.fixture(scope="module")
def other_photons(toy: Toy) -> Sample:
    return Sample(*toy(NUMBER, 2))


@pytest.fixture(scope="module")
def pions(toy: Toy) -> Sample:
    return Sample(*toy(NUMBER, 3, depth=3.3))


@pytest.fixture(scope="module")
def report(
    patch: Patch, toy: Toy, photons: Sample, other_photons: Sample, pions: Sample
) -> dict[str, Any]:
    """What is found where nothing is lost."""
    other_pions = Sample(*toy(NUMBER, 4, depth=3.3))
    pairs = {
        "photon": Pair(patch, photons, other_photons),
        "pion": Pair(patch, pions, other_pions),
    }
    return downstream.compare(pairs, seed=1)


def in_a_larger_calorimeter(sample: Sample, patch: Patch, larger: Patch) -> Sample:
    shape = (len(sample), sample.deposits.shape[1] + 2, larger.n_cells)
    deposits = np.full(shape, 7.0, np.float32)
    deposits[:, :-2, : patch.n_cells] = sample.deposits
    return Sample(deposits, sample.energy, sample.impact)


def test_nothing_is_lost_on_showers_of_the_same_distribution(report: dict[str, Any]) -> None:
    for rows in report["losses"].values():
        for row in rows.values():
            assert abs(row["loss"]) < 3 * row["error"] + 0.005
            assert row["error"] < 0.2
    for found in report["energy"].values():
        for row in found["bins"]:
            for figure in ("resolution", "spread"):
                assert row[figure]["full"] == pytest.approx(row[figure]["fast"], rel=0.35)


def test_the_very_same_showers_give_the_very_same_figures(patch: Patch, photons: Sample) -> None:
    found = downstream.regress(Pair(patch, photons, photons), seed=1)
    for figures in (found["overall"], *found["bins"]):
        assert figures["resolution"]["ratio"] == figures["spread"]["ratio"] == 1.0
        assert figures["bias"]["difference"] == figures["bias"]["error"] == 0.0


def test_report_states_its_conditions_and_is_reproducible(
    patch: Patch, photons: Sample, other_photons: Sample, report: dict[str, Any]
) -> None:
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert report["conditions"]["showers"] == {"photon": NUMBER, "pion": NUMBER}
    again = downstream.compare({"photon": Pair(patch, photons, other_photons)}, seed=1)
    assert again["energy"]["photon"] == report["energy"]["photon"]
    assert again["classes"] == {}
    assert set(downstream.worst_losses(again)) == {"resolution"}
    bins = report["energy"]["photon"]["bins"]
    assert sum(row["showers"] for row in bins) == NUMBER
    assert [row["low"] for row in bins] == sorted(row["low"] for row in bins)


def test_a_wrong_scale_is_a_bias_but_no_loss_of_resolution(patch: Patch, photons: Sample) -> None:
    scaled = Sample(1.25 * photons.deposits, photons.energy, photons.impact)
    found = downstream.regress(Pair(patch, photons, scaled), seed=1)
    resolution = found["overall"]["resolution"]
    assert abs(resolution["ratio"] - 1.0) < 3 * resolution["error"] + 0.03
    for row in found["bins"][1:]:
        assert row["bias"]["difference"] == pytest.approx(1 / 1.25 - 1.0, abs=0.06)


def test_layers_that_fluctuate_too_much_cost_resolution(patch: Patch, photons: Sample) -> None:
    # the later layers are not to be trusted here, though they tell much in truth
    random = np.random.default_rng(5)
    gain = np.ones((NUMBER, photons.deposits.shape[1], 1), np.float32)
    gain[:, 2:] = np.exp(random.normal(0.0, 1.0, (NUMBER, 2, 1)))
    broken = Sample(photons.deposits * gain, photons.energy, photons.impact)
    found = downstream.regress(Pair(patch, photons, broken), seed=1)["overall"]["resolution"]
    assert found["ratio"] > 1.05 + 2 * found["error"]


def test_fast_particles_without_difference_teach_no_classifier(
    patch: Patch, toy: Toy, photons: Sample, other_photons: Sample, pions: Sample
) -> None:
    like_photons = Sample(*toy(NUMBER, 6))
    found = downstream.classify(
        Pair(patch, photons, other_photons), Pair(patch, pions, like_photons), seed=1
    )
    area = found["all"]["auc"]
    assert area["full"] > 0.65
    assert area["fast"] == pytest.approx(0.5, abs=0.08)
    assert area["difference"] < -5 * area["error"]
    # a score that is no help passes as many of the others as of the photons
    for row in found["all"]["mistaken"]:
        assert row["fast"] == pytest.approx(row["efficiency"], abs=0.12)
        assert row["full"] < row["fast"]


def test_particles_alike_in_visible_energy_leave_only_their_shape(patch: Patch, toy: Toy) -> None:
    """Photons below 20 GeV in the guise of another particle differ by nothing but energy."""
    number = 3000
    photons, soft = (Sample(*toy(number, seed)) for seed in (1, 2))
    soft = soft.rows(soft.energy < 20)
    found = downstream.classify(Pair(patch, photons, photons), Pair(patch, soft, soft), seed=1)
    assert found["all"]["auc"]["full"] > 0.6
    assert found["alike"]["auc"]["full"] == pytest.approx(0.5, abs=0.05)
    # the part of the photons below 20 of 1 to 100 GeV
    shared = np.log(20) / np.log(100)
    assert found["alike"]["photons"] / number == pytest.approx(shared, abs=0.05)
    assert found["alike"]["others"] / len(soft) == pytest.approx(shared, abs=0.05)


def test_classes_see_what_both_calorimeters_have(
    patch: Patch, photons: Sample, other_photons: Sample, pions: Sample
) -> None:
    larger = Patch(patch.rings + 1, patch.pitch)
    deeper = in_a_larger_calorimeter(pions, patch, larger)
    photon = Pair(patch, photons, other_photons)
    found = downstream.classify(photon, Pair(larger, deeper, deeper), seed=1)
    assert (found["layers"], found["cells"]) == (photons.deposits.shape[1], patch.n_cells)
    assert found == downstream.classify(photon, Pair(patch, pions, pions), seed=1)


def test_inputs_know_the_shower_and_not_where_it_fell(patch: Patch) -> None:
    deposits = np.zeros((2, 2, patch.n_cells), np.float32)
    deposits[0, :, 0], deposits[0, 1, 1] = 3.0, 2.0
    found = boosted.inputs(patch, 2, np.concatenate([deposits, deposits[..., patch.symmetries[2]]]))
    assert boosted.visible_energy(found) == pytest.approx([8.0, 1.0, 8.0, 1.0])
    assert np.isfinite(found).all()
    # lengths along x and y turn with the shower, all else is the same
    assert (np.abs(found[0] - found[2]) > 1e-5).sum() <= 4


def test_single_energies_are_one_bin_each(patch: Patch, photons: Sample) -> None:
    energy = np.where(photons.energy < 10.0, 5.0, 50.0)
    known = Sample(photons.deposits, energy, photons.impact)
    bins = downstream.regress(Pair(patch, known, known), seed=1)["bins"]
    assert [(row["low"], row["high"]) for row in bins] == [(5.0, 5.0), (50.0, 50.0)]


def test_samples_must_match_and_suffice(patch: Patch, photons: Sample) -> None:
    with pytest.raises(ValueError, match="800 full and 700 fast showers"):
        Pair(patch, photons, photons.rows(slice(700)))
    few = photons.rows(slice(20))
    with pytest.raises(ValueError, match="20 showers"):
        Pair(patch, few, few)
    wider = Pair(Patch(patch.rings, 2 * patch.pitch), photons, photons)
    with pytest.raises(ValueError, match=r"cells of 1\.2 and 2\.4 cm"):
        downstream.classify(Pair(patch, photons, photons), wider, seed=1)


def test_figures_are_drawn(tmp_path: Path, report: dict[str, Any]) -> None:
    draw_figures(report, LIMITS, tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "downstream_energy.svg",
        "downstream_classes.svg",
    }
    alone = tmp_path / "alone"
    draw_figures({**report, "classes": {}}, LIMITS, alone)
    assert [path.name for path in alone.iterdir()] == ["downstream_energy.svg"]
