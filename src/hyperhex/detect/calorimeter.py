"""Cells with noise and threshold, and the towers that gather them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from hyperhex.config import Calorimeter
from hyperhex.detect.response import Measured
from hyperhex.detect.showers import Hits, join
from hyperhex.detector.cylinder import Cylinder
from hyperhex.kernels.hexagonal.cylinder import sum_by_cell

__all__ = ["Towers", "gather", "read_out", "transverse"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Towers:
    """Towers ordered by event: first row of each event (events + 1,), the others (n,) [GeV, rad].

    Direction is that of the energy-weighted centre.
    """

    first: NDArray[np.int64]
    energy: Floats
    eta: Floats
    phi: Floats

    @property
    def pt(self) -> Floats:
        """Transverse energy, (n,) [GeV]."""
        return self.energy / np.cosh(self.eta)

    @property
    def event(self) -> NDArray[np.int32]:
        """Event of each tower, (n,)."""
        events = np.arange(len(self.first) - 1, dtype=np.int32)
        return np.repeat(events, np.diff(self.first))

    def image(self, grid: Cylinder) -> NDArray[np.float32]:
        """Transverse energy in each cell of a grid, (events, n_cells) [GeV]."""
        events = len(self.first) - 1
        cell = grid.index(self.eta, self.phi)
        inside = cell >= 0
        place = self.event[inside].astype(np.int64) * grid.n_cells + cell[inside]
        summed = np.bincount(place, self.pt[inside], minlength=events * grid.n_cells)
        return summed.reshape(events, grid.n_cells).astype(np.float32)


def read_out(
    hits: Hits, events: int, grid: Cylinder, calorimeter: Calorimeter, rng: np.random.Generator
) -> Hits:
    """Cells above threshold: energies summed by cell, with Gaussian noise.

    Cells without energy are not visited: how many of them noise lifts above the threshold t is
    Poisson with mean n_cells Phi(-t / noise), and their energies are the tail beyond t. They are
    drawn first, so that they are the same whatever was hit.
    """
    noise = _noise_hits(events, grid, calorimeter, rng)
    first, cell, energy = sum_by_cell(
        hits.event, hits.cell, hits.energy[:, None], events, grid.n_cells
    )
    event = np.repeat(np.arange(events, dtype=np.int32), np.diff(first))
    read = energy[:, 0] + rng.normal(0.0, calorimeter.noise, len(cell))
    above = read >= calorimeter.threshold
    return join([Hits(event[above], cell[above], read[above]), noise])


def _noise_hits(
    events: int, grid: Cylinder, calorimeter: Calorimeter, rng: np.random.Generator
) -> Hits:
    tail = float(ndtr(-calorimeter.threshold / calorimeter.noise))
    number = rng.poisson(grid.n_cells * tail, events)
    event = np.repeat(np.arange(events, dtype=np.int32), number)
    cell = rng.integers(0, grid.n_cells, len(event), dtype=np.int32)
    energy = -calorimeter.noise * ndtri(tail * (1.0 - rng.random(len(event))))
    return Hits(event, cell, energy)


def gather(cells: Hits, tracks: Measured, events: int, fine: Cylinder, coarse: Cylinder) -> Towers:
    """Towers of the cells that were read out and of the tracks, nearest tower first."""
    event = np.concatenate([cells.event, tracks.event])
    eta = np.concatenate([fine.eta[cells.cell], tracks.eta])
    phi = np.concatenate([fine.phi[cells.cell], tracks.phi])
    energy = np.concatenate([cells.energy, tracks.energy])
    tower = coarse.index(eta, phi)
    deta, dphi = coarse.offset(tower, eta, phi)
    values = np.stack([energy, energy * deta, energy * dphi], axis=1)
    first, cell, sums = sum_by_cell(event, tower, values, events, coarse.n_cells)
    total = sums[:, 0]
    phi = coarse.phi[cell] + sums[:, 2] / total
    return Towers(
        first, total, coarse.eta[cell] + sums[:, 1] / total, (phi + np.pi) % (2 * np.pi) - np.pi
    )


def transverse(cells: Hits, event: int, grid: Cylinder) -> Floats:
    """Transverse energy in every cell of one event, (n_cells,) [GeV]."""
    here = cells.event == event
    cell = cells.cell[here]
    summed = np.bincount(cell, cells.energy[here] / np.cosh(grid.eta[cell]), grid.n_cells)
    return summed.astype(np.float64)
