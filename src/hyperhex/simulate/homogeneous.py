"""Showers in a block of one material, where the shape of a shower has a closed form."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import curve_fit
from scipy.special import gammaln

from hyperhex.detector.patch import Patch
from hyperhex.kernels.shower.matter import Matter
from hyperhex.simulate.library import CHARGES, Showers, simulate_given
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.stack import Stack, build_matter
from hyperhex.simulate.tables import Cuts, Steps

__all__ = ["block", "layer_deposits", "shower_maximum", "single_layer"]

# half a radiation length to a slab, and cells that catch all
_SLABS_PER_X0 = 2
_DEPTH_IN_X0 = 30
_CUTS = Cuts(photon=1e-3, electron=1e-3, knock_on=1e-3, straggling=1e-3)
_STEPS = Steps(loss=0.2, scattering=0.5, rejection=0.0)


def block(material: str) -> Matter:
    """Block of 30 radiation lengths, read out every half radiation length."""
    number = _SLABS_PER_X0 * _DEPTH_IN_X0
    width = MATERIALS[material].radiation_length / _SLABS_PER_X0
    stack = Stack((material,) * number, (width,) * number, tuple(range(number)))
    return build_matter(stack, Patch(1, 100.0), _CUTS, _STEPS, 100.0)


def layer_deposits(
    matter: Matter, particle: str, energy: float, number: int, seed: int
) -> NDArray[np.float64]:
    """Deposits by layer (n, layers) [GeV] of particles that enter at the centre along z."""
    made = _at_centre(matter, particle, energy, number, seed)
    deposits: NDArray[np.float64] = made.deposits.sum(axis=2)
    return deposits


def shower_maximum(profile: NDArray[np.float64]) -> float:
    """Depth of the maximum [X0] of a mean profile in slabs of half a radiation length.

    Fit of the gamma distribution b (bt)^(a-1) e^(-bt)/Gamma(a), whose maximum is at (a-1)/b:
    Longo and Sestili, Nucl. Instrum. Methods 128 (1975) 283.
    """
    depth = (np.arange(len(profile)) + 0.5) / _SLABS_PER_X0

    def density(t: NDArray[np.float64], a: float, b: float, scale: float) -> NDArray[np.float64]:
        return scale * b * np.exp((a - 1.0) * np.log(b * t) - b * t - gammaln(a))

    start = (4.0, 0.5, profile.sum() / _SLABS_PER_X0)
    # errors grow as the square root of the deposit
    sigma = np.sqrt(np.maximum(profile, 1e-3 * profile.max()))
    (a, b, _), _ = curve_fit(
        density, depth, profile, p0=start, sigma=sigma, bounds=([1.0, 0.1, 0.0], np.inf)
    )
    return float((a - 1.0) / b)


def single_layer(
    material: str, thickness: float, cuts: Cuts, number: int, seed: int
) -> NDArray[np.float64]:
    """Deposits (n,) [GeV] of electrons of 10 GeV in one layer [cm] by itself."""
    stack = Stack((material,), (thickness,), (0,))
    matter = build_matter(stack, Patch(1, 100.0), cuts, _STEPS, 100.0)
    return layer_deposits(matter, "electron", 10.0, number, seed)[:, 0]


def _at_centre(matter: Matter, particle: str, energy: float, number: int, seed: int) -> Showers:
    starts = np.zeros((number, 9))
    starts[:, 5] = 1.0
    starts[:, 6] = energy
    starts[:, 7] = CHARGES[particle]
    n_layers = int(matter.sensors.max()) + 1
    return simulate_given(matter, n_layers, starts, seed, np.arange(number, dtype=np.uint64))
