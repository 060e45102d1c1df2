"""The generator network: how the energy of a layer is shared by its cells.

Noise and conditions (ln E, impact point, energy and hits of the layers) become the fractions of
each layer's energy that are expected in its cells: a softmax of the template and of what the
network adds to it, for each group of cells (`hyperhex.fastsim.groups`). The cells are then drawn
about them (`hyperhex.kernels.hits`).

Its heads are dense. `HexConv2d` layers on low-resolution maps and the template in place of the head
of the cells, or beside it, with noise of their own in every cell or without, were compared at equal
training time: showers were no more like the full simulation, and fewer a second.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.fastsim.conditions import Conditions, Layers
from hyperhex.fastsim.template import Template

__all__ = ["Generator", "dense"]

_START = 0.1
_SLOPE = 0.2


class Generator(nn.Module):
    """Fractions of the layers' energies in cells, G(z | ln E, x, y, layers)."""

    groups: torch.Tensor

    def __init__(
        self,
        template: Template,
        conditions: Conditions,
        groups: NDArray[np.int64],
        noise: int,
        widths: tuple[int, ...],
    ) -> None:
        super().__init__()
        self.n_layers, self.n_cells = conditions.n_layers, len(template.positions)
        self.n_groups = int(groups.max()) + 1
        self.register_buffer("groups", torch.from_numpy(groups), persistent=False)
        self.noise, self.widths = noise, tuple(widths)
        self.template, self.conditions = template, conditions
        sizes = (noise + 5 + 2 * self.n_layers, *widths)
        self.trunk = dense(sizes)
        self.head = nn.Linear(sizes[-1], self.n_layers * self.n_groups)
        nn.init.normal_(self.head.weight, std=_START / sizes[-1] ** 0.5)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> torch.Tensor:
        """Fractions (n, n_layers, n_cells), of unit sum in each layer.

        `noise` (n, noise) is normal, `log_energy` (n,) of [GeV], `impact` (n, 2) in the wedge [cm].
        """
        departures = self.departures(noise, log_energy, impact, layers)
        cells = departures.index_select(2, self.groups)
        return torch.softmax(cells + self.template(log_energy, impact), dim=2)

    def departures(
        self, noise: torch.Tensor, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> torch.Tensor:
        """What the network adds to the template's logits, (n, n_layers, n_groups)."""
        told = self.conditions.of_particle(log_energy, impact), self.conditions.of_layers(layers)
        hidden = self.trunk(torch.cat([noise, *told], dim=1))
        return self.head(hidden).view(-1, self.n_layers, self.n_groups)


def dense(sizes: tuple[int, ...]) -> nn.Sequential:
    """Hidden layers of these widths, the first that of the inputs."""
    blocks = [
        layer
        for ins, outs in pairwise(sizes)
        for layer in (nn.Linear(ins, outs), nn.LeakyReLU(_SLOPE))
    ]
    return nn.Sequential(*blocks)
