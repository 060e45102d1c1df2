"""Tables of interaction against energy, one per material, that the transport kernel reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.shower.constants import ELECTRON_MASS, ELECTRON_RADIUS
from hyperhex.kernels.shower.electrons import annihilation_cross_section, transport_cross_section
from hyperhex.kernels.shower.matter import (
    HARD,
    KNOCKS,
    LOSS,
    N_LEPTON,
    QUIET_LOSS,
    RADIATION,
    RADIATION_OR_KNOCK,
    RANGE,
    SCATTERING,
    STEP,
    VARIANCE,
    energy_grid,
)
from hyperhex.kernels.shower.photons import compton_cross_section
from hyperhex.kernels.shower.totals import (
    bethe_loss,
    density_effect,
    knock_ons,
    pair_total,
    radiation,
)
from hyperhex.simulate.materials import Material

__all__ = [
    "Cuts",
    "Steps",
    "collision_loss",
    "inverse_transport_path",
    "lepton_table",
    "photon_table",
    "quadrature",
    "radiation_loss",
]

_SOFT = 5.0e-6  # transfers below this are the same for electrons and positrons [GeV]
_LEAST = 1e-12


@dataclass(frozen=True)
class Cuts:
    """Energies below which particles are not made or not followed [GeV]."""

    photon: float
    electron: float
    knock_on: float
    straggling: float


@dataclass(frozen=True)
class Steps:
    """Limits of a step: share of energy lost, transport mean free paths, absorption in place."""

    loss: float
    scattering: float
    rejection: float  # [GeV]


@cache
def quadrature() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Nodes and weights of Gauss and Legendre on (0, 1)."""
    nodes, weights = np.polynomial.legendre.leggauss(48)
    return 0.5 * (nodes + 1.0), 0.5 * weights


def photon_table(material: Material) -> NDArray[np.float64]:
    """Photon table (points, 3): attenuation [1/cm], share of pairs, of pairs and Compton."""
    energies = energy_grid()
    pair = np.array([_per_volume(material, pair_total, E) for E in energies])
    compton = material.electrons * np.array([compton_cross_section(E) for E in energies])
    total = pair + compton + material.photoelectric(energies)
    return np.stack([total, pair / total, (pair + compton) / total], axis=1)


def collision_loss(material: Material, T: float, high: float, *, positron: bool) -> float:
    """Energy lost in collisions with transfers below `high` [GeV/cm]."""
    delta = density_effect(T, np.array(material.density_effect))
    soft = min(_SOFT, high, 0.5 * T)
    _, close = knock_ons(T, positron, soft, high, *quadrature())
    return material.electrons * (bethe_loss(T, material.excitation, delta, soft) + close)


def radiation_loss(material: Material, T: float, high: float) -> float:
    """Energy lost to photons below `high` [GeV/cm]."""
    return _radiated(material, T, high)[1]


def lepton_table(
    material: Material, cuts: Cuts, steps: Steps, *, positron: bool
) -> NDArray[np.float64]:
    """Lepton table (points, N_LEPTON), see `hyperhex.kernels.shower.matter.Matter`."""
    energies = energy_grid()
    rows = np.array([_lepton_row(material, T, cuts, steps, positron) for T in energies])
    total_loss = np.array(
        [
            collision_loss(material, T, T, positron=positron) + radiation_loss(material, T, T)
            for T in energies
        ]
    )
    rows[:, RANGE] = _range(energies, total_loss)
    return rows


def _lepton_row(
    material: Material, T: float, cuts: Cuts, steps: Steps, positron: bool
) -> NDArray[np.float64]:
    """One point of the lepton table; the range is left at zero."""
    photons, soft_photons = _radiated(material, T, cuts.photon)
    knocks = material.electrons * knock_ons(T, positron, cuts.knock_on, T, *quadrature())[0]
    pairs = material.electrons * annihilation_cross_section(T) if positron else 0.0
    total = photons + knocks + pairs + _LEAST
    loss = collision_loss(material, T, cuts.knock_on, positron=positron)
    loss += soft_photons
    scattering = inverse_transport_path(material, T, ELECTRON_MASS)
    # straggling: 1/w^2 between the straggling cut and the largest transfer that is not tracked
    beta2 = 1.0 - 1.0 / (1.0 + T / ELECTRON_MASS) ** 2
    strength = 2.0 * np.pi * ELECTRON_RADIUS**2 * ELECTRON_MASS * material.electrons / beta2
    largest = max(min(cuts.knock_on, T if positron else 0.5 * T), cuts.straggling)
    rate = strength * (1.0 / cuts.straggling - 1.0 / largest)
    carried = strength * np.log(largest / cuts.straggling)
    row = np.zeros(N_LEPTON)
    row[HARD] = total
    row[RADIATION] = photons / total
    # the last share is one for electrons, whatever is added against division by zero
    row[RADIATION_OR_KNOCK] = (photons + knocks + _LEAST * (not positron)) / total
    row[LOSS] = loss
    row[SCATTERING] = scattering
    row[STEP] = min(steps.loss * T / loss, steps.scattering / scattering)
    row[KNOCKS] = rate
    row[VARIANCE] = strength * cuts.straggling
    row[QUIET_LOSS] = max(loss - carried, 0.1 * loss)
    return row


def _per_volume(material: Material, cross_section: Callable[..., float], energy: float) -> float:
    """Sum of a cross-section [cm2 per atom] over the atoms of a volume [1/cm]."""
    return sum(
        atoms * cross_section(energy, float(element.Z), *quadrature())
        for element, atoms in material.components
    )


def _radiated(material: Material, T: float, cut: float) -> tuple[float, float]:
    """Bremsstrahlung above a cut [1/cm] and energy lost to photons below it [GeV/cm]."""
    hard = soft = 0.0
    for element, atoms in material.components:
        above, below = radiation(T, float(element.Z), cut, *quadrature())
        hard += atoms * above
        soft += atoms * below
    return hard, soft


def inverse_transport_path(material: Material, T: float, mass: float) -> float:
    """Inverse transport mean free path [1/cm] of a single charge of kinetic energy T."""
    p = float(np.sqrt(T * (T + 2.0 * mass)))
    return sum(
        atoms * transport_cross_section(p, p / (T + mass), float(element.Z), element.A)
        for element, atoms in material.components
    )


def _range(energies: NDArray[np.float64], loss: NDArray[np.float64]) -> NDArray[np.float64]:
    """Range in continuous slowing down [cm], the integral of dT over the loss."""
    mean = 0.5 * (1.0 / loss[1:] + 1.0 / loss[:-1])
    return np.concatenate([[0.0], np.cumsum(np.diff(energies) * mean)]) + energies[0] / loss[0]
