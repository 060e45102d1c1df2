"""The critic: cells and what a physicist would look at, in numbers of order one.

The derived quantities are compared with the full simulation's at the same energy before they enter,
so that a departure of one standard deviation is a one, at 1 GeV as at 100 GeV.

`HexConv2d` features of the cells, pooled over rings, were compared at equal training time. In place
of the dense look at the cells they lose sight of where a cell is; beside it they give less than the
iterations that they cost.
"""

from __future__ import annotations

import torch
from torch import nn

from hyperhex.fastsim.compound_poisson import Sums
from hyperhex.fastsim.generator import dense
from hyperhex.fastsim.template import hats
from hyperhex.kernels.sums import (
    ABOVE,
    ENERGY,
    FOURTH,
    HITS,
    HITS_MOMENTS,
    LOGARITHM,
    LOGARITHM_SQUARE,
    MOMENTS,
    SQUARE,
)

__all__ = ["Critic", "Standard", "derived_features", "gradient_penalty"]

_TINY = 1e-3
_KNOTS = 7


def derived_features(sums: Sums) -> torch.Tensor:
    """What the critic is shown beside the cells, a differentiable function of their sums.

    Per layer: centroid and width about the impact point of the energy and of the hits, width of
    the logarithms, mean ln(1 + cell), root of the sum of squares over the energy, share of the hits
    above each of some energies. Per ring: share of the energy and of the hits. Of the whole:
    centroid and width, mean ln(1 + cell), share of the hits above each energy, and the fourth root
    of the sum of fourth powers over the energy, which is that of the largest cells.
    Energy and hits of the layers themselves are known, and the same in both kinds of showers.
    """
    of = sums.layers
    energy, hits, logs = (of[..., k] + _TINY for k in (ENERGY, HITS, LOGARITHM))
    total, number = energy.sum(1, keepdim=True), hits.sum(1, keepdim=True)
    moments = of[..., MOMENTS : MOMENTS + 3]
    of_energy = moments / energy[..., None]
    of_hits = of[..., HITS_MOMENTS : HITS_MOMENTS + 3] / hits[..., None]
    whole, above = moments.sum(1) / total, of[..., ABOVE:]
    parts = [
        of_energy[..., 0],
        of_energy[..., 1],
        _width(of_energy[..., 2]),
        of_hits[..., 0],
        of_hits[..., 1],
        _width(of_hits[..., 2]),
        _width(of[..., LOGARITHM_SQUARE] / logs),
        logs / hits,
        torch.sqrt(of[..., SQUARE] + _TINY**2) / energy,
        sums.rings[:, 0] / total,
        sums.rings[:, 1] / number,
        whole[:, :2],
        _width(whole[:, 2:]),
        logs.sum(1, keepdim=True) / number,
        (above / hits[..., None]).flatten(1),
        above.sum(1) / number,
        (of[..., FOURTH].sum(1, keepdim=True) + _TINY**4).pow(0.25) / total,
    ]
    return torch.cat(parts, dim=1)


def _width(square: torch.Tensor) -> torch.Tensor:
    """Root of a mean square [cm^2], with a derivative at zero."""
    return torch.sqrt(square.clamp_min(0.0) + _TINY)


class Standard(nn.Module):
    """Departure from the mean in standard deviations, both as functions of ln E.

    Buffers: `knots` (n_energy,), `mean` and `deviation` (n_energy, n_features).
    """

    knots: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(self, features: torch.Tensor, log_energy: torch.Tensor) -> None:
        super().__init__()
        knots = torch.linspace(float(log_energy.min()), float(log_energy.max()), _KNOTS)
        knots = knots.to(log_energy.device)
        weight = hats(log_energy, knots)
        # normal equations: LAPACK's least squares differ in the last bits from call to call
        mean = torch.linalg.solve(weight.T @ weight, weight.T @ features)
        square = (features - weight @ mean).square()
        deviation = (weight.T @ square / weight.sum(0)[:, None]).sqrt()
        self.register_buffer("knots", knots)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation.clamp_min(1e-2))

    def forward(self, features: torch.Tensor, log_energy: torch.Tensor) -> torch.Tensor:
        """Standardised features, (n, n_features)."""
        weight = hats(log_energy, self.knots)
        return (features - weight @ self.mean) / (weight @ self.deviation)


class Critic(nn.Module):
    """Score D(cells, features | condition) of showers, high for the full simulation.

    The standard deviation of each feature over the batch, averaged, is one more input: showers that
    are all alike show in it.
    """

    def __init__(self, n_inputs: int, n_features: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.n_features = n_features
        sizes = (n_inputs + 1, *widths)
        self.network = nn.Sequential(dense(sizes), nn.Linear(sizes[-1], 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores (n,) of inputs (n, n_inputs), the features first."""
        # a feature may be the same in all showers, where a root has no second derivative
        deviation = torch.sqrt(inputs[:, : self.n_features].var(0) + _TINY**2)
        spread = deviation.mean().expand(len(inputs), 1)
        return self.network(torch.cat([inputs, spread], dim=1))[:, 0]


def gradient_penalty(
    critic: Critic, real: torch.Tensor, fake: torch.Tensor, share: torch.Tensor
) -> torch.Tensor:
    """Mean of (|grad D| - 1)^2 between real and generated showers (arXiv:1704.00028, eq. 3).

    `share` (n, 1) in [0, 1] says where between them.
    """
    between = (share * real + (1.0 - share) * fake).requires_grad_()
    (slope,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (slope.norm(dim=1) - 1.0).square().mean()
