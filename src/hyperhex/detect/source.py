"""Where showers come from: refined fast simulation, or what it is compared with.

`raw` is fast simulation that nobody refined, calibrated as it would then be: by showers of the full
simulation without the detector's response. `full` are showers of the full simulation through the
detector's response (`detect.library`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import Data
from hyperhex.detect.library import FullShowers, Library
from hyperhex.detect.showers import ShowerSource
from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim.simulation import FastSimulation, load_generator, single_thread
from hyperhex.provenance import read_json
from hyperhex.random import integer
from hyperhex.refine.calibration import Calibration, fit_calibration
from hyperhex.refine.refiner import Refiner, Scale, load_refiner
from hyperhex.refine.response import apply_threshold, detector_pattern

__all__ = ["PARTICLES", "Models", "RawShowers", "RefinedShowers", "load_source"]

PARTICLES = ("photon", "electron")


@dataclass(frozen=True)
class Models:
    """Folders of the networks; for a variation also its name and the libraries of showers.

    `generators` holds a folder with the fast simulation of each particle.
    """

    generators: Path
    refiner: Path
    variation: str | None = None
    showers: tuple[Path, ...] = ()


class RefinedShowers:
    """Fast simulation followed by refinement and calibration."""

    def __init__(self, generators: Mapping[str, FastSimulation], refiner: Refiner) -> None:
        self.patch: Patch = refiner.scale.patch
        self._generators = generators
        self._refiner = refiner

    def draw(
        self, particle: str, energy: NDArray[np.float64], impact: NDArray[np.float64], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Deposits (n, layers, cells) and calibrated energies (n,) [GeV].

        `energy` (n,) [GeV], `impact` (n, 2) is the entry point in the central cell [cm]. One
        thread, so that sums do not depend on the machine.
        """
        part = integer(seed, "sample", bits=63)
        drawn = self._generators[particle].sample(energy, impact, part)
        with single_thread():
            refined = self._refiner.apply(drawn, energy, integer(seed, "refine", bits=63))
            return refined, self._refiner.calibrate(refined).astype(np.float64)


class RawShowers:
    """Fast simulation without refinement: the very showers that refinement starts from."""

    def __init__(
        self, generators: Mapping[str, FastSimulation], scale: Scale, calibration: Calibration
    ) -> None:
        self.patch: Patch = scale.patch
        self._generators = generators
        self._threshold = scale.threshold * scale.mip
        self._calibration = calibration

    def draw(
        self, particle: str, energy: NDArray[np.float64], impact: NDArray[np.float64], seed: int
    ) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
        """Deposits (n, layers, cells) and calibrated energies (n,) [GeV], as of refined showers."""
        part = integer(seed, "sample", bits=63)
        drawn = self._generators[particle].sample(energy, impact, part)
        read = apply_threshold(drawn, self._threshold).astype(np.float32)
        return read, self._calibration(read.sum(axis=(1, 2), dtype=np.float64))


def load_source(models: Models) -> ShowerSource:
    """Showers of the networks, or of a variation of them."""
    refiner = load_refiner(models.refiner)
    if models.variation is None:
        return RefinedShowers(_load(models.generators), refiner)
    libraries = _read(models.showers)
    if models.variation == "raw":
        calibration = _calibration(libraries.values(), refiner.scale)
        return RawShowers(_load(models.generators), refiner.scale, calibration)
    told = read_json(models.refiner / "refiner.json")["settings"]
    data, cells = Data.model_validate(told["data"]), refiner.scale.patch.n_cells
    pattern = detector_pattern(data, told["seed"], refiner.scale.n_layers, cells)
    return FullShowers(libraries, refiner, data, pattern)


def _load(folder: Path) -> dict[str, FastSimulation]:
    """Fast simulations by particle."""
    return {particle: load_generator(folder / particle) for particle in PARTICLES}


def _read(showers: Sequence[Path]) -> dict[str, Library]:
    """Libraries by the particle."""
    opened = {str(one.attributes["particle"]): one for one in map(store.open, showers)}
    missing = [name for name in PARTICLES if name not in opened]
    if missing:
        msg = (
            f"showers of {sorted(opened)} given, expected {list(PARTICLES)}: no library of"
            f" {missing}; add to simulate.particles, or vary nothing (hyperclass.variations)"
        )
        raise StoreError(msg)
    return {
        name: Library(
            opened[name]["deposits"][:],
            opened[name]["energy"][:].astype(np.float64),
            opened[name]["impact"][:].astype(np.float64),
        )
        for name in PARTICLES
    }


def _calibration(libraries: Iterable[Library], scale: Scale) -> Calibration:
    """Calibration by the odd showers, as the refiner's is: the even ones became data."""
    visible, energy = [], []
    for library in libraries:
        cells = apply_threshold(library.deposits[1::2], scale.threshold * scale.mip)
        visible.append(cells.sum(axis=(1, 2), dtype=np.float64))
        energy.append(library.energy[1::2])
    return fit_calibration(np.concatenate(visible), np.concatenate(energy))
