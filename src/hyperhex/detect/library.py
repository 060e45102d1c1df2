"""Showers of the full simulation's library, read out by the detector's own response."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from hyperhex.config import Data
from hyperhex.detector.patch import Patch
from hyperhex.fastsim.symmetry import inverses, move, wedge
from hyperhex.random import stream
from hyperhex.refine.refiner import Refiner
from hyperhex.refine.response import Pattern, respond

__all__ = ["FullShowers", "Library"]

# what counts as one step away: in ln E, and in cells
_ENERGY_STEP = 0.1
_IMPACT_STEP = 0.1
# one of so many nearest showers is drawn, so that like particles do not all leave the same one
_NEAREST = 4

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Library:
    """Showers of one particle.

    `deposits` (n, layers, cells) [GeV], `energy` (n,) [GeV], `impact` (n, 2) in the central cell
    [cm].
    """

    deposits: NDArray[np.float32]
    energy: Floats
    impact: Floats


class FullShowers:
    """Full simulation, the detector's response, and the calibration that detection uses.

    The response is the one that the refiner learns from data without being told (`data` in the
    config); the calibration is the refiner's, which is also that of real showers. What differs from
    refined fast simulation is then what data would differ by.
    """

    def __init__(
        self, libraries: Mapping[str, Library], refiner: Refiner, data: Data, pattern: Pattern
    ) -> None:
        self.patch: Patch = refiner.scale.patch
        self._refiner = refiner
        self._data = data
        self._pattern = pattern
        self._inverse = inverses(self.patch)
        self._showers = {name: self._turned(one) for name, one in libraries.items()}
        self._trees = {
            name: cKDTree(self._place(one.energy, one.impact))
            for name, one in self._showers.items()
        }

    def draw(
        self, particle: str, energy: Floats, impact: Floats, seed: int
    ) -> tuple[NDArray[np.float32], Floats]:
        """Deposits (n, layers, cells) and calibrated energies (n,) [GeV].

        Each is a shower of the library that is near in ln E and in where it entered, as seen after
        one of the twelve symmetries of the cell, scaled to the energy. `energy` (n,) [GeV],
        `impact` (n, 2) is the entry point in the central cell [cm].
        """
        random, library = stream(seed, "library"), self._showers[particle]
        operation, point = wedge(self.patch, impact)
        near = min(_NEAREST, len(library.energy))
        _, found = self._trees[particle].query(self._place(energy, point), k=near)
        column = random.integers(0, near, len(energy))
        chosen = found.reshape(len(energy), near)[np.arange(len(energy)), column]
        scale = (energy / library.energy[chosen]) / self._refiner.scale.mip
        cells = library.deposits[chosen] * scale.astype(np.float32)[:, None, None]
        cells = move(self.patch, cells, self._inverse[operation])
        read = respond(cells, self._data, self._pattern, self.patch.neighbours, random)
        deposits = (read * self._refiner.scale.mip).astype(np.float32)
        return deposits, self._refiner.calibrate(deposits).astype(np.float64)

    def _turned(self, library: Library) -> Library:
        """The library with all entry points in one wedge of the cell."""
        operation, impact = wedge(self.patch, library.impact)
        return Library(move(self.patch, library.deposits, operation), library.energy, impact)

    def _place(self, energy: Floats, impact: Floats) -> Floats:
        """Where showers are, in steps, (n, 3)."""
        steps = impact / (_IMPACT_STEP * self.patch.pitch)
        return np.column_stack([np.log(energy) / _ENERGY_STEP, steps])
