"""Generated particles of some events in, event records out: the whole chain of one part."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Detect
from hyperhex.detect import jets as clustering
from hyperhex.detect.calorimeter import Towers, gather, read_out
from hyperhex.detect.leptons import (
    electrons_and_photons,
    isolated_muons,
    jet_objects,
    remove_jets,
    remove_leptons,
)
from hyperhex.detect.particles import Particles
from hyperhex.detect.record import Objects, fill_slots, join
from hyperhex.detect.region import Totals, in_region, min_dphi, missing, scalar_sum
from hyperhex.detect.response import Measured, measure_hadrons, measure_muons
from hyperhex.detect.showers import Hits, ShowerSource, draw_showers
from hyperhex.detect.showers import join as join_hits
from hyperhex.detector.cylinder import Cylinder

__all__ = ["Detector", "Seen", "detect", "reconstruct"]

Streams = Callable[[str], np.random.Generator]

# an electron's own jet is removed, then electrons and muons that belong to a jet
_OWN_JET = 0.2
_IN_JET = 0.4


@dataclass(frozen=True)
class Detector:
    """The grids of the detector: cells, towers, and the image of an event."""

    cells: Cylinder
    towers: Cylinder
    image: Cylinder

    @classmethod
    def of(cls, settings: Detect) -> Detector:
        """Grids of the config."""
        calorimeter, coarse = settings.calorimeter, settings.image
        return cls(
            Cylinder(calorimeter.cells_around, calorimeter.eta_max),
            Cylinder(calorimeter.towers_around, calorimeter.eta_max),
            Cylinder(coarse.around, coarse.eta_max),
        )


@dataclass(frozen=True)
class Seen:
    """What the detector saw of some events, before objects are made of it.

    `energy` is what was measured of each photon and electron, `muons` the muons with a track.
    """

    cells: Hits
    tracks: Measured
    towers: Towers
    energy: NDArray[np.float64]
    muons: Particles
    muon_tracks: Measured


def detect(
    particles: Particles,
    events: int,
    settings: Detect,
    detector: Detector,
    source: ShowerSource,
    seeds: Callable[[str, int], int],
    streams: Streams,
) -> Seen:
    """Cells, tracks and towers of generated particles.

    `seeds(particle, block)` seed the network, `streams(name)` are this part's random streams.
    """
    grid, calorimeter = detector.cells, settings.calorimeter
    drawn, energy = draw_showers(particles, settings, grid, source, seeds, streams("showers"))
    hadrons = particles.where(particles.is_visible)
    clusters, tracks = measure_hadrons(hadrons, calorimeter, settings.tracker, streams("hadrons"))
    cell = grid.index(clusters.eta, clusters.phi)
    inside = cell >= 0
    hadronic = Hits(clusters.event[inside], cell[inside], clusters.energy[inside])
    cells = read_out(join_hits([drawn, hadronic]), events, grid, calorimeter, streams("readout"))
    towers = gather(cells, tracks, events, grid, detector.towers)
    eta_max = max(settings.muons.eta, settings.tracker.eta_max)
    muons, muon_tracks = measure_muons(particles, settings.tracker, eta_max, streams("muons"))
    return Seen(cells, tracks, towers, energy, muons, muon_tracks)


def reconstruct(
    seen: Seen,
    particles: Particles,
    events: int,
    settings: Detect,
    detector: Detector,
    streams: Streams,
) -> dict[str, NDArray[np.generic]]:
    """Event records by name: objects, missing energy, image and the region, each (events, ...)."""
    towers = seen.towers
    isolated = electrons_and_photons(
        particles, seen.energy, towers, settings.electrons, settings.photons, streams("photons")
    )
    muons = isolated_muons(
        seen.muons, seen.muon_tracks, towers, settings.muons, streams("identification")
    )
    raw = clustering.cluster(towers, settings.jets.radius, settings.jets.pt)
    jets, correction = _jets(raw, isolated, events, settings)
    jets = clustering.tag(jets, particles, events, settings.jets, streams("tags"))
    leptons = remove_leptons(join([isolated, muons]), jets, events, _IN_JET)
    values, kinds = fill_slots(join([jet_objects(jets), leptons]), events)
    totals = _totals(seen, jets, correction, events, settings)
    return {
        "objects": values,
        "object_type": kinds,
        "image": towers.image(detector.image),
        "in_region": in_region(totals, settings.region),
        **vars(totals),
    }


def _jets(
    raw: clustering.Jets, isolated: Objects, events: int, settings: Detect
) -> tuple[clustering.Jets, tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]]]:
    """Calibrated jets that pass the cuts, and what their calibration adds to the visible pT."""
    raw = remove_jets(raw, isolated, events, _OWN_JET)
    calibrated = clustering.calibrate(raw, settings.jets.response)
    hard = calibrated.pt > settings.jets.pt
    added = (raw.event[hard], (calibrated.pt - raw.pt)[hard], raw.phi[hard])
    return calibrated.where(hard & (np.abs(raw.eta) < settings.jets.eta)), added


def _totals(
    seen: Seen,
    jets: clustering.Jets,
    correction: tuple[NDArray[np.int32], NDArray[np.float64], NDArray[np.float64]],
    events: int,
    settings: Detect,
) -> Totals:
    muons, towers = seen.muon_tracks, seen.towers
    visible = [
        (towers.event, towers.pt, towers.phi),
        (muons.event, muons.pt, muons.phi),
        correction,
    ]
    met, met_phi = missing(visible, events)
    ht = scalar_sum(jets.event, jets.pt, events)
    dphi = min_dphi(jets.event, jets.pt, jets.phi, met_phi, settings.region.dphi_jets)
    return Totals(met, met_phi, ht, dphi)
