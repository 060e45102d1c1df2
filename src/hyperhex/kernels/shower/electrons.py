"""Electrons and positrons in matter: radiation, knock-on electrons, annihilation, scattering.

Energies in GeV (T kinetic, E total), cross-sections in cm2 per atom (bremsstrahlung) or per
electron (Moller, Bhabha, annihilation).
"""

from __future__ import annotations

import math

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, uniform
from hyperhex.kernels.shower.constants import (
    BOHR_RADIUS,
    ELECTRON_MASS,
    ELECTRON_RADIUS,
    FINE_STRUCTURE,
    HBAR_C,
)
from hyperhex.kernels.shower.photons import electrons_share, nucleus, screening

__all__ = [
    "annihilation_cross_section",
    "bhabha_differential",
    "bremsstrahlung_differential",
    "draw_annihilation",
    "draw_bhabha",
    "draw_bremsstrahlung",
    "draw_deflection",
    "draw_moller",
    "moller_differential",
    "transport_cross_section",
]


@inlined
def _radiation_shape(k: float, E: float, thickness: float, field: float) -> float:
    """Bracket {...} of `bremsstrahlung_differential`, zero where screening makes it negative."""
    y = (E - k) / E
    phi1, phi2 = screening(thickness * k / (E * (E - k)))
    return max(0.0, (1.0 + y * y) * (phi1 - field) - 2.0 / 3.0 * y * (phi2 - field))


@inlined
def bremsstrahlung_differential(k: float, E: float, Z: float) -> float:
    """Spectrum k d sigma/d k [cm2] for a photon of energy k from an electron of total energy E.

    alpha re^2 Z(Z+xi) {(1 + y^2) [Phi1(d) - F/2] - 2/3 y [Phi2(d) - F/2]}, y = (E-k)/E,
    d = 136 Z^-1/3 m k/(E (E-k)): Bethe and Heitler, EGS4 manual SLAC-265, sec. 2.7.
    """
    if k >= E - ELECTRON_MASS:
        return 0.0
    thickness = 136.0 * Z ** (-1.0 / 3.0) * ELECTRON_MASS
    scale = FINE_STRUCTURE * ELECTRON_RADIUS**2 * Z * (Z + electrons_share(Z))
    return scale * _radiation_shape(k, E, thickness, nucleus(Z, E))


@inlined
def draw_bremsstrahlung(state: State, E: float, Z: float, least: float) -> float:
    """Draw the energy of a photon above `least` by rejection from d k/k."""
    thickness = 136.0 * Z ** (-1.0 / 3.0) * ELECTRON_MASS
    field = nucleus(Z, E)
    phi1, phi2 = screening(thickness * least / (E * (E - least)))
    # the bracket falls with d and is convex in y, so its largest value is at y = 0 or y = 1
    limit = max(phi1 - field, 2.0 * (phi1 - field) - 2.0 / 3.0 * (phi2 - field))
    span = math.log((E - ELECTRON_MASS) / least)
    for _ in range(1000):
        k = least * math.exp(span * uniform(state))
        if uniform(state) * limit < _radiation_shape(k, E, thickness, field):
            return k
    return least


@inlined
def moller_differential(e: float, T: float) -> float:
    """Spectrum d sigma/d e [cm2] of an electron on an electron; e <= 1/2 is the share of T lost.

    2 pi re^2/(b^2 (g-1)) {((g-1)/g)^2 + 1/e [1/e - c] + 1/(1-e) [1/(1-e) - c]}, c = (2g-1)/g^2:
    Moller, Ann. Phys. 406 (1932) 531, as in the Geant4 physics reference manual.
    """
    g = 1.0 + T / ELECTRON_MASS
    c = (2.0 * g - 1.0) / g**2
    beta2 = 1.0 - 1.0 / g**2
    scale = 2.0 * math.pi * ELECTRON_RADIUS**2 / (beta2 * (g - 1.0))
    rest = 1.0 - e
    return scale * (((g - 1.0) / g) ** 2 + (1.0 / e - c) / e + (1.0 / rest - c) / rest)


@inlined
def draw_moller(state: State, T: float, least: float) -> float:
    """Draw the energy of the knock-on electron above `least` by rejection from 1/e^2."""
    g = 1.0 + T / ELECTRON_MASS
    c = (2.0 * g - 1.0) / g**2
    first = ((g - 1.0) / g) ** 2
    limit = 0.25 * first + 2.0 - c
    x = least / T
    while True:
        e = x / (1.0 - uniform(state) * (1.0 - 2.0 * x))
        rest = 1.0 - e
        shape = e * e * (first + (1.0 / e - c) / e + (1.0 / rest - c) / rest)
        if uniform(state) * limit < shape:
            return e * T


@inlined
def _bhabha_shape(e: float, g: float) -> float:
    """e^2 b^2 {...} of `bhabha_differential`; one at e = 0 and never more."""
    y = 1.0 / (g + 1.0)
    z = 1.0 - 2.0 * y
    b1, b2, b3, b4 = 2.0 - y * y, z * (3.0 + y * y), z * z + z**3, z**3
    return 1.0 - (1.0 - 1.0 / g**2) * e * (b1 - e * (b2 - e * (b3 - e * b4)))


@inlined
def bhabha_differential(e: float, T: float) -> float:
    """Spectrum d sigma/d e [cm2] of a positron on an electron; e is the share of T lost.

    2 pi re^2/(g-1) {1/(b^2 e^2) - B1/e + B2 - B3 e + B4 e^2}, with y = 1/(g+1): B1 = 2 - y^2,
    B2 = (1-2y)(3+y^2), B3 = (1-2y)^2 + (1-2y)^3, B4 = (1-2y)^3:
    Bhabha, Proc. R. Soc. A 154 (1936) 195, as in the Geant4 physics reference manual.
    """
    g = 1.0 + T / ELECTRON_MASS
    beta2 = 1.0 - 1.0 / g**2
    scale = 2.0 * math.pi * ELECTRON_RADIUS**2 / (beta2 * (g - 1.0))
    return scale * _bhabha_shape(e, g) / e**2


@inlined
def draw_bhabha(state: State, T: float, least: float) -> float:
    """Draw the energy of the knock-on electron above `least` by rejection from 1/e^2."""
    g = 1.0 + T / ELECTRON_MASS
    x = least / T
    while True:
        e = x / (1.0 - uniform(state) * (1.0 - x))
        if uniform(state) < _bhabha_shape(e, g):
            return e * T


@inlined
def annihilation_cross_section(T: float) -> float:
    """Total cross-section of a positron in flight into two photons [cm2 per electron].

    pi re^2/(g+1) {(g^2+4g+1)/(g^2-1) ln(g + s) - (g+3)/s}, s = sqrt(g^2-1):
    Heitler, The Quantum Theory of Radiation (1954), sec. 27.
    """
    g = 1.0 + T / ELECTRON_MASS
    s = math.sqrt(g * g - 1.0)
    bracket = (g * g + 4.0 * g + 1.0) / (s * s) * math.log(g + s) - (g + 3.0) / s
    return math.pi * ELECTRON_RADIUS**2 / (g + 1.0) * bracket


@inlined
def draw_annihilation(state: State, T: float) -> float:
    """Draw one photon's share e of T + 2m: d sigma/d e ~ 1/e {1 - e + (2 g e - 1)/(e (g+1)^2)}."""
    g = 1.0 + T / ELECTRON_MASS
    half = 0.5 * math.sqrt((g - 1.0) / (g + 1.0))
    least = 0.5 - half
    span = math.log((0.5 + half) / least)
    while True:
        e = least * math.exp(span * uniform(state))
        if uniform(state) < 1.0 - e + (2.0 * g * e - 1.0) / (e * (g + 1.0) ** 2):
            return e


@inlined
def transport_cross_section(p: float, beta: float, Z: float, A: float) -> float:
    """First transport cross-section [cm2 per atom], 1/(n lambda_1), of a single charge.

    Screened Rutherford (Wentzel), mu = (1 - cos)/2 up to the nucleus' size, p R = hbar:
    2 pi (re m/(p b))^2 Z(Z+1) {ln[(mu_max + a)/a] - mu_max/(mu_max + a)}, with Moliere's screening
    a = (hbar/(2 p a_TF))^2 [1.13 + 3.76 (alpha Z/b)^2] (Bethe, Phys. Rev. 89 (1953) 1256).
    p [GeV], beta: momentum and velocity.
    """
    thomas_fermi = 0.8853 * BOHR_RADIUS * Z ** (-1.0 / 3.0)
    moliere = 1.13 + 3.76 * (FINE_STRUCTURE * Z / beta) ** 2
    a = (HBAR_C / (2.0 * p * thomas_fermi)) ** 2 * moliere
    radius = 1.2e-13 * A ** (1.0 / 3.0)
    largest = min(1.0, (HBAR_C / (2.0 * p * radius)) ** 2)
    bracket = math.log((largest + a) / a) - largest / (largest + a)
    rutherford = (ELECTRON_RADIUS * ELECTRON_MASS / (p * beta)) ** 2
    return 2.0 * math.pi * rutherford * Z * (Z + 1.0) * bracket


@inlined
def draw_deflection(state: State, lengths: float) -> float:
    """Draw 1 - cos of the scattering along `lengths` transport mean free paths.

    The von Mises-Fisher law exp(k cos), close to a random walk on the sphere, with the exact mean
    cosine y = exp(-lengths) (Goudsmit and Saunderson, Phys. Rev. 57 (1940) 24, first moment);
    k = y (3 - y^2)/(1 - y^2) by Cohen, Rheol. Acta 30 (1991) 270, good to 2 % of 1 - y.
    """
    y = math.exp(-lengths)
    spread = (1.0 - y * y) / (y * (3.0 - y * y))
    u = uniform(state)
    if spread > 0.05:
        # the law ends at backward
        u += (1.0 - u) * math.exp(-2.0 / spread)
    return -spread * math.log(u)
