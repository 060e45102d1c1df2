"""Materials of a detector: composition, density, and the constants of their energy loss."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.shower.constants import AVOGADRO, ELECTRON_RADIUS, FINE_STRUCTURE
from hyperhex.kernels.shower.photons import coulomb_correction

__all__ = ["LEAD", "MATERIALS", "SILICON", "TUNGSTEN", "VACUUM", "Material"]

VACUUM = "vacuum"


@dataclass(frozen=True)
class Material:
    """An element as matter.

    Constants of the density effect (C, x0, x1, a, k, d0) and the mean excitation energy:
    Sternheimer, Berger, Seltzer, At. Data Nucl. Data Tables 30 (1984) 261.
    """

    symbol: str
    Z: int
    A: float  # [g/mol]
    density: float  # [g/cm3]
    excitation: float  # [GeV]
    density_effect: tuple[float, float, float, float, float, float]

    @property
    def atoms(self) -> float:
        """Atoms per volume [1/cm3]."""
        return AVOGADRO * self.density / self.A

    @property
    def electrons(self) -> float:
        """Electrons per volume [1/cm3]."""
        return self.Z * self.atoms

    @property
    def radiation_length(self) -> float:
        """Radiation length X0 [cm], Tsai, Rev. Mod. Phys. 46 (1974) 815, eq. 3.66.

        1/X0 = 4 alpha re^2 n {Z^2 [L_rad - f_c] + Z L'_rad}, L_rad = ln(184.15 Z^-1/3),
        L'_rad = ln(1194 Z^-2/3).
        """
        third = math.log(self.Z) / 3.0
        nucleus = math.log(184.15) - third - coulomb_correction(float(self.Z))
        cloud = math.log(1194.0) - 2.0 * third
        bracket = self.Z**2 * nucleus + self.Z * cloud
        return 1.0 / (4.0 * FINE_STRUCTURE * ELECTRON_RADIUS**2 * self.atoms * bracket)

    def photoelectric(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Photoelectric absorption [1/cm] at energies [GeV].

        Elam, Ravel, Sieber, Radiat. Phys. Chem. 63 (2002) 121, as tabulated by xraydb, up to
        0.8 MeV; continued as E^-1.4.
        """
        import xraydb

        last = 0.8e-3
        inside = np.minimum(energies, last)
        table = xraydb.mu_elam(self.symbol, 1e9 * inside, kind="photo") * self.density
        return np.asarray(table * (inside / energies) ** 1.4, dtype=np.float64)


TUNGSTEN = Material(
    "W", 74, 183.84, 19.30, 727.0e-9, (5.4059, 0.2167, 3.4960, 0.15509, 2.8447, 0.14)
)
SILICON = Material(
    "Si", 14, 28.0855, 2.329, 173.0e-9, (4.4355, 0.2015, 2.8716, 0.14921, 3.2546, 0.14)
)
LEAD = Material("Pb", 82, 207.2, 11.35, 823.0e-9, (6.2018, 0.3776, 3.8073, 0.09359, 3.1608, 0.14))

MATERIALS = {"tungsten": TUNGSTEN, "silicon": SILICON, "lead": LEAD}
