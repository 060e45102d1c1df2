"""The fast simulation as one PyTorch module, for programs that know nothing of this package.

It does what `FastSimulation` does with NumPy: the network sees the impact point in its wedge, cells
are drawn as compound-Poisson variables, the shower is carried back. Its random numbers are torch's
own, so its showers are others of the same distribution; the mean energies that they are drawn about
follow from the noise alone and are the same.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import torch
from torch import nn

from hyperhex.fastsim import symmetry
from hyperhex.fastsim.compound_poisson import KNOTS_PER_UNIT
from hyperhex.fastsim.generator import FastSimulation

__all__ = ["Portable", "save_program"]

_RECORD = "generator.json"


class Portable(nn.Module):
    """Noise and conditions in, showers out."""

    matrices: torch.Tensor
    permutations: torch.Tensor
    inverse: torch.Tensor
    middle: torch.Tensor
    sums: torch.Tensor
    moments: torch.Tensor

    def __init__(self, fast_simulation: FastSimulation) -> None:
        super().__init__()
        patch, spectrum = fast_simulation.patch, fast_simulation.spectrum
        self.generator = copy.deepcopy(fast_simulation.generator).requires_grad_(False)
        self.scale = fast_simulation.scale
        tables = {
            "matrices": torch.from_numpy(patch.symmetry_matrices).float(),
            "permutations": torch.from_numpy(patch.symmetries),
            "inverse": torch.from_numpy(symmetry.inverses(patch)),
            "middle": torch.from_numpy(symmetry.MIDDLE).float(),
            "sums": torch.from_numpy(spectrum.sums),
            "moments": torch.from_numpy(spectrum.moments).float(),
        }
        for name, table in tables.items():
            self.register_buffer(name, table)

    def forward(
        self,
        noise: torch.Tensor,
        energy: torch.Tensor,
        impact: torch.Tensor,
        particle: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Showers, and the mean energies they are drawn about, (n, n_layers, n_cells) [GeV] both.

        `noise` (n, noise) is normal, `energy` (n,) [GeV], `impact` (n, 2) in the central cell [cm],
        `particle` (n,) the index of the particle.
        """
        inside = energy.clamp(*self.scale.energies)
        images = torch.einsum("kij,nj->nki", self.matrices, impact)
        operation = torch.argmax(images @ self.middle, dim=1)
        point = torch.einsum("nij,nj->ni", self.matrices[operation], impact)
        mean, steady = self.generator(noise, torch.log(inside), point, particle)
        beyond = (energy / inside)[:, None, None]
        drawn = self._draw(mean, steady * mean) * beyond
        drawn = torch.where(drawn < self.scale.threshold, 0.0, drawn)
        cells = self.permutations[self.inverse[operation]][:, None, :].expand(mean.shape)
        carried = [torch.gather(part, 2, cells) for part in (drawn, mean * beyond)]
        return carried[0] * self.scale.mip, carried[1] * self.scale.mip

    def _draw(self, mean: torch.Tensor, without_hits: torch.Tensor) -> torch.Tensor:
        """As `hyperhex.fastsim.compound_poisson.draw`, though of every cell, hit or not, [MIP]."""
        first, variance = (moment[:, None] for moment in self.moments.unbind(1))
        number = torch.poisson((mean - without_hits) / first)
        layers, most, knots = self.sums.shape
        position = -torch.log1p(-torch.rand_like(mean)) * KNOTS_PER_UNIT
        position = position.clamp(max=knots - 1.001)
        knot = position.long()
        row = torch.arange(layers)[:, None] * most + number.long().clamp(1, most) - 1
        table, flat = self.sums.flatten(), row * knots + knot
        few = table[flat] + (position - knot) * (table[flat + 1] - table[flat])
        ninth = variance / (9.0 * number.clamp(min=1.0) * first**2)
        many = number * first * (1.0 - ninth + torch.randn_like(mean) * ninth.sqrt()) ** 3
        hits = torch.where(number > most, many, torch.where(number > 0, few, 0.0))
        return hits + without_hits


def save_program(fast_simulation: FastSimulation, path: Path) -> None:
    """Write the module as a program of `torch.export`, with what its numbers mean beside it.

    `torch.export.load` reads it and its extra file `generator.json` without this package; the
    number of showers is free.
    """
    generator, scale = fast_simulation.generator, fast_simulation.scale
    examples = (
        torch.zeros(3, generator.noise),
        torch.linspace(*scale.energies, 3),
        torch.zeros(3, 2),
        torch.zeros(3, dtype=torch.int64),
    )
    shapes = ({0: torch.export.Dim("showers")},) * len(examples)
    program = torch.export.export(Portable(fast_simulation), examples, dynamic_shapes=shapes)
    record = {
        "inputs": {
            "noise": f"(n, {generator.noise}), normal",
            "energy": "(n,) [GeV]",
            "impact": "(n, 2) in the central cell [cm]",
            "particle": "(n,), place in `particles`, int64",
        },
        "outputs": {
            "showers": f"(n, {generator.n_layers}, {generator.n_cells}) [GeV]",
            "means": "that they are drawn about, of the same shape [GeV]",
        },
        "noise": generator.noise,
        "cells": fast_simulation.patch.positions.round(9).tolist(),
        **asdict(scale),
    }
    torch.export.save(program, path, extra_files={_RECORD: json.dumps(record)})
