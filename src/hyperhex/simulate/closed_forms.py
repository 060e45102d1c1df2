"""Numbers of matter that follow from the cross-sections alone and stand in public tables."""

from __future__ import annotations

import numpy as np
from scipy.optimize import brentq

from hyperhex.kernels.shower.matter import ATTENUATION, energy_grid
from hyperhex.kernels.shower.totals import pair_total
from hyperhex.simulate.materials import Material
from hyperhex.simulate.tables import collision_loss, photon_table, quadrature

__all__ = ["attenuation", "critical_energy", "radiation_length", "stopping_power"]


def radiation_length(material: Material) -> float:
    """Radiation length [g/cm2] from pair production at 100 GeV, 7/(9 n sigma)."""
    total = sum(
        atoms * pair_total(100.0, float(element.Z), *quadrature())
        for element, atoms in material.components
    )
    return 7.0 / 9.0 / total * material.density


def critical_energy(material: Material) -> float:
    """Critical energy [GeV] in Rossi's definition: the collision loss in one X0 is the energy."""

    def excess(T: float) -> float:
        loss = collision_loss(material, T, T, positron=False)
        return loss * material.radiation_length - T

    return float(brentq(excess, 1e-3, 0.5))


def stopping_power(material: Material, T: float) -> float:
    """Collision stopping power of electrons [MeV cm2/g]."""
    return 1e3 * collision_loss(material, T, T, positron=False) / material.density


def attenuation(material: Material, energies: list[float]) -> list[float]:
    """Photon mass attenuation without coherent scattering [cm2/g] at energies [GeV]."""
    table = photon_table(material)[:, ATTENUATION] / material.density
    return [float(value) for value in np.interp(energies, energy_grid(), table)]
