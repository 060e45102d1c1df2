from __future__ import annotations

import math

import numpy as np
import pytest

from hyperhex.config import Simulate
from hyperhex.detector.patch import Patch
from hyperhex.simulate import cascade, generator
from hyperhex.simulate.cascade import HADRONS, Absorber, build_absorber, simulate_hadrons
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.species import SPECIES, ionisation_loss
from hyperhex.simulate.stack import Stack, build_matter
from hyperhex.simulate.stage import absorber_of
from hyperhex.simulate.tables import Cuts, Steps, inverse_transport_path

BY_CODE = {species.code: species for species in SPECIES}
NUCLEON = 0.93892
CUTS, STEPS = Cuts(1e-3, 1e-3, 1e-3, 5e-6), Steps(0.2, 0.5, 2e-3)


@pytest.fixture(scope="module")
def siw() -> Absorber:
    return absorber_of(Simulate())


def _block(material: str, thickness: float, *, sensitive: bool) -> Absorber:
    stack = Stack((material,), (thickness,), (0,) if sensitive else (-1,))
    if not sensitive:
        stack = Stack((material, "silicon"), (thickness, 0.03), (-1, 0))
    return build_absorber(stack, build_matter(stack, Patch(1, 100.0), CUTS, STEPS, 100.0), CUTS)


def _numbers(*which: int) -> np.ndarray:
    return np.array(which, dtype=np.uint64)


@pytest.mark.parametrize("particle", HADRONS)
def test_all_energy_is_accounted_for(siw: Absorber, particle: str) -> None:
    made = simulate_hadrons(siw, particle, (1.0, 20.0), 3, _numbers(*range(12))).showers
    held = made.energy + BY_CODE[HADRONS[particle]].content
    np.testing.assert_allclose(made.accounted, held, rtol=1e-9)
    for part in (made.deposits, made.absorbed, made.outside, made.leakage):
        assert (part >= 0).all()
    # what closes the balance: nothing but rounding and differences of masses can be below zero
    assert (made.invisible > -0.02).all()


@pytest.mark.parametrize("code", [211, -321, 2212, -2212, 2112, 130])
def test_the_generator_conserves_energy_and_charge(code: int) -> None:
    """Products take over all that came in, and the nucleons that were hit; bar the n-p mass."""
    one = BY_CODE[code]
    generator.seed_generator(7)
    baryons = 0 if abs(code) < 1000 else int(math.copysign(1, code))
    incoming = math.hypot(20.0, one.mass)
    for _ in range(20):
        products = generator.collide(code, (0.0, 12.0, 16.0), one.mass, 26, 56)
        assert products
        number = sum(math.copysign(1, p.code) for p in products if abs(p.code) > 1000)
        struck = number - baryons
        assert struck >= 1
        total = sum(p.energy for p in products)
        assert total - struck * NUCLEON == pytest.approx(incoming, abs=0.02)
        assert sum(p.py for p in products) == pytest.approx(12.0, abs=1e-6)


def test_a_shower_is_the_same_alone_and_in_any_company(siw: Absorber) -> None:
    together = simulate_hadrons(siw, "pi+", (5.0, 10.0), 1, _numbers(0, 1, 2, 3)).showers
    shuffled = simulate_hadrons(siw, "pi+", (5.0, 10.0), 1, _numbers(3, 1)).showers
    np.testing.assert_array_equal(shuffled.deposits, together.deposits[[3, 1]])
    np.testing.assert_array_equal(shuffled.leakage, together.leakage[[3, 1]])
    other = simulate_hadrons(siw, "pi+", (5.0, 10.0), 2, _numbers(3)).showers
    assert not np.array_equal(other.deposits[0], together.deposits[3])


# MeV cm2/g of minimum-ionising particles: PDG, Atomic and Nuclear Properties of Materials
@pytest.mark.parametrize(
    ("name", "least"),
    [
        ("silicon", 1.664),
        ("iron", 1.451),
        ("copper", 1.403),
        ("tungsten", 1.145),
        ("lead", 1.122),
        ("air", 1.815),
    ],
)
def test_muons_lose_least_what_the_pdg_says(name: str, least: float) -> None:
    material, mass = MATERIALS[name], BY_CODE[13].mass
    losses = [ionisation_loss(material, T, mass, 1e9) for T in np.geomspace(0.05, 2.0, 60)]
    assert 1e3 * min(losses) / material.density == pytest.approx(least, rel=0.01)


# g/cm2, the same source: nuclear interaction length of protons, pion interaction length
@pytest.mark.parametrize(
    ("name", "of_protons", "of_pions"),
    [
        ("silicon", 108.4, 137.7),
        ("iron", 132.1, 160.8),
        ("copper", 137.3, 165.9),
        ("tungsten", 191.9, 218.6),
        ("lead", 199.6, 226.2),
    ],
)
def test_interaction_lengths_are_those_of_the_pdg(
    name: str, of_protons: float, of_pions: float
) -> None:
    material = MATERIALS[name]
    ((element, atoms),) = material.components
    for code, expected in ((2212, of_protons), (211, of_pions)):
        energies, sigma = generator.cross_sections(code, BY_CODE[code].mass, element.nucleus)
        at = np.interp(200.0, energies, sigma) * (element.A / element.nucleus) ** (2 / 3)
        length = material.density / (atoms * at * 1e-27)
        assert length == pytest.approx(expected, rel=0.08)


def test_highland_s_angle_is_that_of_the_transport_path() -> None:
    """theta0^2 of one plane is half of <theta^2> = 2 x/l1, up to Highland's 11 % and more."""
    material, mass, T = MATERIALS["copper"], BY_CODE[13].mass, 10.0
    p = math.sqrt(T * (T + 2 * mass))
    highland = 13.6e-3 / p * math.sqrt(1.0) * (1 + 0.038 * math.log(1.0))
    length = material.radiation_length
    ours = math.sqrt(length * inverse_transport_path(material, T, mass))
    assert ours == pytest.approx(highland, rel=0.12)


def test_the_most_probable_deposit_of_muons_is_landau_s() -> None:
    absorber = _block("silicon", 0.03, sensitive=True)
    numbers = np.arange(20_000, dtype=np.uint64)
    made = simulate_hadrons(absorber, "mu-", (4.0, 4.1), 1, numbers).showers
    deposits = 1e6 * made.deposits.sum((1, 2))
    counts, edges = np.histogram(deposits, np.arange(50.0, 150.0, 4.0))
    peak = 0.5 * (edges[1:] + edges[:-1])[counts.argmax()]
    # keV in 300 um of silicon: PDG, Passage of particles through matter, eq. 34.12
    assert peak == pytest.approx(84.0, rel=0.1)
    assert 1e-6 * deposits.mean() > 1.1e-6 * peak


def test_pions_decay_in_flight_as_their_life_says() -> None:
    """In 5 m of vacuum a pion of 2 GeV survives with exp(-L m/(p c tau))."""
    stack = Stack(("vacuum", "silicon"), (500.0, 0.03), (-1, 0))
    matter = build_matter(stack, Patch(1, 300.0), CUTS, STEPS, 300.0)
    absorber = build_absorber(stack, matter, CUTS)
    numbers = np.arange(1500, dtype=np.uint64)
    made = simulate_hadrons(absorber, "pi+", (2.0, 2.0001), 1, numbers).showers
    one = BY_CODE[211]
    expected = math.exp(-500.0 * one.mass / (math.sqrt(2.0 * (2.0 + 2 * one.mass)) * one.life))
    # a decay sends a neutrino away
    survived = np.mean(made.invisible < 1e-6)
    error = math.sqrt(expected * (1 - expected) / 1500)
    assert survived == pytest.approx(expected, abs=4 * error + 0.002)


def test_attenuation_of_pions_follows_their_interaction_length() -> None:
    absorber = _block("iron", 20.0, sensitive=False)
    numbers = np.arange(800, dtype=np.uint64)
    made = simulate_hadrons(absorber, "pi+", (20.0, 20.001), 1, numbers)
    through = np.mean(made.electromagnetic + made.showers.invisible < 1e-3)
    expected = math.exp(-20.0 * 7.874 / 160.8)
    assert through == pytest.approx(expected, abs=0.08)


def test_protons_stop_at_the_end_of_their_range() -> None:
    """100 MeV in silicon: 4.2 cm by NIST PSTAR; no collision below 0.3 GeV is in the model."""
    numbers = np.arange(50, dtype=np.uint64)
    for thickness, stops in ((3.6, False), (4.8, True)):
        absorber = _block("silicon", thickness, sensitive=True)
        made = simulate_hadrons(absorber, "p", (0.1, 0.1001), 1, numbers).showers
        assert np.mean(made.leakage < 1e-3) == pytest.approx(float(stops), abs=0.1)


def test_what_the_generator_cannot_do_is_as_if_it_had_not_happened(
    siw: Absorber, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cascade, "collide", lambda *_: None)
    made = simulate_hadrons(siw, "pi+", (20.0, 21.0), 1, _numbers(*range(5)))
    assert (made.electromagnetic == 0).all()
    np.testing.assert_allclose(made.showers.accounted, made.showers.energy + BY_CODE[211].mass)


def test_collisions_are_like_those_of_pythia_cascade() -> None:
    """Our sequence of nucleons leaves as many particles and photons as the generator's own."""
    generator.seed_generator(1)
    number, mass, p = 600, BY_CODE[211].mass, 20.0
    ours = [generator.collide(211, (0.0, 0.0, p), mass, 26, 56) or [] for _ in range(number)]
    peer = generator._cascade()
    four = generator._four((0.0, 0.0, p), mass)
    theirs = []
    while len(theirs) < number:
        assert peer.sigmaSetuphN(211, four, mass)
        # empty where it gave up, which ours tries again
        theirs += [products] if (products := generator._final(peer.nextColl(26, 56))) else []
    for observable in (len, _light, _leading):
        first, second = (np.array([observable(e) for e in group]) for group in (ours, theirs))
        error = np.hypot(first.std(), second.std()) / np.sqrt(number)
        assert first.mean() == pytest.approx(second.mean(), abs=4 * error)
        assert error < 0.08 * second.mean()


def _light(products: list[generator.Product]) -> float:
    return sum(one.energy for one in products if one.code == 22)


def _leading(products: list[generator.Product]) -> float:
    return max(one.energy for one in products)
