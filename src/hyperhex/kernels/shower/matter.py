"""What a particle moves through, what it leaves, and what waits to be followed.

A stack of slabs normal to z, its tables of interaction against energy, the tally of deposits and
the pile of secondaries. A particle is a row of nine numbers: x, y, z [cm], its direction (ux, uy,
uz), its kinetic energy [GeV], its charge (0 is a photon) and its slab.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.hexagonal.hexagon import point_index
from hyperhex.kernels.shower.constants import ELECTRON_MASS

__all__ = [
    "ABSORBED",
    "ATTENUATION",
    "BEFORE",
    "BEHIND",
    "BESIDE",
    "ELECTRON_STEPS",
    "HADRON_STEPS",
    "HARD",
    "INVISIBLE",
    "KNOCKS",
    "LOSS",
    "LOST",
    "N_BOOKS",
    "N_LEPTON",
    "N_PHOTON",
    "OUTSIDE",
    "PAIR",
    "PAIR_OR_COMPTON",
    "PHOTON_STEPS",
    "POINTS_PER_OCTAVE",
    "QUIET_LOSS",
    "RADIATION",
    "RADIATION_OR_KNOCK",
    "RANGE",
    "SCATTERING",
    "STEP",
    "VARIANCE",
    "Matter",
    "Pile",
    "Tally",
    "deposit",
    "energy_grid",
    "grid_place",
    "leave",
    "push",
]

# Where energy goes that no cell sees [GeV]: absorbed in passive matter; deposited in silicon
# outside the patch; gone through the front, the back or the side; with neutrinos, or into nuclei.
# LOST is energy dropped for want of room in the pile (an error). The last three count steps.
ABSORBED, OUTSIDE, BEFORE, BEHIND, BESIDE, INVISIBLE, LOST = range(7)
PHOTON_STEPS, ELECTRON_STEPS, HADRON_STEPS, N_BOOKS = range(7, 11)

# Columns of the photon tables: total cross-section [1/cm], shares of it.
ATTENUATION, PAIR, PAIR_OR_COMPTON, N_PHOTON = range(4)

# Columns of the lepton tables: cross-section of hard interactions [1/cm] and shares of it; loss by
# softer ones [GeV/cm]; inverse transport mean free path [1/cm]; longest step and range [cm]; for
# straggling the rate of small knock-ons [1/cm], the variance of still softer loss [GeV2/cm] and its
# mean [GeV/cm].
HARD, RADIATION, RADIATION_OR_KNOCK, LOSS, SCATTERING, STEP, RANGE = range(7)
KNOCKS, VARIANCE, QUIET_LOSS, N_LEPTON = range(7, 11)

POINTS_PER_OCTAVE = 16
_LOWEST_EXPONENT = -14
_HIGHEST_EXPONENT = 10

# A double's leading bits are its exponent and then its mantissa: shifting all but four bits of the
# mantissa away numbers the points 2^e (1 + i/16) in order, without a logarithm.
_SHIFT = np.int64(48)
_REST = np.int64((1 << 48) - 1)
_FIRST_POINT = np.int64((1023 + _LOWEST_EXPONENT) << 4)
_TO_FRACTION = 2.0**-48


class Matter(NamedTuple):
    """A stack of n slabs and the tables of its m materials.

    planes (n+1) [cm], increasing; materials (n): row in the tables, -1 for vacuum; sensors (n):
    readout layer, -1 if passive; shifts (n): x of the middle of the cells [cm]; photons (m, points,
    N_PHOTON) and leptons (m, 2, points, N_LEPTON), electrons first, on the points of `energy_grid`;
    Z, shares (m, k): charges of a material's elements and their cumulative shares in 1/X0; cells:
    table of `point_index`; pitch, radius of the world [cm]; cuts [GeV].
    """

    planes: NDArray[np.float64]
    materials: NDArray[np.int64]
    sensors: NDArray[np.int64]
    shifts: NDArray[np.float64]
    photons: NDArray[np.float64]
    leptons: NDArray[np.float64]
    Z: NDArray[np.float64]
    shares: NDArray[np.float64]
    cells: NDArray[np.int32]
    pitch: float
    radius: float
    photon_cut: float
    electron_cut: float
    knock_on_cut: float
    straggling_cut: float
    rejection: float


class Tally(NamedTuple):
    """What one shower leaves: deposits (layers, cells) and `books` (N_BOOKS), all in GeV."""

    deposits: NDArray[np.float64]
    books: NDArray[np.float64]


class Pile(NamedTuple):
    """Particles that wait: the last one is followed first, so the pile stays low."""

    tracks: NDArray[np.float64]
    height: NDArray[np.int64]


def energy_grid() -> NDArray[np.float64]:
    """Energies of the tables [GeV]: 16 points per octave, linear between powers of two."""
    exponents = np.arange(_LOWEST_EXPONENT, _HIGHEST_EXPONENT)
    mantissas = 1.0 + np.arange(POINTS_PER_OCTAVE) / POINTS_PER_OCTAVE
    return np.append((2.0 ** exponents[:, None] * mantissas).ravel(), 2.0**_HIGHEST_EXPONENT)


@inlined
def grid_place(energy: float) -> tuple[int, float]:
    """Point of the energy grid below an energy and the fraction of the way to the next."""
    bits = np.float64(energy).view(np.int64)
    point = (bits >> _SHIFT) - _FIRST_POINT
    return int(max(np.int64(0), point)), np.float64(bits & _REST) * _TO_FRACTION


@inlined
def deposit(matter: Matter, tally: Tally, slab: int, x: float, y: float, energy: float) -> None:
    """Book energy where it is left: in a cell, in silicon outside the patch, in passive matter."""
    layer = matter.sensors[slab]
    if layer < 0:
        tally.books[ABSORBED] += energy
        return
    cell = point_index(x - matter.shifts[slab], y, matter.pitch, matter.cells)
    if cell < 0:
        tally.books[OUTSIDE] += energy
    else:
        tally.deposits[layer, cell] += energy


@inlined
def leave(tally: Tally, slab: int, n_slabs: int, energy: float, charge: float) -> None:
    """Book the energy of a particle that left the stack; a positron takes its pair's masses."""
    if charge > 0.0:
        energy += 2.0 * ELECTRON_MASS
    if slab < 0:
        tally.books[BEFORE] += energy
    elif slab >= n_slabs:
        tally.books[BEHIND] += energy
    else:
        tally.books[BESIDE] += energy


@inlined
def push(
    pile: Pile,
    tally: Tally,
    track: NDArray[np.float64],
    direction: tuple[float, float, float],
    energy: float,
    charge: float,
) -> None:
    """Put a secondary on the pile, at the place and in the slab of `track`."""
    top = pile.height[0]
    if top >= len(pile.tracks):
        tally.books[LOST] += energy
        return
    row = pile.tracks[top]
    row[0], row[1], row[2] = track[0], track[1], track[2]
    row[3], row[4], row[5] = direction
    row[6], row[7], row[8] = energy, charge, track[8]
    pile.height[0] = top + 1
