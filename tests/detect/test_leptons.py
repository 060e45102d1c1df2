from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from hyperhex.config import Candidates, Detect
from hyperhex.detect.calorimeter import Towers
from hyperhex.detect.jets import Jets
from hyperhex.detect.leptons import (
    electrons_and_photons,
    isolated_muons,
    remove_jets,
    remove_leptons,
)
from hyperhex.detect.particles import Particles, first_rows
from hyperhex.detect.record import ANTIMUON, ELECTRON, MUON, PHOTON, POSITRON, Objects
from hyperhex.detect.response import Measured

Builder = Callable[..., Particles]

ALWAYS = Candidates(pt=15, eta=2.5, efficiency=1 - 1e-12, efficiency_outer=1 - 1e-12)


def _towers_of(particles: Particles, events: int) -> Towers:
    return Towers(
        first_rows(particles.event, events), particles.energy, particles.eta, particles.phi
    )


def _find(particles: Particles, events: int) -> Objects:
    energy = np.where(particles.is_photon | particles.is_electron, particles.energy, 0.0)
    towers = _towers_of(particles.where(~particles.is_muon), events)
    return electrons_and_photons(
        particles, energy, towers, ALWAYS, ALWAYS, np.random.default_rng(1)
    )


def test_isolated_ones_are_found_with_their_kind(particles: Builder) -> None:
    made = particles(
        [
            (0, 11, 0, 30.0, 0.5, 1.0),
            (0, -11, 0, 40.0, -0.5, -1.0),
            (0, 22, 0, 50.0, 1.0, 3.0),
            (0, 22, 0, 10.0, 2.0, 2.0),
            (0, 11, 0, 60.0, 2.6, 0.0),
        ]
    )
    found = _find(made, 1)
    assert list(found.kind) == [ELECTRON, POSITRON, PHOTON]
    np.testing.assert_allclose(found.pt, [30.0, 40.0, 50.0])
    np.testing.assert_allclose(found.energy, found.pt * np.cosh(found.eta))


@pytest.mark.parametrize(("distance", "kept"), [(0.2, False), (0.35, True)])
def test_isolation_is_about_the_cone(distance: float, kept: bool, particles: Builder) -> None:
    made = particles([(0, 22, 0, 50.0, 0.0, -3.1), (0, 130, 0, 9.0, 0.0, -3.1 + distance)])
    assert (len(_find(made, 1).pt) == 1) is kept


def test_electrons_and_photons_have_their_own_cones(particles: Builder) -> None:
    near = [(0, 130, 0, 9.0, 0.0, 0.25), (0, 130, 0, 9.0, 1.0, 0.25)]
    made = particles([(0, 22, 0, 50.0, 0.0, 0.0), (0, 11, 0, 50.0, 1.0, 0.0), *near])
    narrow = ALWAYS.model_copy(update={"cone": 0.2})
    energy = np.where(made.is_photon | made.is_electron, made.energy, 0.0)
    for electron, photon, expected in ((narrow, ALWAYS, ELECTRON), (ALWAYS, narrow, PHOTON)):
        found = electrons_and_photons(
            made, energy, _towers_of(made, 1), electron, photon, np.random.default_rng(1)
        )
        assert list(found.kind) == [expected]


def test_radiation_joins_its_electron_and_makes_no_photon(particles: Builder) -> None:
    made = particles([(0, 11, 0, 40.0, 0.0, 0.0), (0, 22, 0, 25.0, 0.05, 0.02)])
    found = _find(made, 1)
    assert list(found.kind) == [ELECTRON]
    np.testing.assert_allclose(found.pt, [65.0])


def test_the_photons_of_a_pion_are_one_cluster(particles: Builder) -> None:
    made = particles([(0, 22, 0, 30.0, 0.0, 0.0), (0, 22, 0, 12.0, 0.0, 0.01)])
    found = _find(made, 1)
    np.testing.assert_allclose(found.pt, [42.0])


def test_identification_has_its_efficiency(particles: Builder) -> None:
    n = 20_000
    made = particles([(e, 22, 0, 50.0, 1.0 + e % 2, 0.0) for e in range(n)])
    cuts = Candidates(pt=20, eta=2.5, efficiency=0.9, efficiency_outer=0.6)
    found = electrons_and_photons(
        made, made.energy, _towers_of(made, n), cuts, cuts, np.random.default_rng(2)
    )
    inner = np.count_nonzero(found.eta < 1.5)
    assert inner / (n / 2) == pytest.approx(0.9, abs=0.015)
    assert (len(found.eta) - inner) / (n / 2) == pytest.approx(0.6, abs=0.025)


def test_muons_are_isolated_from_what_they_do_not_leave_in_towers(particles: Builder) -> None:
    made = particles(
        [
            (0, 13, 0, 30.0, 0.5, 1.0),
            (0, -13, 0, 30.0, -0.5, 1.0),
            (0, 211, 0, 10.0, -0.5, 1.1),
            (1, -13, 0, 30.0, -0.5, 1.0),
            (1, 211, 0, 4.0, -0.5, 1.1),
            (1, 13, 0, 10.0, 1.5, 1.0),
        ]
    )
    muons = made.where(made.is_muon)
    measured = Measured(muons.event, muons.eta, muons.phi, muons.energy)
    towers = _towers_of(made.where(~made.is_muon), 2)
    found = isolated_muons(muons, measured, towers, ALWAYS, np.random.default_rng(1))
    assert list(found.kind) == [MUON, ANTIMUON]
    assert list(found.event) == [0, 1]


def _jets(phi: NDArray[np.float64]) -> Jets:
    n = len(phi)
    return Jets(
        np.zeros(n, np.int32),
        np.full(n, 50.0),
        np.full(n, 50.0),
        np.zeros(n),
        phi,
        np.zeros(n, bool),
    )


def test_overlaps_are_removed_in_turn() -> None:
    jets = _jets(np.array([0.1, 1.0, 2.0]))
    objects = Objects(
        np.zeros(3, np.int32),
        np.full(3, ELECTRON, np.uint8),
        *(np.full(3, 30.0), np.full(3, 30.0), np.zeros(3)),
        np.array([0.0, 1.3, 2.5]),
    )
    left = remove_jets(jets, objects, 1, 0.2)
    np.testing.assert_allclose(left.phi, [1.0, 2.0])
    np.testing.assert_allclose(remove_leptons(objects, left, 1, 0.4).phi, [0.0, 2.5])


def test_objects_of_other_events_do_not_overlap() -> None:
    jets = _jets(np.array([0.1]))
    object_elsewhere = Objects(
        np.ones(1, np.int32),
        np.full(1, ELECTRON, np.uint8),
        *(np.full(1, 30.0), np.full(1, 30.0), np.zeros(1), np.zeros(1)),
    )
    assert len(remove_jets(jets, object_elsewhere, 2, 0.2).phi) == 1


def test_default_cuts_are_those_of_the_record() -> None:
    told = Detect()
    assert (told.jets.pt, told.jets.eta) == (20.0, 2.8)
    assert (told.electrons.pt, told.muons.pt, told.photons.pt) == (15.0, 15.0, 20.0)
    assert told.photons.eta == 2.37
