"""Showers of the fast simulation, moved onto the detector's response by the refiner."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.generator import FastSimulation, load_generator, single_thread
from hyperhex.random import integer
from hyperhex.refine.refiner import Refiner, load_refiner

__all__ = ["RefinedShowers", "load_source"]


class RefinedShowers:
    """Fast simulation followed by refinement and calibration."""

    def __init__(self, generator: FastSimulation, refiner: Refiner) -> None:
        self.patch: Patch = generator.patch
        self._generator = generator
        self._refiner = refiner

    def draw(
        self, particle: str, energy: NDArray[np.float64], impact: NDArray[np.float64], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Deposits (n, layers, cells) and calibrated energies (n,) [GeV].

        `energy` (n,) [GeV], `impact` (n, 2) is the entry point in the central cell [cm]. One
        thread, so that sums do not depend on the machine.
        """
        drawn = self._generator.sample(particle, energy, impact, integer(seed, "sample", bits=63))
        with single_thread():
            refined = self._refiner.apply(drawn, energy, integer(seed, "refine", bits=63))
            return refined, self._refiner.calibrate(refined).astype(np.float64)


def load_source(generator: Path, refiner: Path) -> RefinedShowers:
    """Showers of the networks in two folders."""
    return RefinedShowers(load_generator(generator), load_refiner(refiner))
