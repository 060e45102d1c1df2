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

__all__ = ["Generator", "dense"]

_START = 0.1
_SLOPE = 0.2


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
        told = self.conditions.of_shower(log_energy, impact, layers)
        hidden = self.trunk(torch.cat([noise, told], dim=1))
        departures = linear(hidden, self.head.weight, self.head.bias)
        departures = departures.reshape(hidden.shape[0], self.n_layers, self.n_groups)
        if self.cores is None:
            return departures, None
        own = noise[:, : OWN_NOISE * self.cores.secondaries]
        cores = self.cores(hidden, own, impact)
        if self.correction is not None and not self.training:
            cores = self.correction.narrowed(self.template, cores, layers)
        return departures, cores


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
