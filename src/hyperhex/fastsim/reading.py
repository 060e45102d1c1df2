"""The library of a particle as the stage reads it: a part to train on, a part to judge with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import FastsimNetwork, FastsimSettings
from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim.agreement import Pair
from hyperhex.fastsim.library import Sample, thresholded
from hyperhex.fastsim.simulation import FastSimulation, Scale, load_generator
from hyperhex.random import integer

__all__ = ["Library", "drawn_often", "generated", "open_library"]

_TIMES = 8
_BLOCK = 8192  # showers


@dataclass(frozen=True)
class Library:
    """A store of full showers, what its numbers mean, and the settings of its particle.

    The showers up to number `cut` are to train on, those from there on to judge with. They are read
    when they are asked for: a hundred thousand pions are three gigabytes.
    """

    store: store.Store
    scale: Scale
    settings: FastsimNetwork
    seed: int
    cut: int

    @property
    def patch(self) -> Patch:
        """The cells of a layer."""
        return Patch(self.scale.rings, self.scale.pitch)

    def training(self) -> Sample:
        """Showers to train on."""
        return self._rows(slice(self.cut))

    def judging(self, number: int | None = None) -> Sample:
        """Showers that no training has seen, all of them or the first `number`."""
        return self._rows(slice(self.cut, None if number is None else self.cut + number))

    def generator(self, folder: Path) -> FastSimulation:
        """Fast simulation of a folder; raises `StoreError` if it was trained for other showers."""
        fast_simulation = load_generator(folder)
        if (trained := fast_simulation.scale) != self.scale:
            told = f"{folder}: trained for {trained}, the showers are of {self.scale}"
            msg = f"{told}; train it again"
            raise StoreError(msg)
        return fast_simulation

    def _rows(self, rows: slice) -> Sample:
        deposits, energy, impact = (
            self.store[name][rows] for name in ("deposits", "energy", "impact")
        )
        return Sample(
            thresholded(deposits, self.scale.mip, self.scale.threshold),
            np.asarray(energy, np.float64),
            np.asarray(impact, np.float64),
        )


def open_library(path: Path, settings: FastsimSettings) -> Library:
    """Library of one particle, with the settings that it has."""
    found = store.open(path)
    told, energy = found.attributes, np.asarray(found["energy"][:], np.float64)
    particle, geometry = str(told["particle"]), told["geometry"]
    chosen = FastsimNetwork.model_validate(settings.fastsim.of(particle))
    place = particle, geometry["rings"], geometry["pitch"], tuple(geometry["depths"])
    span = float(energy.min()), float(energy.max())
    scale = Scale(*place, told["mip"], chosen.threshold, span)
    cut = len(energy) - max(1, round(chosen.held_out * len(energy)))
    return Library(found, scale, chosen, integer(settings.seed, "fastsim", particle), cut)


def drawn_often(fast_simulation: FastSimulation, like: Sample, seed: int) -> Pair:
    """Response [MIP/GeV] and hits of eight fast showers under the conditions of each of others.

    What the fast simulation has in the mean is then known better than that of the others.
    """
    rows = [slice(k, k + _BLOCK) for k in range(0, len(like), _BLOCK)] * _TIMES
    found: list[tuple[NDArray[np.float64], ...]] = []
    for number, chosen in enumerate(rows):
        energy, part = like.energy[chosen], integer(seed, "fastsim", "judge", "often", number)
        hits = fast_simulation.hits(energy, like.impact[chosen], part)
        visible = np.concatenate([np.zeros(1), np.cumsum(hits.energy, dtype=np.float64)])
        response = np.diff(visible[hits.first]) / (fast_simulation.scale.mip * energy)
        found.append((energy, response, np.diff(hits.first).astype(np.float64)))
    energies, responses, numbers = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return energies, {"response": responses, "hits": numbers}


def generated(fast_simulation: FastSimulation, like: Sample, seed: int) -> Sample:
    """Fast showers under the conditions of others, cells in [MIP]."""
    drawn = fast_simulation.sample(like.energy, like.impact, integer(seed, "fastsim", "judge"))
    drawn /= np.float32(fast_simulation.scale.mip)
    return Sample(drawn, like.energy, like.impact)
