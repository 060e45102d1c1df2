"""Isolated electrons, photons and muons, and the removal of objects that overlap."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Candidates
from hyperhex.detect.calorimeter import Towers
from hyperhex.detect.jets import Jets
from hyperhex.detect.particles import Particles, first_rows
from hyperhex.detect.record import ANTIMUON, B_JET, ELECTRON, JET, MUON, PHOTON, POSITRON, Objects
from hyperhex.detect.response import Measured
from hyperhex.kernels.cones import closest, cone_sums

__all__ = [
    "electrons_and_photons",
    "isolated_muons",
    "jet_objects",
    "remove_jets",
    "remove_leptons",
]

# what an electron or photon radiates, or a neutral pion's two photons, is one cluster
CLUSTER_RADIUS = 0.1
_INNER_ETA = 1.5


def electrons_and_photons(
    particles: Particles,
    energy: NDArray[np.float64],
    towers: Towers,
    electron: Candidates,
    photon: Candidates,
    rng: np.random.Generator,
) -> Objects:
    """Isolated clusters of photons and electrons that pass their cuts.

    `energy` (n,) [GeV] is what was measured of each particle. A cluster is all that lies within
    dR < 0.1 of its hardest member, and is an electron if any member of more than half of its pT is.
    """
    seen = energy > 0
    # one number for each particle, seen or not: the same for a particle however others are measured
    drawn = rng.random(len(particles))[seen]
    members, energy = particles.where(seen), energy[seen]
    pt = energy / np.cosh(members.eta)
    events = len(towers.first) - 1
    first = first_rows(members.event, events)
    seed = pt > 0.5 * min(electron.pt, photon.pt)
    axis, seed_pt = members.where(seed), pt[seed]
    cluster = cone_sums(
        axis.event, axis.eta, axis.phi, first, members.eta, members.phi, pt, CLUSTER_RADIUS
    )
    is_electron = axis.is_electron
    good = (seed_pt > 0.5 * cluster) & _identified(axis, is_electron, electron, photon, drawn[seed])
    for cuts, among in ((electron, is_electron), (photon, ~is_electron)):
        isolation = _isolation(axis, cluster, towers, cuts.cone)
        passed = (cluster > cuts.pt) & (np.abs(axis.eta) < cuts.eta) & (isolation < cuts.isolation)
        good &= passed | ~among
    kind = np.where(is_electron, np.where(axis.pdg > 0, ELECTRON, POSITRON), PHOTON)
    return _objects(axis, kind, cluster, good)


def isolated_muons(
    muons: Particles,
    measured: Measured,
    towers: Towers,
    cuts: Candidates,
    rng: np.random.Generator,
) -> Objects:
    """Isolated muons that pass their cuts; they leave nothing in the towers."""
    pt = measured.pt
    isolation = _isolation(muons, pt, towers, cuts.cone, own=0.0)
    none = np.zeros(len(muons), np.bool_)
    good = (
        _identified(muons, none, cuts, cuts, rng.random(len(muons)))
        & (pt > cuts.pt)
        & (np.abs(muons.eta) < cuts.eta)
        & (isolation < cuts.isolation)
    )
    return _objects(muons, np.where(muons.pdg > 0, MUON, ANTIMUON), pt, good)


def remove_jets(jets: Jets, objects: Objects, events: int, radius: float) -> Jets:
    """Jets that are no electron or photon: none of `objects` lies within `radius`."""
    first = first_rows(objects.event, events)
    _, apart = closest(jets.event, jets.eta, jets.phi, first, objects.eta, objects.phi)
    return jets.where(apart >= radius)


def remove_leptons(objects: Objects, jets: Jets, events: int, radius: float) -> Objects:
    """Objects that are not part of a jet: no jet lies within `radius`."""
    first = first_rows(jets.event, events)
    _, apart = closest(objects.event, objects.eta, objects.phi, first, jets.eta, jets.phi)
    return _select(objects, apart >= radius)


def jet_objects(jets: Jets) -> Objects:
    """Jets as objects of the record."""
    kind = np.where(jets.tagged, B_JET, JET).astype(np.uint8)
    return Objects(jets.event, kind, jets.energy, jets.pt, jets.eta, jets.phi)


def _isolation(
    axis: Particles,
    pt: NDArray[np.float64],
    towers: Towers,
    cone: float,
    own: float = 1.0,
) -> NDArray[np.float64]:
    """Other pT in the cone relative to `pt`; `own` is the share of pt that the towers hold."""
    around = cone_sums(
        axis.event, axis.eta, axis.phi, towers.first, towers.eta, towers.phi, towers.pt, cone
    )
    isolation: NDArray[np.float64] = around / pt - own
    return isolation


def _identified(
    axis: Particles,
    first_kind: NDArray[np.bool_],
    first: Candidates,
    second: Candidates,
    drawn: NDArray[np.float64],
) -> NDArray[np.bool_]:
    inner = np.where(first_kind, first.efficiency, second.efficiency)
    outer = np.where(first_kind, first.efficiency_outer, second.efficiency_outer)
    chance = np.where(np.abs(axis.eta) < _INNER_ETA, inner, outer)
    return drawn < chance


def _objects(
    axis: Particles,
    kind: NDArray[np.integer],
    pt: NDArray[np.float64],
    good: NDArray[np.bool_],
) -> Objects:
    energy = pt * np.cosh(axis.eta)
    all_of_them = Objects(axis.event, kind.astype(np.uint8), energy, pt, axis.eta, axis.phi)
    return _select(all_of_them, good)


def _select(objects: Objects, chosen: NDArray[np.bool_]) -> Objects:
    return Objects(*(getattr(objects, name)[chosen] for name in Objects.__dataclass_fields__))
