"""Materials of a detector: composition, density, and the constants of their energy loss."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.shower.constants import AVOGADRO, ELECTRON_RADIUS, FINE_STRUCTURE
from hyperhex.kernels.shower.photons import coulomb_correction
from hyperhex.simulate.elements import ELEMENTS, Element

__all__ = [
    "AIR",
    "COPPER",
    "IRON",
    "LEAD",
    "MATERIALS",
    "SILICON",
    "TUNGSTEN",
    "VACUUM",
    "Material",
    "density_effect_constants",
]

VACUUM = "vacuum"

# Plasma energy of electrons of 1 mol/cm3 [GeV]: 28.816 eV (Sternheimer, Berger, Seltzer 1984).
_PLASMA = 28.816e-9

_LAST = 0.8e-3  # end of the photoelectric tables [GeV]


@dataclass(frozen=True)
class Material:
    """A mixture of elements as matter.

    composition : symbols of elements and their shares of the mass, which add up to one
    density : [g/cm3]
    excitation : mean excitation energy [GeV]; Bragg's rule where None
    density_effect : C, x0, x1, a, k, d0 as tabulated by Sternheimer, Berger, Seltzer, At. Data
        Nucl. Data Tables 30 (1984) 261; `density_effect_constants` where None
    """

    name: str
    composition: tuple[tuple[str, float], ...]
    density: float
    tabulated_excitation: float | None = None
    tabulated_density_effect: tuple[float, float, float, float, float, float] | None = None

    def __post_init__(self) -> None:
        total = sum(share for _, share in self.composition)
        if abs(total - 1.0) > 1e-3:
            msg = f"{self.name}: shares of the mass add up to {total:g}, expected 1"
            raise ValueError(msg)

    @cached_property
    def components(self) -> tuple[tuple[Element, float], ...]:
        """Elements and their atoms per volume [1/cm3]."""
        total = sum(share for _, share in self.composition)
        found = []
        for symbol, share in self.composition:
            element = ELEMENTS[symbol]
            found.append((element, AVOGADRO * self.density * share / total / element.A))
        return tuple(found)

    @property
    def electrons(self) -> float:
        """Electrons per volume [1/cm3]."""
        return sum(element.Z * atoms for element, atoms in self.components)

    @cached_property
    def excitation(self) -> float:
        """Mean excitation energy I [GeV], by Bragg's rule ln I = sum n Z ln I / sum n Z."""
        if self.tabulated_excitation is not None:
            return self.tabulated_excitation
        mean = sum(e.Z * atoms * math.log(e.excitation) for e, atoms in self.components)
        return math.exp(mean / self.electrons)

    @cached_property
    def density_effect(self) -> tuple[float, float, float, float, float, float]:
        """Constants C, x0, x1, a, k, d0 of the density effect."""
        if self.tabulated_density_effect is not None:
            return self.tabulated_density_effect
        return density_effect_constants(self.excitation, self.electrons)

    @property
    def stopping_shares(self) -> NDArray[np.float64]:
        """Share of each element in 1/X0, by which radiation and pairs choose their atom."""
        inverse = np.array([atoms * _radiation(e.Z) for e, atoms in self.components])
        shares: NDArray[np.float64] = inverse / inverse.sum()
        return shares

    @property
    def radiation_length(self) -> float:
        """Radiation length X0 [cm], Tsai, Rev. Mod. Phys. 46 (1974) 815, eq. 3.66.

        1/X0 = 4 alpha re^2 sum n {Z^2 [L_rad - f_c] + Z L'_rad}.
        """
        inverse = sum(atoms * _radiation(e.Z) for e, atoms in self.components)
        return 1.0 / (4.0 * FINE_STRUCTURE * ELECTRON_RADIUS**2 * inverse)

    def photoelectric(self, energies: NDArray[np.float64]) -> NDArray[np.float64]:
        """Photoelectric absorption [1/cm] at energies [GeV].

        Elam, Ravel, Sieber, Radiat. Phys. Chem. 63 (2002) 121, as tabulated by xraydb, up to E1 =
        0.8 MeV; above, with r = E/E1, times 0.4/r (Sauter's limit of high energies) + 0.6/r^3,
        which follows XCOM's photoelectric cross-section of lead within 13 % up to 5 MeV.
        """
        import xraydb

        inside = np.minimum(energies, _LAST)
        table = np.zeros_like(energies)
        for symbol, share in self.composition:
            table += share * xraydb.mu_elam(symbol, 1e9 * inside, kind="photo")
        r = energies / inside
        return np.asarray(self.density * table * (0.4 / r + 0.6 / r**3), dtype=np.float64)


def density_effect_constants(
    excitation: float, electrons: float
) -> tuple[float, float, float, float, float, float]:
    """Constants C, x0, x1, a, k, d0 of a solid whose density effect is not tabulated.

    C = 1 + 2 ln(I/hw), hw = 28.816 eV sqrt(n_e/N_A); x1 = 2 (I < 100 eV) or 3; x0 = 0.2, or
    0.326 C - 1 (1.5) for C above 3.681 (5.215); k = 3, a = (C - 2 ln10 x0)/(x1 - x0)^3:
    Sternheimer and Peierls, Phys. Rev. B 3 (1971) 3681.
    """
    C = 1.0 + 2.0 * math.log(excitation / (_PLASMA * math.sqrt(electrons / AVOGADRO)))
    x1, limit, shift = (2.0, 3.681, 1.0) if excitation < 100e-9 else (3.0, 5.215, 1.5)
    x0 = 0.2 if limit > C else 0.326 * C - shift
    a = (C - 2.0 * math.log(10.0) * x0) / (x1 - x0) ** 3
    return C, x0, x1, a, 3.0, 0.0


def _radiation(Z: int) -> float:
    """Z^2 [L_rad - f_c] + Z L'_rad of Tsai, with his values for hydrogen."""
    if Z == 1:
        return 5.31 + 6.144
    third = math.log(Z) / 3.0
    nucleus = math.log(184.15) - third - coulomb_correction(float(Z))
    return Z * Z * nucleus + Z * (math.log(1194.0) - 2.0 * third)


TUNGSTEN = Material(
    "tungsten", (("W", 1.0),), 19.30, 727.0e-9, (5.4059, 0.2167, 3.4960, 0.15509, 2.8447, 0.14)
)
SILICON = Material(
    "silicon", (("Si", 1.0),), 2.329, 173.0e-9, (4.4355, 0.2015, 2.8716, 0.14921, 3.2546, 0.14)
)
LEAD = Material(
    "lead", (("Pb", 1.0),), 11.35, 823.0e-9, (6.2018, 0.3776, 3.8073, 0.09359, 3.1608, 0.14)
)
COPPER = Material(
    "copper", (("Cu", 1.0),), 8.960, 322.0e-9, (4.4190, -0.0254, 3.2792, 0.14339, 2.9044, 0.08)
)
IRON = Material(
    "iron", (("Fe", 1.0),), 7.874, 286.0e-9, (4.2911, -0.0012, 3.1531, 0.14680, 2.9632, 0.12)
)
ALUMINIUM = Material(
    "aluminium", (("Al", 1.0),), 2.699, 166.0e-9, (4.2395, 0.1708, 3.0127, 0.08024, 3.6345, 0.12)
)
AIR = Material(
    "air",
    (("C", 0.000124), ("N", 0.755267), ("O", 0.231781), ("Ar", 0.012827)),
    1.205e-3,
    85.7e-9,
    (10.5961, 1.7418, 4.2759, 0.10914, 3.3994, 0.0),
)
STEEL = Material(
    "steel", (("Fe", 0.70), ("Cr", 0.19), ("Ni", 0.10), ("Mn", 0.01)), 8.02
)  # stainless, as in CMS
COPPER_TUNGSTEN = Material("copper_tungsten", (("W", 0.75), ("Cu", 0.25)), 14.979)
# glass fibre in epoxy with a brominated flame retardant: printed circuit boards
G10 = Material(
    "g10", (("Si", 0.1808), ("O", 0.4056), ("C", 0.2780), ("H", 0.0685), ("Br", 0.0671)), 1.85
)
# cured diglycidyl ether of bisphenol A
EPOXY = Material("epoxy", (("C", 0.745), ("H", 0.075), ("O", 0.180)), 1.30)
KAPTON = Material(
    "kapton", (("H", 0.026362), ("C", 0.691133), ("N", 0.073270), ("O", 0.209235)), 1.42
)

MATERIALS = {
    material.name: material
    for material in (
        TUNGSTEN,
        SILICON,
        LEAD,
        COPPER,
        IRON,
        ALUMINIUM,
        AIR,
        STEEL,
        COPPER_TUNGSTEN,
        G10,
        EPOXY,
        KAPTON,
    )
}
