from __future__ import annotations

import numpy as np
import pytest

from hyperhex.config import Simulate
from hyperhex.kernels import counter
from hyperhex.kernels.shower.flight import struck_charge
from hyperhex.kernels.shower.totals import density_effect, pair_total
from hyperhex.simulate.closed_forms import attenuation
from hyperhex.simulate.materials import (
    COPPER,
    MATERIALS,
    SILICON,
    TUNGSTEN,
    Material,
    density_effect_constants,
)
from hyperhex.simulate.stage import matter_of
from hyperhex.simulate.tables import quadrature


# g/cm2, PDG, Atomic and Nuclear Properties of Materials (pdg.lbl.gov)
@pytest.mark.parametrize(
    ("name", "length"),
    [
        ("tungsten", 6.76),
        ("lead", 6.37),
        ("silicon", 21.82),
        ("copper", 12.86),
        ("iron", 13.84),
        ("aluminium", 24.01),
        ("air", 36.62),
        ("kapton", 40.58),
    ],
)
def test_radiation_lengths_of_tsai(name: str, length: float) -> None:
    material = MATERIALS[name]
    assert material.radiation_length * material.density == pytest.approx(length, rel=2e-3)


def test_a_mixture_of_one_element_is_the_element() -> None:
    twice = Material("twice", (("W", 0.4), ("W", 0.6)), 19.3)
    assert twice.radiation_length == pytest.approx(TUNGSTEN.radiation_length)
    assert twice.electrons == pytest.approx(TUNGSTEN.electrons)
    assert twice.excitation == pytest.approx(TUNGSTEN.excitation)
    energies = [1e-3, 1e-2]
    np.testing.assert_allclose(attenuation(twice, energies), attenuation(TUNGSTEN, energies))


def test_attenuation_of_a_mixture_is_that_of_its_parts() -> None:
    energies = [1e-3, 5e-3, 2e-2]
    parts = zip(attenuation(TUNGSTEN, energies), attenuation(COPPER, energies), strict=True)
    expected = [0.75 * first + 0.25 * second for first, second in parts]
    mixture = attenuation(MATERIALS["copper_tungsten"], energies)
    np.testing.assert_allclose(mixture, expected, rtol=1e-6)


def test_shares_that_do_not_add_up_are_refused() -> None:
    with pytest.raises(ValueError, match=r"shares of the mass add up to 0\.9"):
        Material("brass", (("Cu", 0.5), ("Fe", 0.4)), 8.5)


@pytest.mark.parametrize("material", [SILICON, COPPER, TUNGSTEN])
def test_general_density_effect_is_near_the_tabulated_one(material: Material) -> None:
    general = np.array(density_effect_constants(material.excitation, material.electrons))
    tabulated = np.array(material.density_effect)
    for T in (1e-3, 1e-2, 1.0):
        # of a logarithm of about 20 in Bethe's formula
        assert density_effect(T, general) == pytest.approx(density_effect(T, tabulated), abs=0.5)


# XCOM, barn per atom, of nucleus and electrons together
@pytest.mark.parametrize(
    ("Z", "energy", "expected"),
    [(82, 2e-3, 1.875), (82, 5e-3, 7.415), (82, 20e-3, 18.78), (14, 5e-3, 0.2205)],
)
def test_pairs_follow_xcom_from_near_the_threshold(Z: int, energy: float, expected: float) -> None:
    assert 1e24 * pair_total(energy, float(Z), *quadrature()) == pytest.approx(expected, rel=0.03)


def test_atoms_are_struck_by_their_share_in_the_radiation_length() -> None:
    slabs = [{"material": "copper_tungsten", "thickness": 1.0}, SILICON_SLAB]
    stack = {"sections": [{"name": "only", "blocks": [{"slabs": slabs}], "groups": [1]}]}
    matter = matter_of(Simulate.model_validate({"stack": stack}))
    state = np.empty(2, dtype=np.uint64)
    counter.begin(state, np.uint64(1), np.uint64(1))
    drawn = np.array([struck_charge(matter, state, 0) for _ in range(4000)])
    share = MATERIALS["copper_tungsten"].stopping_shares[0]
    assert set(drawn) == {74.0, 29.0}
    assert np.mean(drawn == 74.0) == pytest.approx(share, abs=0.03)
    assert {struck_charge(matter, state, 1) for _ in range(10)} == {14.0}


SILICON_SLAB = {"material": "silicon", "thickness": 0.03, "sensitive": True}
