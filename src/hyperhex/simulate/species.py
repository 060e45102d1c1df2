"""Particles that fly far enough to be transported, and their tables in each material."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.shower.constants import ELECTRON_MASS, ELECTRON_RADIUS
from hyperhex.kernels.shower.hadrons import (
    COLLISIONS,
    DEFLECTION,
    IONISATION,
    KNOCKED,
    N_HADRON,
    QUIET,
    SMALL_KNOCKS,
    UNKNOCKED,
    Hadrons,
    largest_transfer,
)
from hyperhex.kernels.shower.matter import energy_grid
from hyperhex.kernels.shower.totals import density_effect
from hyperhex.simulate.generator import LEAST_ENERGY, cross_sections
from hyperhex.simulate.materials import MATERIALS, Material
from hyperhex.simulate.tables import Cuts, inverse_transport_path

__all__ = ["SPECIES", "Species", "build_hadrons", "ionisation_loss"]

_MILLIBARN = 1e-27  # [cm2]
_STOP = 1e-3  # kinetic energy below which charged particles stop where they are [GeV]


@dataclass(frozen=True)
class Species:
    """A particle: its number in the scheme of the PDG, mass [GeV], charge, c tau [cm].

    Masses and lives: PDG 2024, Summary Tables. `content` is the energy that it can release at rest
    [GeV]: the mass of a meson or muon, nothing for a nucleon or a hyperon, whose baryon number
    stays, twice the mass for an antibaryon, whose partner is in the matter.
    """

    code: int
    mass: float
    charge: float
    life: float

    @property
    def content(self) -> float:
        """Energy that the particle at rest can release [GeV]."""
        if abs(self.code) < 1000:
            return self.mass
        return 0.0 if self.code > 0 else 2.0 * self.mass

    @property
    def interacts(self) -> bool:
        """Whether it collides with nuclei."""
        return abs(self.code) != 13


_PARTICLES = (
    Species(13, 0.1056584, -1.0, 65863.8),
    Species(211, 0.1395704, 1.0, 780.45),
    Species(321, 0.493677, 1.0, 371.1),
    Species(2212, 0.9382721, 1.0, math.inf),
    Species(2112, 0.9395654, 0.0, math.inf),
    Species(3122, 1.115683, 0.0, 7.89),
    Species(3112, 1.197449, -1.0, 4.434),
    Species(3222, 1.18937, 1.0, 2.404),
    Species(3312, 1.32171, -1.0, 4.91),
    Species(3322, 1.31486, 0.0, 8.71),
    Species(3334, 1.67245, -1.0, 2.461),
)
_NEUTRAL_KAONS = (Species(130, 0.497611, 0.0, 1534.0), Species(310, 0.497611, 0.0, 2.6844))

SPECIES: tuple[Species, ...] = (
    *_PARTICLES,
    *(Species(-one.code, one.mass, -one.charge, one.life) for one in _PARTICLES),
    *_NEUTRAL_KAONS,
)


def build_hadrons(names: Sequence[str], cuts: Cuts) -> Hadrons:
    """Tables of all species in materials of these names, in their order."""
    return Hadrons(
        tables=np.stack(
            [
                np.stack([_table(species, MATERIALS[name], cuts) for name in names])
                for species in SPECIES
            ]
        ),
        masses=np.array([species.mass for species in SPECIES]),
        charges=np.array([species.charge for species in SPECIES]),
        lives=np.array([species.life for species in SPECIES]),
        # a neutral particle that nothing happens to below the threshold is not followed there
        stops=np.array([_STOP if species.charge else LEAST_ENERGY for species in SPECIES]),
        contents=np.array([species.content for species in SPECIES]),
    )


def ionisation_loss(material: Material, T: float, mass: float, high: float) -> float:
    """Energy lost to electrons with transfers below `high` by a heavy single charge [GeV/cm].

    2 pi re^2 m n/b^2 {ln(2 m b^2 g^2 w/I^2) - b^2 (1 + w/w_max) - delta}, w = min(high, w_max):
    PDG, Passage of particles through matter, eq. 34.10. The bracket is held above one, where
    shell corrections would be needed.
    """
    g = 1.0 + T / mass
    square = g * g - 1.0
    beta2 = square / (g * g)
    most = largest_transfer(T, mass)
    w = min(high, most)
    # the density effect depends on beta gamma alone
    delta = density_effect((g - 1.0) * ELECTRON_MASS, np.array(material.density_effect))
    bracket = math.log(2.0 * ELECTRON_MASS * square * w / material.excitation**2)
    bracket -= beta2 * (1.0 + w / most) + delta
    return _strength(material, beta2) * max(1.0, bracket)


def _strength(material: Material, beta2: float) -> float:
    """2 pi re^2 m n/b^2 [GeV/cm]."""
    return 2.0 * math.pi * ELECTRON_RADIUS**2 * ELECTRON_MASS * material.electrons / beta2


@cache
def _table(species: Species, material: Material, cuts: Cuts) -> NDArray[np.float64]:
    """Table (points, N_HADRON) of a species in a material."""
    energies = energy_grid()
    table = np.zeros((len(energies), N_HADRON))
    if species.charge:
        table[:] = [_charged_row(material, T, species.mass, cuts) for T in energies]
    if species.interacts:
        table[:, COLLISIONS] = _collisions(species, material, energies)
    return table


def _charged_row(material: Material, T: float, mass: float, cuts: Cuts) -> NDArray[np.float64]:
    """One point of the table of a charged particle, without its collisions."""
    g = 1.0 + T / mass
    beta2 = 1.0 - 1.0 / (g * g)
    strength = _strength(material, beta2)
    most = largest_transfer(T, mass)
    row = np.zeros(N_HADRON)
    if most > cuts.knock_on:
        row[KNOCKED] = 1.0 / cuts.knock_on - 1.0 / most
        row[KNOCKED] -= beta2 / most * math.log(most / cuts.knock_on)
        row[KNOCKED] *= strength
    row[IONISATION] = ionisation_loss(material, T, mass, cuts.knock_on)
    row[DEFLECTION] = inverse_transport_path(material, T, mass)
    largest = max(min(cuts.knock_on, most), cuts.straggling)
    row[SMALL_KNOCKS] = strength * (1.0 / cuts.straggling - 1.0 / largest)
    row[QUIET] = strength * cuts.straggling
    carried = strength * math.log(largest / cuts.straggling)
    row[UNKNOCKED] = max(row[IONISATION] - carried, 0.1 * row[IONISATION])
    return row


def _collisions(
    species: Species, material: Material, energies: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Rate of inelastic collisions with nuclei [1/cm].

    Cross-sections are those of the tabulated nucleus A0 times (A/A0)^(2/3).
    """
    rate = np.zeros(len(energies))
    for element, atoms in material.components:
        scale = (element.A / element.nucleus) ** (2.0 / 3.0) if element.Z > 1 else 1.0
        sigma = cross_sections(species.code, species.mass, element.nucleus)
        rate += atoms * scale * _MILLIBARN * np.interp(energies, *sigma, left=0.0)
    return rate
