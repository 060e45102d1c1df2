"""Photons and electrons as showers on the cylinder: drawn by the network or parametrised."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Detect
from hyperhex.detect.particles import Particles
from hyperhex.detect.response import resolution, smear
from hyperhex.detector.cylinder import Cylinder
from hyperhex.detector.patch import Patch
from hyperhex.kernels.hexagonal.cylinder import overlay

__all__ = ["Hits", "ShowerSource", "draw_showers", "join"]

_SHOWERS_PER_BLOCK = 4096

Floats = NDArray[np.float64]


class ShowerSource(Protocol):
    """What draws showers that look like the detector's: fast simulation, then refinement."""

    patch: Patch

    def draw(
        self, particle: str, energy: Floats, impact: Floats, seed: int
    ) -> tuple[NDArray[np.float32], Floats]:
        """Deposits (n, layers, cells) and calibrated energies (n,) [GeV] of incident particles.

        `energy` (n,) [GeV], `impact` (n, 2) is the entry point in the central cell [cm].
        """


@dataclass(frozen=True)
class Hits:
    """Energy in cells of the cylinder, each array (n,), energy in GeV."""

    event: NDArray[np.int32]
    cell: NDArray[np.int32]
    energy: Floats


def join(parts: list[Hits]) -> Hits:
    """All hits in one."""
    return Hits(
        np.concatenate([part.event for part in parts]),
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.energy for part in parts]),
    )


def draw_showers(
    particles: Particles,
    settings: Detect,
    grid: Cylinder,
    source: ShowerSource,
    seeds: Callable[[str, int], int],
    rng: np.random.Generator,
) -> tuple[Hits, Floats]:
    """Hits of all photons and electrons, and the energy measured of each particle (n,) [GeV].

    The network draws those above `network_energy` within `network_eta`; one above
    `network_energy_max` is a shower of that energy, scaled up. All others deposit a parametrised
    energy in the cell that they enter. `seeds(particle, block)` are the network's seeds.
    """
    energy = np.zeros(len(particles))
    cell = grid.index(particles.eta, particles.phi)
    electromagnetic = (particles.is_photon | particles.is_electron) & (cell >= 0)
    drawn = (
        electromagnetic
        & (particles.energy >= settings.network_energy)
        & (np.abs(particles.eta) < settings.network_eta)
    )
    soft = electromagnetic & ~drawn
    relative = resolution(particles.energy[soft], settings.calorimeter.electromagnetic)
    energy[soft] = smear(particles.energy[soft], relative, rng)
    hits = [Hits(particles.event[soft], cell[soft], energy[soft])]
    for name, is_kind in (("photon", particles.is_photon), ("electron", particles.is_electron)):
        for block, rows in enumerate(_blocks(np.flatnonzero(drawn & is_kind))):
            true = particles.energy[rows]
            cap = np.minimum(true, settings.network_energy_max)
            impact = _impact(particles, rows, cell[rows], grid, source.patch)
            deposits, calibrated = source.draw(name, cap, impact, seeds(name, block))
            energy[rows] = calibrated * (true / cap)
            hits.append(
                _lay(particles.event[rows], cell[rows], deposits, energy[rows], grid, source)
            )
    return join(hits), energy


def _blocks(rows: NDArray[np.intp]) -> Iterator[NDArray[np.intp]]:
    for first in range(0, len(rows), _SHOWERS_PER_BLOCK):
        yield rows[first : first + _SHOWERS_PER_BLOCK]


def _impact(
    particles: Particles,
    rows: NDArray[np.intp],
    cell: NDArray[np.int32],
    grid: Cylinder,
    patch: Patch,
) -> Floats:
    """Entry points (n, 2) relative to the centres of the cells: x along phi, y along eta [cm]."""
    deta, dphi = grid.offset(cell, particles.eta[rows], particles.phi[rows])
    return np.stack([dphi, deta], axis=1) * (patch.pitch / grid.pitch)


def _lay(
    event: NDArray[np.int32],
    cell: NDArray[np.int32],
    deposits: NDArray[np.float32],
    energy: Floats,
    grid: Cylinder,
    source: ShowerSource,
) -> Hits:
    """Hits whose sum over a shower is its calibrated energy."""
    visible = deposits.sum(axis=(1, 2), dtype=np.float64)
    scale = np.divide(energy, visible, out=np.zeros_like(energy), where=visible > 0)
    shower, hit, deposit = overlay(
        cell, deposits, scale, source.patch.axial, grid.around, grid.n_rows
    )
    return Hits(event[shower], hit, deposit)
