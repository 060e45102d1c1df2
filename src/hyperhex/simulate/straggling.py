"""Fluctuations of the energy loss in a thin layer: the most probable deposit, the unit of cells."""

from __future__ import annotations

import math

import numpy as np

from hyperhex.kernels.shower.constants import ELECTRON_MASS, ELECTRON_RADIUS
from hyperhex.kernels.shower.totals import density_effect
from hyperhex.simulate.materials import Material

__all__ = ["most_probable_loss"]


def most_probable_loss(material: Material, thickness: float, beta_gamma: float = 1e3) -> float:
    """Most probable loss [GeV] of a singly charged particle in a layer [cm].

    w [ln(2 m b^2 g^2/I) + ln(w/I) + 0.200 - b^2 - delta], w = 2 pi re^2 m n x/b^2: Landau, Vavilov
    and Bichsel; PDG, Passage of particles through matter, eq. 34.12. It hardly depends on the
    momentum of relativistic particles; the default is the plateau.
    """
    gamma = math.sqrt(1.0 + beta_gamma**2)
    beta2 = (beta_gamma / gamma) ** 2
    width = 2.0 * math.pi * ELECTRON_RADIUS**2 * ELECTRON_MASS * material.electrons
    width *= thickness / beta2
    # the density effect depends on beta gamma alone
    delta = density_effect((gamma - 1.0) * ELECTRON_MASS, np.array(material.density_effect))
    bracket = math.log(2.0 * ELECTRON_MASS * beta_gamma**2 / material.excitation)
    bracket += math.log(width / material.excitation) + 0.200 - beta2 - delta
    return width * bracket
