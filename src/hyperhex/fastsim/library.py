"""The library of full-simulation showers as training and judging need it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import symmetry
from hyperhex.fastsim.compound_poisson import HitSpectrum, fit_hit_spectrum
from hyperhex.fastsim.observables import matrix, observables
from hyperhex.fastsim.template import Template, fit_template

__all__ = ["Sample", "Showers", "prepare", "split", "thresholded"]


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
class Showers:
    """Training showers of all particles in the wedge.

    `deposits` (n, layers, cells) [MIP], `log_energy` (n,), `impact` (n, 2) [cm], `particle` (n,)
    the index of the particle.
    """

    deposits: torch.Tensor
    log_energy: torch.Tensor
    impact: torch.Tensor
    particle: torch.Tensor

    def __len__(self) -> int:
        return len(self.deposits)

    def to(self, device: str) -> Showers:
        """The same on a device."""
        return Showers(*(part.to(device) for part in vars(self).values()))

    def rows(self, chosen: slice | torch.Tensor) -> Showers:
        """Some of the showers."""
        return Showers(*(part[chosen] for part in vars(self).values()))


def thresholded(deposits: NDArray, mip: float, threshold: float) -> NDArray[np.float32]:
    """Deposits [GeV] in units of the minimum-ionising particle, zero below the threshold [MIP]."""
    cells = np.asarray(deposits, np.float32) / np.float32(mip)
    cells[cells < threshold] = 0.0
    return cells


def split(sample: Sample, held_out: float) -> tuple[Sample, Sample]:
    """Showers to train on and, the last of the sample, showers to judge with."""
    cut = len(sample) - max(1, round(held_out * len(sample)))
    return sample.rows(slice(cut)), sample.rows(slice(cut, None))


def prepare(patch: Patch, samples: Sequence[Sample]) -> tuple[Template, HitSpectrum, Showers]:
    """Template, spectrum of hits and training showers, all in the wedge, one sample a particle."""
    turned = [_in_wedge(patch, sample) for sample in samples]
    together = Sample(
        *(np.concatenate(parts) for parts in zip(*(vars(s).values() for s in turned), strict=True))
    )
    spectrum = fit_hit_spectrum(together.deposits, together.energy, patch.ring)
    parts = [[vars(sample)[name] for sample in turned] for name in vars(together)]
    template = fit_template(patch, parts[0], parts[1], parts[2], spectrum.mean)
    particle = np.repeat(np.arange(len(turned)), [len(s) for s in turned])
    showers = Showers(
        torch.from_numpy(together.deposits),
        torch.from_numpy(np.log(together.energy).astype(np.float32)),
        torch.from_numpy(together.impact.astype(np.float32)),
        torch.from_numpy(particle),
    )
    return template, spectrum, showers


def _in_wedge(patch: Patch, sample: Sample) -> Sample:
    operation, impact = symmetry.wedge(patch, sample.impact)
    return Sample(symmetry.move(patch, sample.deposits, operation), sample.energy, impact)
