"""Cross-sections and energy losses summed over the spectrum: the numbers that tables hold.

Integrals by Gauss and Legendre over nodes and weights on (0, 1), in the logarithm of the energy.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted
from hyperhex.kernels.shower.constants import (
    ELECTRON_MASS,
    ELECTRON_RADIUS,
    FINE_STRUCTURE,
)
from hyperhex.kernels.shower.electrons import (
    bhabha_differential,
    bremsstrahlung_differential,
    moller_differential,
)
from hyperhex.kernels.shower.photons import pair_differential

__all__ = [
    "bethe_loss",
    "born_pair",
    "density_effect",
    "knock_ons",
    "pair_total",
    "radiation",
]

Nodes = NDArray[np.float64]

# Below this transfer the loss of electrons and positrons is the same: Bethe's distant collisions
# and Rutherford's 1/w^2.
_SOFT = 5.0e-6

# Logarithms of the energies between which the two forms of the pair cross-section are joined.
_LN_SLOW = math.log(6e-3)
_LN_FAST = math.log(10e-3)


@uncounted
def born_pair(energy: float) -> float:
    """Pair production on a bare charge in Born's approximation, in units of alpha re^2 Z^2.

    Series of Maximon, J. Res. Natl. Bur. Stand. 72B (1968) 79, in k = E/m: about the threshold
    for k < 4, about infinity above.
    """
    k = energy / ELECTRON_MASS
    if k <= 2.0:
        return 0.0
    if k < 4.0:
        r = (2.0 * k - 4.0) / (k + 2.0 + 2.0 * math.sqrt(2.0 * k))
        series = 1.0 + r * (1 / 2 + r * (23 / 40 + r * (11 / 60 + r * 29 / 960)))
        return 2.0 * math.pi / 3.0 * ((k - 2.0) / k) ** 3 * series
    log = math.log(2.0 * k)
    z = (2.0 / k) ** 2
    squared = math.pi**2
    first = 6.0 * log - 3.5 + 2 / 3 * log**3 - log**2 - squared / 3.0 * log
    first += 2.0 * 1.2020569 + squared / 6.0
    second = 3 / 16 * log + 1 / 8
    third = 29 / 2304 * log - 77 / 13824
    return 28 / 9 * log - 218 / 27 + z * (first - z * (second + z * third))


@uncounted
def _slow_pair_total(energy: float, Z: float) -> float:
    """Cross-section of pair production [cm2 per atom] where screening does not matter.

    Born's cross-section times 1 + (alpha Z)^2 (7.9 MeV^2/E^2 - 0.316) for the distortion of the
    waves, which is positive near the threshold (Overbo, Mork, Olsen, Phys. Rev. A 8 (1973) 668),
    and 1 + ln(E/4m)/(3 Z) for pairs in the field of electrons; both factors are fits to XCOM.
    """
    scale = FINE_STRUCTURE * ELECTRON_RADIUS**2 * Z * Z * born_pair(energy)
    distortion = 1.0 + (FINE_STRUCTURE * Z) ** 2 * (7.9e-6 / energy**2 - 0.316)
    triplets = 1.0 + max(0.0, math.log(energy / (4.0 * ELECTRON_MASS))) / (3.0 * Z)
    return scale * distortion * triplets


@uncounted
def pair_total(energy: float, Z: float, nodes: Nodes, weights: Nodes) -> float:
    """Cross-section of pair production [cm2 per atom] of a photon.

    The integral of `pair_differential` is right above 10 MeV only; `_slow_pair_total` takes over
    below 6 MeV. Between them the weight changes linearly in ln E.
    """
    fast = (math.log(energy) - _LN_SLOW) / (_LN_FAST - _LN_SLOW)
    if fast <= 0.0:
        return _slow_pair_total(energy, Z)
    least = ELECTRON_MASS / energy
    total = 0.0
    for i in range(len(nodes)):
        e = least + (0.5 - least) * nodes[i]
        total += weights[i] * pair_differential(e, energy, Z)
    # symmetric in the two electrons
    total *= 2.0 * (0.5 - least)
    if fast >= 1.0:
        return total
    return fast * total + (1.0 - fast) * _slow_pair_total(energy, Z)


@uncounted
def radiation(T: float, Z: float, cut: float, nodes: Nodes, weights: Nodes) -> tuple[float, float]:
    """Bremsstrahlung above the cut [cm2 per atom] and energy lost below it [GeV cm2 per atom]."""
    E = T + ELECTRON_MASS
    least = 1e-4 * min(cut, T)
    soft = hard = 0.0
    for i in range(len(nodes)):
        k = nodes[i] * min(cut, T)
        soft += weights[i] * bremsstrahlung_differential(max(k, least), E, Z)
    if cut < T:
        span = math.log(T / cut)
        for i in range(len(nodes)):
            k = cut * math.exp(span * nodes[i])
            hard += weights[i] * span * bremsstrahlung_differential(k, E, Z)
    return hard, soft * min(cut, T)


@uncounted
def knock_ons(
    T: float, positron: bool, low: float, high: float, nodes: Nodes, weights: Nodes
) -> tuple[float, float]:
    """Collisions with a transfer between two limits: (cm2, GeV cm2) per electron."""
    high = min(high, T if positron else 0.5 * T)
    if high <= low:
        return 0.0, 0.0
    span = math.log(high / low)
    number = loss = 0.0
    for i in range(len(nodes)):
        w = low * math.exp(span * nodes[i])
        e = w / T
        density = bhabha_differential(e, T) if positron else moller_differential(e, T)
        number += weights[i] * span * e * density
        loss += weights[i] * span * e * density * w
    return number, loss


@uncounted
def density_effect(T: float, parameters: Nodes) -> float:
    """Density correction delta of the collision loss.

    x = log10(p/m): 2 ln10 x - C + a (x1 - x)^k between x0 and x1, without the last term above, and
    d0 10^(2(x-x0)) below: Sternheimer, Berger, Seltzer, At. Data Nucl. Data Tables 30 (1984) 261.
    parameters: C, x0, x1, a, k, d0.
    """
    C, x0, x1, a, k, d0 = parameters
    x = 0.5 * math.log10(T * (T + 2.0 * ELECTRON_MASS) / ELECTRON_MASS**2)
    if x < x0:
        return d0 * 10.0 ** (2.0 * (x - x0))
    straight = 2.0 * math.log(10.0) * x - C
    return straight + a * (x1 - x) ** k if x < x1 else straight


@uncounted
def bethe_loss(T: float, excitation: float, delta: float, low: float) -> float:
    """Collision loss with transfers below `low` [GeV cm2 per electron].

    2 pi re^2 m/b^2 {ln[2(t+2)/(I/m)^2] + F(t, w) - delta}, t = T/m, w = low/m, with Moller's F:
    -1 - b^2 + ln[(t-w) w] + t/(t-w) + [w^2/2 + (2t+1) ln(1 - w/t)]/g^2.
    Berger and Seltzer, NASA SP-3012 (1964). Right for electrons up to w = t/2, for positrons too
    where w is small against t.
    """
    t = T / ELECTRON_MASS
    g = t + 1.0
    beta2 = 1.0 - 1.0 / g**2
    w = min(low / ELECTRON_MASS, 0.5 * t)
    F = -1.0 - beta2 + math.log((t - w) * w) + t / (t - w)
    F += (0.5 * w * w + (2.0 * t + 1.0) * math.log(1.0 - w / t)) / g**2
    logarithm = math.log(2.0 * (t + 2.0) / (excitation / ELECTRON_MASS) ** 2)
    return 2.0 * math.pi * ELECTRON_RADIUS**2 * ELECTRON_MASS / beta2 * (logarithm + F - delta)
