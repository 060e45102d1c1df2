from __future__ import annotations

import numpy as np
import pytest

from hyperhex.config import Simulate
from hyperhex.simulate import responses, validation
from hyperhex.simulate.homogeneous import shower_maximum
from hyperhex.simulate.materials import SILICON
from hyperhex.simulate.straggling import most_probable_loss
from hyperhex.simulate.tables import Cuts


def test_every_material_constant_is_within_its_tolerance() -> None:
    failed = [row for row in validation.material_rows() if not row.passed]
    assert failed == []


def test_most_probable_deposit_of_the_transport_is_landaus() -> None:
    row = validation.most_probable_row(0.03, Cuts(1e-4, 1e-4, 3e-4, 5e-6), seed=1)
    assert row.passed
    assert row.reference == pytest.approx(84.2, abs=0.1)


def test_most_probable_loss_is_flat_at_the_plateau() -> None:
    plateau = most_probable_loss(SILICON, 0.03)
    assert most_probable_loss(SILICON, 0.03, beta_gamma=1e4) == pytest.approx(plateau, rel=1e-3)
    assert most_probable_loss(SILICON, 0.03, beta_gamma=3.5) < 0.95 * plateau


def test_photons_shower_deeper_than_electrons() -> None:
    electrons, difference = validation.profile_rows(seed=3)
    assert electrons.passed
    assert difference.passed


def test_a_gamma_distribution_gives_back_its_maximum() -> None:
    depth = (np.arange(60) + 0.5) / 2
    profile = depth**3.2 * np.exp(-0.5 * depth)
    assert shower_maximum(profile) == pytest.approx(6.4, abs=1e-3)


def test_stochastic_term_and_resolution_of_known_showers() -> None:
    rng = np.random.default_rng(1)
    energy = np.exp(rng.uniform(0, np.log(100), 20_000))
    visible = 0.01 * energy * (1 + 0.2 / np.sqrt(energy) * rng.standard_normal(20_000))
    assert validation.stochastic_term(visible, energy) == pytest.approx(0.2, rel=0.03)
    bins = validation.resolution(visible, energy, np.array([1.0, 10.0, 100.0]))
    np.testing.assert_allclose(bins["fraction"], 0.01, rtol=0.01)
    assert bins["spread"][0] > 2 * bins["spread"][1]
    rows = validation.library_rows("photon", visible, energy)
    assert [row.passed for row in rows] == [True, True]


def test_a_row_outside_its_tolerance_says_so() -> None:
    row = validation.Row("quantity", 1.2, 1.0, 0.1, "nobody")
    assert row.record() == {
        "quantity": "quantity",
        "ours": 1.2,
        "reference": 1.0,
        "tolerance": 0.1,
        "source": "nobody",
        "passed": False,
    }


def test_ninety_percent_are_within_a_moliere_radius_and_a_quarter() -> None:
    assert responses.radius_row(seed=1).passed


def test_visible_energy_is_linear_within_a_percent() -> None:
    assert responses.linearity_row(Simulate(), seed=1).passed


def test_pions_have_the_electromagnetic_fraction_and_ratio_of_textbooks() -> None:
    rows = [*responses.fraction_rows(seed=1), responses.ratio_row(seed=1)]
    assert [row.quantity for row in rows if not row.passed] == []
    shares = [row.ours for row in rows[:3]]
    assert shares == sorted(shares)
