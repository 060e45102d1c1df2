"""What the networks are told of a particle and of its layers, in numbers of order one."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

__all__ = ["FARTHEST", "Conditions", "Layers", "fit_conditions", "root", "scaled"]

FARTHEST = 5.0
"""Departure of the response beyond which networks are told nothing more, in deviations."""


@dataclass(frozen=True)
class Layers:
    """Energy [MIP] and number of hit cells of each layer, both (n, n_layers)."""

    energy: torch.Tensor
    hits: torch.Tensor

    def rows(self, chosen: slice | torch.Tensor) -> Layers:
        """Those of some of the showers."""
        return Layers(self.energy[chosen], self.hits[chosen])


class Conditions(nn.Module):
    """Energy, impact point and layers as inputs of networks.

    Buffers
    -------
    logs : smallest and largest ln E, (2,)
    reach : of impact points from the centre of the cell [cm]
    response : mean of T / E [MIP/GeV], T being the energy of all layers, and deviation of
        (T / (k E) - 1) sqrt(E) [GeV^1/2]
    hits, excess : mean and deviation of 2 sqrt(hits) and of ln(1 + energy above the thresholds
        of the hits) of each layer, (2, n_layers)
    """

    logs: torch.Tensor
    reach: torch.Tensor
    response: torch.Tensor
    hits: torch.Tensor
    excess: torch.Tensor

    NAMES = ("logs", "reach", "response", "hits", "excess")

    def __init__(self, threshold: float, **tables: torch.Tensor) -> None:
        super().__init__()
        self.threshold = threshold
        for name in self.NAMES:
            self.register_buffer(name, tables[name])
        self.n_layers = self.hits.shape[1]

    def of_particle(self, log_energy: torch.Tensor, impact: torch.Tensor) -> torch.Tensor:
        """Inputs (n, 5) from ln E (n,) of [GeV] and `impact` (n, 2) in the wedge [cm]."""
        low, high = self.logs
        place = (2.0 * log_energy - low - high) / (high - low).clamp_min(1e-6)
        point = impact / self.reach
        radius = point.norm(dim=1, keepdim=True)
        return torch.cat([place[:, None], place[:, None] ** 2, point, radius], dim=1)

    def of_layers(self, layers: Layers) -> torch.Tensor:
        """Inputs (n, 2 n_layers): those of the hits, those of the energy above the thresholds."""
        hits = scaled(root(layers.hits), self.hits)
        return torch.cat([hits, scaled(torch.log1p(self.above(layers)), self.excess)], dim=1)

    def of_shower(
        self, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers
    ) -> torch.Tensor:
        """Inputs (n, 6 + 2 n_layers): those of the particle and of the layers, and the response.

        The response is a difference of all others that is small beside any of them, and what leaks
        out of the cells sideways shows in it.
        """
        response = self.of_response(log_energy, layers).clamp(-FARTHEST, FARTHEST)
        told = self.of_particle(log_energy, impact), self.of_layers(layers), response[:, None]
        return torch.cat(told, dim=1)

    def of_response(self, log_energy: torch.Tensor, layers: Layers) -> torch.Tensor:
        """Departure of the response from its mean, whose width is about one at any energy, (n,)."""
        energy, (mean, width) = log_energy.exp(), self.response
        return (layers.energy.sum(1) / (mean * energy) - 1.0) * energy.sqrt() / width

    def above(self, layers: Layers) -> torch.Tensor:
        """Energy above the thresholds of the hits [MIP], (n, n_layers)."""
        return _above(layers, self.threshold)


def fit_conditions(
    log_energy: torch.Tensor, layers: Layers, pitch: float, threshold: float
) -> Conditions:
    """Conditions with the scales of showers; `pitch` of the cells [cm], `threshold` [MIP]."""
    energy = log_energy.exp()
    ratio = layers.energy.sum(1) / energy
    mean = ratio.mean()
    deviation = ((ratio / mean - 1.0) * energy.sqrt()).std().clamp_min(1e-3)
    tables = {
        "response": torch.stack([mean, deviation]),
        "logs": torch.stack([log_energy.min(), log_energy.max()]),
        "reach": torch.tensor(0.5 * pitch),
        "hits": _scale(root(layers.hits)),
        "excess": _scale(torch.log1p(_above(layers, threshold))),
    }
    return Conditions(threshold, **tables)


def root(hits: torch.Tensor) -> torch.Tensor:
    """2 sqrt(hits), whose fluctuations are about one whatever the number."""
    return 2.0 * torch.sqrt(hits.to(torch.float32))


def scaled(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Departure from the mean in deviations; `scale` holds both."""
    return (values - scale[0]) / scale[1]


def _above(layers: Layers, threshold: float) -> torch.Tensor:
    return (layers.energy - threshold * layers.hits).clamp_min(0.0)


def _scale(values: torch.Tensor) -> torch.Tensor:
    """Mean and deviation of columns, (2, k)."""
    return torch.stack([values.mean(0), values.std(0).clamp_min(1e-3)])
