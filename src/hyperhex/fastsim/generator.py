"""The generator network: how the energy of a layer is shared by its cells.

Noise and conditions (ln E, impact point, energy and hits of the layers) become the fractions of
each layer's energy that are expected in its cells (`hyperhex.fastsim.fractions`): the network says
what is added to the template for each group of cells (`hyperhex.fastsim.groups`), and where the
cores of secondaries are (`hyperhex.fastsim.cores`). The cells are then drawn about them
(`hyperhex.kernels.hits`).

Its heads are dense. `HexConv2d` layers on low-resolution maps and the template in place of the head
of the cells, or beside it, with noise of their own in every cell or without, were compared at equal
training time: showers were no more like the full simulation, and fewer a second.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.fastsim.conditions import Conditions, Layers
from hyperhex.fastsim.cores import OWN_NOISE, Cores
from hyperhex.fastsim.correction import Correction
from hyperhex.fastsim.fractions import fractions
from hyperhex.fastsim.linear import linear
from hyperhex.fastsim.template import Template
from hyperhex.kernels.lines import place_cores

__all__ = ["Generator", "OfHit", "dense"]

_START = 0.1
_SLOPE = 0.2
_FEW = 64
"""Showers that are told of all layers, as to choose some takes longer."""
_MOST = 0.5
"""Share of hit layers from which on it does so for any number of showers."""


@dataclass(frozen=True)
class OfHit:
    """What the generator says of the m layers with hits of n showers.

    `rows` (n, n_layers) says which of the m is a layer's, -1 for one without hits; `departures`
    (m, n_groups) and `cores` (m, k, 4) as of `Generator.told`.
    """

    rows: NDArray[np.int64]
    departures: NDArray[np.float32]
    cores: NDArray[np.float32] | None

    def part(self, chosen: slice) -> OfHit:
        """That of some of the showers, one after the other."""
        rows = self.rows[chosen]
        last = int(rows.max(initial=-1)) + 1
        first = last - int((rows >= 0).sum())
        cores = None if self.cores is None else self.cores[first:last]
        return OfHit(np.where(rows < 0, -1, rows - first), self.departures[first:last], cores)


class Generator(nn.Module):
    """Fractions of the layers' energies in cells, G(z | ln E, x, y, layers).

    `noise` is the number of z: those of the secondaries' own lines first, then as many as `shape`
    says, which with its other entries is what one is made with. There is no correction while it
    is in training.
    """

    groups: torch.Tensor

    def __init__(
        self,
        template: Template,
        conditions: Conditions,
        groups: NDArray[np.int64],
        depths: Sequence[float],
        noise: int,
        widths: Sequence[int],
        secondaries: int,
    ) -> None:
        super().__init__()
        self.n_layers, self.n_cells = conditions.n_layers, len(template.positions)
        self.n_groups = int(groups.max()) + 1
        self.register_buffer("groups", torch.from_numpy(groups), persistent=False)
        self.noise = noise + OWN_NOISE * secondaries
        self.shape = {"noise": noise, "widths": list(widths), "secondaries": secondaries}
        self.template, self.conditions = template, conditions
        sizes = (self.noise + 6 + 2 * self.n_layers, *widths)
        self.trunk = dense(sizes)
        self.head = nn.Linear(sizes[-1], self.n_layers * self.n_groups)
        nn.init.normal_(self.head.weight, std=_START / sizes[-1] ** 0.5)
        nn.init.zeros_(self.head.bias)
        relative = torch.tensor(depths) / max(depths)
        self.cores = Cores(sizes[-1], secondaries, relative) if secondaries else None
        self.correction = Correction(template) if secondaries else None

    def forward(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> torch.Tensor:
        """Fractions (n, n_layers, n_cells), of unit sum in each layer.

        `noise` (n, noise) is normal, `log_energy` (n,) of [GeV], `impact` (n, 2) in the wedge [cm].
        """
        departures, cores = self.told(noise, log_energy, impact, layers)
        found = fractions(self.template, self.groups, departures, cores, layers, impact)
        if self.correction is None or self.training:
            return found
        corrected: torch.Tensor = self.correction(self.template, found, layers, impact)
        return corrected

    def told(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """What the network adds to the template's logits, (n, n_layers, n_groups), and the cores.

        Arguments as of `forward`; the cores (n, n_layers, secondaries, 4) are those of `Cores`.
        """
        hidden = self.hidden(noise, log_energy, impact, layers)
        departures = linear(hidden, self.head.weight, self.head.bias)
        departures = departures.reshape(hidden.shape[0], self.n_layers, self.n_groups)
        if self.cores is None:
            return departures, None
        cores = self.cores(hidden, noise, impact)
        if self.correction is not None and not self.training:
            cores = self.correction.narrowed(self.template, cores, layers)
        return departures, cores

    def told_of_hit(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> OfHit:
        """The same of layers with hits alone, for showers that are drawn.

        Cores that have next to nothing of their layer have no strength.
        """
        hidden = self.hidden(noise, log_energy, impact, layers)
        hit = layers.hits > 0
        rows = torch.where(hit, hit.flatten().cumsum(0).reshape(hit.shape) - 1, -1)
        departures = self._departures(hidden, hit, rows)
        if self.cores is None or self.correction is None:
            return OfHit(rows.numpy(), departures.numpy(), None)
        cores = place_cores(
            self.cores.said(hidden).numpy(),
            self.cores.own(noise).contiguous().numpy(),
            impact.numpy(),
            self.cores.depths.numpy(),
            rows.numpy(),
            len(departures),
            layers.energy.numpy(),
            layers.hits.numpy(),
            self.template.hits.numpy(),
            self.template.shares.numpy(),
            self.correction.narrower.numpy(),
        )
        return OfHit(rows.numpy(), departures.numpy(), cores)

    def _departures(
        self, hidden: torch.Tensor, hit: torch.Tensor, rows: torch.Tensor
    ) -> torch.Tensor:
        """Those of layers that are hit, (m, n_groups): of all if that is hardly more."""
        number = int(hit.sum())
        if len(hit) < _FEW or number > _MOST * hit.numel():
            whole = linear(hidden, self.head.weight, self.head.bias)
            return whole.reshape(-1, self.n_groups).index_select(0, hit.flatten().nonzero()[:, 0])
        found = hidden.new_empty(number, self.n_groups)
        weights = self.head.weight.reshape(self.n_layers, self.n_groups, -1)
        biases = self.head.bias.reshape(self.n_layers, self.n_groups)
        parts = zip(hit.unbind(1), rows.unbind(1), weights, biases, strict=True)
        for there, place, weight, bias in parts:
            if len(own := there.nonzero()[:, 0]):
                departures = linear(hidden.index_select(0, own), weight, bias)
                found.index_copy_(0, place.index_select(0, own), departures)
        return found

    def hidden(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> torch.Tensor:
        """What the heads are told, (n, width); arguments as of `forward`."""
        told = self.conditions.of_shower(log_energy, impact, layers)
        found: torch.Tensor = self.trunk(torch.cat([noise, told], dim=1))
        return found


class Dense(nn.Sequential):
    """Linear layers with a leaky rectifier behind each."""

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        """Of `values` (n, inputs), (n, outputs)."""
        for layer in self:
            if isinstance(layer, nn.Linear):
                values = linear(values, layer.weight, layer.bias, _SLOPE)
        return values


def dense(sizes: Sequence[int]) -> Dense:
    """Hidden layers of these widths, the first that of the inputs."""
    blocks = [
        layer
        for ins, outs in pairwise(sizes)
        for layer in (nn.Linear(ins, outs), nn.LeakyReLU(_SLOPE))
    ]
    return Dense(*blocks)
