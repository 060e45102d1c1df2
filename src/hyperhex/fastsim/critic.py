"""The critic: cells and what a physicist would look at, in numbers of order one.

The derived quantities are compared with the full simulation's at the same energy before they enter,
so that a departure of one standard deviation is a one, at 1 GeV as at 100 GeV.

`HexConv2d` features of the cells, pooled over rings, were compared at equal training time. In place
of the dense look at the cells they lose sight of where a cell is; beside it they give less than the
iterations that they cost.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import nn

from hyperhex.fastsim.template import hats

__all__ = ["Critic", "DerivedFeatures", "Standard", "gradient_penalty"]

_TINY = 1e-3


class DerivedFeatures(nn.Module):
    """What the critic is shown beside the cells, a differentiable function of them.

    Per layer: ln(1 + energy), fraction, ln(1 + hits), mean ln(1 + cell), centroid and width about
    the impact point; per ring: fraction; of the whole: ln(1 + energy), ln(1 + hits),
    depth and its spread.
    Buffers: `positions` (n_cells, 2) [cm], `rings` (n_rings, n_cells), one-hot.
    """

    positions: torch.Tensor
    rings: torch.Tensor

    def __init__(self, positions: torch.Tensor, ring: torch.Tensor, n_layers: int) -> None:
        super().__init__()
        self.register_buffer("positions", positions)
        self.register_buffer("rings", nn.functional.one_hot(ring).T.to(positions.dtype))
        self.number = 7 * n_layers + len(self.rings) + 4

    def forward(
        self, energy: torch.Tensor, logarithm: torch.Tensor, hit: torch.Tensor, impact: torch.Tensor
    ) -> torch.Tensor:
        """Features (n, number) of the channels (n, n_layers, n_cells) and `impact` (n, 2) [cm]."""
        layers, hits = energy.sum(2), hit.sum(2)
        total = layers.sum(1, keepdim=True) + _TINY
        offset = self.positions[None] - impact[:, None]
        moments = energy @ torch.cat([offset, offset.square().sum(2, keepdim=True)], dim=2)
        moments = moments / (layers[..., None] + 1.0)
        fractions = layers / total
        depth = torch.arange(layers.shape[1], dtype=energy.dtype, device=energy.device)
        mean_depth = (fractions * depth).sum(1, keepdim=True)
        spread = (fractions * (depth - mean_depth).square()).sum(1, keepdim=True)
        parts = [
            torch.log1p(layers),
            fractions,
            torch.log1p(hits),
            logarithm.sum(2) / (hits + 1.0),
            moments[..., 0],
            moments[..., 1],
            torch.sqrt(moments[..., 2].clamp_min(0.0) + _TINY),
            energy.sum(1) @ self.rings.T / total,
            torch.log1p(total),
            torch.log1p(hits.sum(1, keepdim=True)),
            mean_depth,
            torch.sqrt(spread + _TINY),
        ]
        return torch.cat(parts, dim=1)


class Standard(nn.Module):
    """Departure from the mean in standard deviations, both as functions of ln E per particle.

    Buffers: `knots` (n_energy,), `mean` and `deviation` (n_particles, n_energy, n_features).
    """

    knots: torch.Tensor
    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        features: torch.Tensor,
        log_energy: torch.Tensor,
        particle: torch.Tensor,
        knots: torch.Tensor,
    ) -> None:
        super().__init__()
        means, deviations = [], []
        for kind in range(int(particle.max()) + 1):
            chosen = particle == kind
            weight = hats(log_energy[chosen], knots)
            # normal equations: LAPACK's least squares differ in the last bits from call to call
            mean = torch.linalg.solve(weight.T @ weight, weight.T @ features[chosen])
            square = (features[chosen] - weight @ mean).square()
            means.append(mean)
            deviations.append((weight.T @ square / weight.sum(0)[:, None]).sqrt())
        self.register_buffer("knots", knots)
        self.register_buffer("mean", torch.stack(means))
        self.register_buffer("deviation", torch.stack(deviations).clamp_min(1e-2))

    def forward(
        self, features: torch.Tensor, log_energy: torch.Tensor, particle: torch.Tensor
    ) -> torch.Tensor:
        """Standardised features, (n, n_features)."""
        weight = hats(log_energy, self.knots)
        mean = torch.einsum("nk,nkf->nf", weight, self.mean[particle])
        deviation = torch.einsum("nk,nkf->nf", weight, self.deviation[particle])
        return (features - mean) / deviation


class Critic(nn.Module):
    """Score D(cells, features | condition) of showers, high for the full simulation.

    The standard deviation of each feature over the batch, averaged, is one more input: showers that
    are all alike show in it.
    """

    def __init__(self, n_inputs: int, n_features: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        self.n_features = n_features
        sizes = (n_inputs + 1, *widths)
        blocks = [
            layer
            for ins, outs in pairwise(sizes)
            for layer in (nn.Linear(ins, outs), nn.LeakyReLU(0.2))
        ]
        self.network = nn.Sequential(*blocks, nn.Linear(sizes[-1], 1))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Scores (n,) of inputs (n, n_inputs), the features first."""
        spread = inputs[:, : self.n_features].std(0).mean().expand(len(inputs), 1)
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
