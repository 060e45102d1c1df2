"""Parametrised response of tracker and calorimeter to what the network does not draw.

A relative resolution is drawn from a gamma distribution of unit mean, which is positive and keeps
the mean however wide it is (a Gaussian cut off at zero does not).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Calorimeter, Resolution, Tracker
from hyperhex.detect.particles import Particles

__all__ = [
    "Measured",
    "measure_hadrons",
    "measure_muons",
    "resolution",
    "smear",
    "track_resolution",
]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """Energies that were measured at places: event, eta, phi (n,) and energy (n,) [GeV]."""

    event: NDArray[np.int32]
    eta: Floats
    phi: Floats
    energy: Floats

    @property
    def pt(self) -> Floats:
        """Transverse energy, (n,) [GeV]."""
        return self.energy / np.cosh(self.eta)


def smear(value: Floats, relative: Floats, rng: np.random.Generator) -> Floats:
    """Values drawn about `value` (n,) with relative standard deviation `relative` (n,)."""
    shape = 1.0 / np.maximum(relative, 1e-4) ** 2
    return value * rng.standard_gamma(shape) / shape


def resolution(energy: Floats, of: Resolution) -> Floats:
    """Relative resolution sqrt(stochastic^2 / E + constant^2), (n,)."""
    return np.sqrt(of.stochastic**2 / np.maximum(energy, 1e-3) + of.constant**2)


def track_resolution(pt: Floats, tracker: Tracker) -> Floats:
    """Relative resolution sqrt(constant^2 + (slope pT)^2) of a track, (n,)."""
    return np.hypot(tracker.constant, tracker.slope * pt)


def measure_hadrons(
    particles: Particles, calorimeter: Calorimeter, tracker: Tracker, rng: np.random.Generator
) -> tuple[Measured, Measured]:
    """Hadrons as the calorimeter and as the tracker measures them, in this order.

    A charged hadron with a track is measured by it if its deposit in the calorimeter can be told
    apart and taken off, and if the track is expected to be better; otherwise it is as good as
    neutral.
    """
    hadrons = particles.where(particles.is_neutral_hadron | particles.is_charged_hadron)
    hadrons = hadrons.where(~hadrons.is_charged_hadron | (hadrons.pt > tracker.loopers))
    relative = np.where(
        np.abs(hadrons.eta) < calorimeter.forward_eta,
        resolution(hadrons.energy, calorimeter.hadronic),
        resolution(hadrons.energy, calorimeter.forward),
    )
    track = track_resolution(hadrons.pt, tracker)
    found = rng.random(len(hadrons)) < tracker.efficiency * tracker.separated
    tracked = hadrons.is_charged_hadron & found & (track < relative)
    tracked &= np.abs(hadrons.eta) < tracker.eta_max
    energy = smear(hadrons.energy, np.where(tracked, track, relative), rng)
    spread = rng.normal(0.0, calorimeter.position, (2, len(hadrons))) * ~tracked
    eta = hadrons.eta + spread[0]
    phi = (hadrons.phi + spread[1] + pi) % (2 * pi) - pi
    clusters, tracks = (
        Measured(hadrons.event[part], eta[part], phi[part], energy[part])
        for part in (~tracked, tracked)
    )
    return clusters, tracks


def measure_muons(
    particles: Particles, tracker: Tracker, eta_max: float, rng: np.random.Generator
) -> tuple[Particles, Measured]:
    """Muons with |eta| < `eta_max` that leave a track, as they are and as they are measured."""
    muons = particles.where(particles.is_muon & (np.abs(particles.eta) < eta_max))
    muons = muons.where(muons.pt > tracker.loopers)
    energy = smear(muons.energy, track_resolution(muons.pt, tracker), rng)
    return muons, Measured(muons.event, muons.eta, muons.phi, energy)
