"""What is set after the training of a generator that has cores (`hyperhex.fastsim.calibration`).

The template alone has no hold on the cores of secondaries. What is multiplied here are the
fractions of all cells together, by distance, and how narrow the cores are.
"""

from __future__ import annotations

import torch
from torch import nn

from hyperhex.fastsim.conditions import Layers
from hyperhex.fastsim.template import Template

__all__ = ["Correction"]


class Correction(nn.Module):
    """Factors by the hits of a layer and their mean energy, at the knots of a template.

    Buffers
    -------
    whole : ln of that of the fractions, by distance, (n_hits, n_shares, n_layers, n_distance)
    narrower : ln of that of the cores' b, (n_hits, n_shares)
    """

    whole: torch.Tensor
    narrower: torch.Tensor

    def __init__(self, template: Template) -> None:
        super().__init__()
        self.register_buffer("whole", torch.zeros_like(template.radial))
        self.register_buffer("narrower", torch.zeros(template.radial.shape[:2]))

    def narrowed(self, template: Template, cores: torch.Tensor, layers: Layers) -> torch.Tensor:
        """Cores (n, n_layers, k, 4) of layers (n, n_layers), as of `hyperhex.fastsim.cores`."""
        times = torch.exp(template.weights(layers) @ self.narrower.flatten())
        strength, narrow, *place = cores.unbind(3)
        return torch.stack([strength, narrow * times[..., None], *place], dim=3)

    def forward(
        self, template: Template, fractions: torch.Tensor, layers: Layers, impact: torch.Tensor
    ) -> torch.Tensor:
        """Fractions (n, n_layers, n_cells), of unit sum in each layer, for an `impact` (n, 2) [cm].

        Its compiled form is `hyperhex.kernels.profiles.correct`.
        """
        factors = torch.exp(template.at_knots(layers, self.whole)) @ template.between(impact)
        found = fractions * factors
        return found / found.sum(2, keepdim=True)
