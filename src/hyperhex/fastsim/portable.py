"""The fast simulation as one PyTorch module, for programs that know nothing of this package.

It does what `FastSimulation` does: the networks see the impact point in its wedge, energy and hits
of the layers are drawn, then the cells, and the shower is carried back. The random numbers of the
cells are torch's own, so its showers are others of the same distribution; the mean energies that
they are drawn about follow from the inputs alone and are the same.
"""

from __future__ import annotations

import copy
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.fastsim import symmetry
from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.simulation import FastSimulation
from hyperhex.kernels.hits import (
    KNOTS_PER_ROOT,
    LARGEST_STEP,
    MEANS_PER_ROOT,
    NEAR,
    SOFT,
)
from hyperhex.kernels.race import ATTEMPTS

__all__ = ["Portable", "save_program"]

_RECORD = "generator.json"
_LEAST = 1e-3
_LATE = 1e9


class Portable(nn.Module):
    """Random numbers and conditions in, showers out."""

    matrices: torch.Tensor
    permutations: torch.Tensor
    inverse: torch.Tensor
    middle: torch.Tensor
    sums: torch.Tensor
    moments: torch.Tensor
    zones: torch.Tensor
    crowds: torch.Tensor
    shared: torch.Tensor
    beside: torch.Tensor

    def __init__(self, fast_simulation: FastSimulation) -> None:
        super().__init__()
        patch, tables = fast_simulation.patch, fast_simulation.tables
        self.generator = copy.deepcopy(fast_simulation.generator).requires_grad_(False)
        self.density = copy.deepcopy(fast_simulation.density).requires_grad_(False)
        self.scale, self.draws = fast_simulation.scale, tables.draws
        kept = {
            "matrices": torch.from_numpy(patch.symmetry_matrices).float(),
            "permutations": torch.from_numpy(patch.symmetries),
            "inverse": torch.from_numpy(symmetry.inverses(patch)),
            "middle": torch.from_numpy(symmetry.MIDDLE).float(),
            "sums": torch.from_numpy(tables.sums),
            "moments": torch.from_numpy(tables.moments).float(),
            "zones": torch.from_numpy(tables.zones),
            "crowds": torch.from_numpy(tables.crowds),
            "shared": torch.from_numpy(tables.shared).float(),
            "beside": _adjacency(tables.neighbours),
        }
        for name, table in kept.items():
            self.register_buffer(name, table)

    def forward(
        self,
        noise: torch.Tensor,
        uniform: torch.Tensor,
        energy: torch.Tensor,
        impact: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Showers, and the mean energies they are drawn about, (n, n_layers, n_cells) [GeV] both.

        `noise` (n, noise) is normal, `uniform` (n, 2, factors of the density) in (0, 1), `energy`
        (n,) [GeV], `impact` (n, 2) in the central cell [cm].
        """
        inside = energy.clamp(*self.scale.energies)
        images = torch.einsum("kij,nj->nki", self.matrices, impact)
        operation = torch.argmax(images @ self.middle, dim=1)
        point = torch.einsum("nij,nj->ni", self.matrices[operation], impact)
        layers = self.density(torch.log(inside), point, uniform[:, 0], uniform[:, 1])
        fractions = self.generator(noise, torch.log(inside), point, layers)
        beyond = (energy / inside)[:, None, None]
        drawn = self._draw(fractions, layers) * beyond
        drawn = torch.where(drawn < self.scale.threshold, 0.0, drawn)
        mean = fractions * layers.energy[..., None]
        cells = self.permutations[self.inverse[operation]][:, None, :].expand(mean.shape)
        carried = [torch.gather(part, 2, cells) for part in (drawn, mean * beyond)]
        return carried[0] * self.scale.mip, carried[1] * self.scale.mip

    def _draw(self, fractions: torch.Tensor, layers: Layers) -> torch.Tensor:
        """As `hyperhex.kernels.hits.draw_hits`, though of every cell, hit or not, [MIP]."""
        race = -torch.log1p(-torch.rand_like(fractions))
        times = race / fractions.clamp_min(1e-30)
        hits = layers.hits[..., None]
        place = torch.arange(fractions.shape[2])
        among = (torch.rand_like(fractions) < self.shared[:, None]) & (place < hits - 1)
        first = hits - among.sum(2, keepdim=True)
        raced = _smallest(times, first)
        # the others are neighbours of those, or else the next of the race
        near = raced.to(times.dtype) @ self.beside
        turns = torch.where(near > 0, -torch.log1p(-torch.rand_like(times)) / near, _LATE + times)
        turns = torch.where(raced, torch.inf, turns)
        # in a layer that is all but full the attempts do not find room there for all
        room = torch.where(raced, 0.0, near).sum(2, keepdim=True) / (6.0 * first).clamp_min(1.0)
        late = torch.floor((hits - first) * (1.0 - ATTEMPTS * room)).clamp_min(0.0)
        hit = raced | _smallest(turns, hits - first - late)
        hit = hit | _smallest(torch.where(hit, torch.inf, times), late)
        # place of each cell in the tables: its kind and its layer
        n_layers, n_zones = self.shared.shape[0], len(self.moments) // (len(self.crowds) + 1)
        crowd = (hits >= self.crowds).sum(2, keepdim=True)
        kind = n_zones * crowd + self.zones
        table = kind * n_layers + torch.arange(n_layers)[:, None]
        more = fractions * layers.energy[..., None] / self.moments[..., 0].flatten()[table] - race
        more = torch.where(raced, more, 0.0).clamp_min(0.0)
        wanted = (layers.energy - self.scale.threshold * layers.hits).clamp_min(_LEAST)[..., None]
        return self._energies((more, table), hit, hits, wanted)

    def _energies(
        self,
        crossed: tuple[torch.Tensor, torch.Tensor],
        hit: torch.Tensor,
        hits: torch.Tensor,
        wanted: torch.Tensor,
    ) -> torch.Tensor:
        """Energies of the cells that are hit, of several drawn those that fit, [MIP].

        `crossed` is how often beyond once, in the mean, and in which tables that is looked up.
        """
        more, table = crossed
        kept, row = torch.zeros_like(more), _row(more)
        nearest = torch.full_like(wanted, torch.inf)
        for draw in range(max(1, self.draws // 2)):
            above = (self._crossed(more, row, table) - self.scale.threshold).clamp_min(_LEAST)
            above = torch.where(hit, above, 0.0)
            total = above.sum(2, keepdim=True).clamp_min(_LEAST)
            apart = torch.maximum(total / wanted, wanted / total) - 1.0
            may = (draw == 0) | ((hits > 1) & (hits * (draw + 1) <= self.draws))
            better = may & (apart < nearest) & (nearest >= NEAR)
            kept = torch.where(better, above, kept)
            nearest = torch.where(better, apart, nearest)
        total = kept.sum(2, keepdim=True).clamp_min(_LEAST)
        soft = kept / (kept + SOFT)
        step = (wanted - total) / (kept * soft).sum(2, keepdim=True).clamp_min(1e-9)
        changed = torch.where(step < LARGEST_STEP, wanted / total, 1.0 + step * soft)
        return torch.where(hit, self.scale.threshold + kept * changed, 0.0)

    def _crossed(self, more: torch.Tensor, row: torch.Tensor, table: torch.Tensor) -> torch.Tensor:
        """Energy of one crossing and a Poisson number more, of a mean and its row, [MIP]."""
        *_, n_means, knots = self.sums.shape
        position = torch.sqrt(-torch.log1p(-torch.rand_like(more))) * KNOTS_PER_ROOT
        position = position.clamp(max=knots - 1.001)
        knot = position.long()
        sums, place = self.sums.flatten(), (table * n_means + row.clamp(max=n_means - 1)) * knots
        low, high = sums[place + knot], sums[place + knot + 1]
        few = low + (position - knot) * (high - low)
        mean, variance = self.moments.flatten(0, 1)[table].unbind(-1)
        total = (1.0 + more) * mean
        ninth = ((1.0 + more) * variance + more * mean**2) / (9.0 * total**2)
        many = total * (1.0 - ninth + torch.randn_like(more) * ninth.sqrt()) ** 3
        return torch.where(more * MEANS_PER_ROOT**2 < (n_means - 1) ** 2, few, many)


def _row(more: torch.Tensor) -> torch.Tensor:
    """Row of the tables, of the two means about the own one either, at random."""
    scaled = more * MEANS_PER_ROOT**2
    below = scaled.sqrt().floor()
    share = (scaled - below**2) / (2.0 * below + 1.0)
    return (below + (torch.rand_like(more) < share)).long()


def _smallest(values: torch.Tensor, number: torch.Tensor) -> torch.Tensor:
    """Which are the `number` (..., 1) smallest of the last axis."""
    rank = (number - 1).clamp_min(0).long()
    last = torch.gather(values.sort(dim=2).values, 2, rank)
    return (values <= last) & (number > 0)


def _adjacency(neighbours: NDArray[np.int64]) -> torch.Tensor:
    """Matrix (n_cells, n_cells) with one where cells are neighbours."""
    cells, places = np.nonzero(neighbours >= 0)
    matrix = torch.zeros(len(neighbours), len(neighbours))
    matrix[cells, neighbours[cells, places]] = 1.0
    return matrix


def save_program(fast_simulation: FastSimulation, path: Path) -> None:
    """Write the module as a program of `torch.export`, with what its numbers mean beside it.

    `torch.export.load` reads it and its extra file `generator.json` without this package; the
    number of showers is free.
    """
    generator, scale = fast_simulation.generator, fast_simulation.scale
    uniform = 2, fast_simulation.density.factors
    examples = (
        torch.zeros(3, generator.noise),
        torch.full((3, *uniform), 0.5),
        torch.linspace(*scale.energies, 3),
        torch.zeros(3, 2),
    )
    shapes = ({0: torch.export.Dim("showers")},) * len(examples)
    program = torch.export.export(Portable(fast_simulation), examples, dynamic_shapes=shapes)
    record = {
        "inputs": {
            "noise": f"(n, {generator.noise}), normal",
            "uniform": f"(n, 2, {uniform[1]}), uniform in (0, 1)",
            "energy": "(n,) [GeV]",
            "impact": "(n, 2) in the central cell [cm]",
        },
        "outputs": {
            "showers": f"(n, {generator.n_layers}, {generator.n_cells}) [GeV]",
            "means": "that they are drawn about, of the same shape [GeV]",
        },
        "noise": generator.noise,
        "uniform": uniform,
        "cells": fast_simulation.patch.positions.round(9).tolist(),
        **asdict(scale),
    }
    torch.export.save(program, path, extra_files={_RECORD: json.dumps(record)})
