"""The library of full-simulation showers as training and judging need it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import symmetry
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.observables import matrix, observables

__all__ = ["Given", "Sample", "Showers", "prepare", "thresholded"]


@dataclass(frozen=True)
class Sample:
    """Showers of one kind of particle, cells below the threshold zero.

    `deposits` (n, layers, cells) [MIP], `energy` (n,) [GeV], `impact` (n, 2) [cm].
    """

    deposits: NDArray
    energy: NDArray
    impact: NDArray

    def __len__(self) -> int:
        return len(self.energy)

    def rows(self, chosen: slice | NDArray) -> Sample:
        """Some of the showers."""
        return Sample(*(part[chosen] for part in vars(self).values()))

    def observables(self, patch: Patch) -> dict[str, NDArray[np.float64]]:
        """Observables by name."""
        return observables(patch, self.deposits, self.energy, self.impact)

    def matrix(self, patch: Patch) -> NDArray[np.float64]:
        """All observables side by side."""
        return matrix(patch, self.deposits, self.energy, self.impact)


@dataclass(frozen=True)
class Given:
    """What is known of showers in the wedge before their cells are drawn.

    `log_energy` (n,), `impact` (n, 2) [cm] and the `layers`.
    """

    log_energy: torch.Tensor
    impact: torch.Tensor
    layers: Layers

    def __len__(self) -> int:
        return len(self.log_energy)

    def to(self, device: str) -> Given:
        """The same on a device."""
        layers = Layers(self.layers.energy.to(device), self.layers.hits.to(device))
        return Given(self.log_energy.to(device), self.impact.to(device), layers)

    def rows(self, chosen: slice | torch.Tensor) -> Given:
        """That of some of the showers."""
        return Given(self.log_energy[chosen], self.impact[chosen], self.layers.rows(chosen))


@dataclass(frozen=True)
class Showers(Given):
    """Training showers in the wedge, `deposits` (n, layers, cells) [MIP]."""

    deposits: torch.Tensor

    def rows(self, chosen: slice | torch.Tensor) -> Showers:
        """Some of the showers."""
        given = super().rows(chosen)
        return Showers(given.log_energy, given.impact, given.layers, self.deposits[chosen])

    def given(self) -> Given:
        """What is known of them without their cells."""
        return Given(self.log_energy, self.impact, self.layers)


def thresholded(deposits: NDArray, mip: float, threshold: float) -> NDArray[np.float32]:
    """Deposits [GeV] in units of the minimum-ionising particle, zero below the threshold [MIP]."""
    cells = np.asarray(deposits, np.float32) / np.float32(mip)
    cells[cells < threshold] = 0.0
    return cells


def prepare(patch: Patch, sample: Sample) -> Showers:
    """Training showers of a sample, turned into the wedge."""
    operation, impact = symmetry.wedge(patch, sample.impact)
    deposits = torch.from_numpy(symmetry.move(patch, sample.deposits, operation))
    return Showers(
        torch.from_numpy(np.log(sample.energy).astype(np.float32)),
        torch.from_numpy(impact.astype(np.float32)),
        Layers(deposits.sum(2), (deposits > 0).sum(2)),
        deposits,
    )
