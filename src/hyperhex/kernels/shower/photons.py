"""Photons in matter: pair production and Compton scattering, as formulas and as random draws.

Energies in GeV, cross-sections in cm2 per atom (pair) or per electron (Compton).
"""

from __future__ import annotations

import math

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, uniform
from hyperhex.kernels.shower.constants import ELECTRON_MASS, ELECTRON_RADIUS, FINE_STRUCTURE

__all__ = [
    "compton_cross_section",
    "coulomb_correction",
    "draw_compton",
    "draw_pair",
    "electrons_share",
    "nucleus",
    "pair_differential",
    "screening",
]

# The Davies-Bethe-Maximon correction holds above 50 MeV. Below, total cross-sections of XCOM are
# followed within 3 % when it is switched on linearly in ln E between these two energies.
_CORRECTION_BEGINS = 3.0e-3
_CORRECTION_HOLDS = 50.0e-3

_SPECTRUM_BEGINS = 2.0e-3


@inlined
def screening(d: float) -> tuple[float, float]:
    """Screening functions Phi1, Phi2 of the screening variable d.

    Butcher and Messel, Nucl. Phys. 20 (1960) 15; EGS4 manual SLAC-265, eqs. 2.7.14-15.
    """
    if d <= 1.0:
        return 20.867 + d * (-3.242 + 0.625 * d), 20.209 + d * (-1.930 - 0.086 * d)
    both = 21.12 - 4.184 * math.log(d + 0.952)
    return both, both


@inlined
def coulomb_correction(Z: float) -> float:
    """f_c(Z), what distorted waves take from the Born approximation.

    Davies, Bethe, Maximon, Phys. Rev. 93 (1954) 788: with a = (alpha Z)^2,
    f_c = a [1/(1+a) + 0.20206 - 0.0369 a + 0.0083 a^2 - 0.002 a^3].
    """
    a = (FINE_STRUCTURE * Z) ** 2
    return a * (1.0 / (1.0 + a) + 0.20206 + a * (-0.0369 + a * (0.0083 - 0.002 * a)))


@inlined
def electrons_share(Z: float) -> float:
    """xi(Z) in Z (Z + xi): pairs and bremsstrahlung in the field of the atom's electrons.

    EGS4 manual SLAC-265, eq. 2.7.20: ln(1440 Z^-2/3) / (ln(183 Z^-1/3) - f_c).
    """
    third = math.log(Z) / 3.0
    return (math.log(1440.0) - 2.0 * third) / (math.log(183.0) - third - coulomb_correction(Z))


@inlined
def nucleus(Z: float, energy: float) -> float:
    """F(Z, E)/2 that is taken from Phi1 and Phi2: 4/3 ln Z + 4 f_c(Z) at high energies."""
    rise = math.log(energy / _CORRECTION_BEGINS) / math.log(_CORRECTION_HOLDS / _CORRECTION_BEGINS)
    switch = min(1.0, max(0.0, rise))
    return 4.0 / 3.0 * math.log(Z) + 4.0 * switch * coulomb_correction(Z)


@inlined
def _pair_shape(e: float, thickness: float, field: float) -> float:
    """Bracket {...} of `pair_differential`, zero where screening makes it negative."""
    d = thickness / (e * (1.0 - e))
    phi1, phi2 = screening(d)
    share = e * (1.0 - e)
    shape = (1.0 - 2.0 * share) * (phi1 - field) + 2.0 / 3.0 * share * (phi2 - field)
    return max(0.0, shape)


@inlined
def pair_differential(e: float, energy: float, Z: float) -> float:
    """Spectrum d sigma/d e [cm2] of pair production; e is the total energy of one electron over E.

    alpha re^2 Z(Z+xi) {[e^2 + (1-e)^2] [Phi1(d) - F/2] + 2/3 e(1-e) [Phi2(d) - F/2]},
    d = 136 Z^-1/3 (m/E) / (e(1-e)): Bethe and Heitler with the screening of Butcher and Messel,
    EGS4 manual SLAC-265, sec. 2.7.
    """
    thickness = 136.0 * Z ** (-1.0 / 3.0) * ELECTRON_MASS / energy
    scale = FINE_STRUCTURE * ELECTRON_RADIUS**2 * Z * (Z + electrons_share(Z))
    return scale * _pair_shape(e, thickness, nucleus(Z, energy))


@inlined
def draw_pair(state: State, energy: float, Z: float) -> float:
    """Draw e of `pair_differential` by rejection from a uniform e in (m/E, 1/2).

    Below 2 MeV, where the formula falls to zero before the cross-section does, e is uniform.
    """
    lowest = ELECTRON_MASS / energy
    if energy < _SPECTRUM_BEGINS:
        return lowest + uniform(state) * (0.5 - lowest)
    thickness = 136.0 * Z ** (-1.0 / 3.0) * ELECTRON_MASS / energy
    field = nucleus(Z, energy)
    # Phi1 and Phi2 fall with d, which is least at e = 1/2; the bracket is then largest at e = 0
    limit = screening(4.0 * thickness)[0] - field
    for _ in range(1000):
        e = lowest + uniform(state) * (0.5 - lowest)
        if uniform(state) * limit < _pair_shape(e, thickness, field):
            return e
    return 0.5


@inlined
def compton_cross_section(energy: float) -> float:
    """Total cross-section of Klein and Nishina [cm2 per electron], Z. Phys. 52 (1929) 853."""
    k = energy / ELECTRON_MASS
    one = 1.0 + 2.0 * k
    log = math.log(one)
    first = (1.0 + k) / k**2 * (2.0 * (1.0 + k) / one - log / k)
    return 2.0 * math.pi * ELECTRON_RADIUS**2 * (first + log / (2.0 * k) - (1.0 + 3.0 * k) / one**2)


@inlined
def draw_compton(state: State, energy: float) -> tuple[float, float]:
    """Draw (e, cos theta) of the scattered photon, e its energy over that before.

    d sigma/d e ~ (1/e + e) [1 - e sin^2/(1 + e^2)], 1 - cos = m (1-e)/(E e): composition and
    rejection of Butcher and Messel, EGS4 manual SLAC-265, sec. 2.9.
    """
    least = 1.0 / (1.0 + 2.0 * energy / ELECTRON_MASS)
    logarithm = -math.log(least)
    quadratic = 0.5 * (1.0 - least * least)
    while True:
        if uniform(state) * (logarithm + quadratic) < logarithm:
            e = math.exp(-logarithm * uniform(state))
        else:
            e = math.sqrt(least * least + (1.0 - least * least) * uniform(state))
        t = ELECTRON_MASS * (1.0 - e) / (energy * e)
        if uniform(state) * (1.0 + e * e) < 1.0 + e * e - e * t * (2.0 - t):
            return e, 1.0 - t
