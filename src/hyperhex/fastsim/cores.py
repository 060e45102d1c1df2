"""Secondary particles of a shower and their cores, beside the mean profile.

In the shower of a hadron every secondary deposits energy along a line of its own, in the same
direction in all the layers it crosses: alone in one cell of each, or with a core of the photons and
electrons that it makes. Logits of single cells hardly learn that, since what a line has in common
is spread over cells of all layers. So the generator says where the lines are.
"""

from __future__ import annotations

import math

import torch
from torch import nn

from hyperhex.fastsim.linear import linear
from hyperhex.kernels import lines
from hyperhex.kernels.cores import LEAST_SHARE

__all__ = ["OWN_NOISE", "Cores", "lateral"]

OWN_NOISE = 4
"""Normal numbers of each secondary: place of its vertex and direction, x and y."""

_LINE, _SPREAD = slice(lines.LINE, lines.SPREAD), slice(lines.SPREAD, lines.NARROW)
_NARROW, _VERTEX = slice(lines.NARROW, lines.VERTEX), slice(lines.VERTEX, lines.STRENGTH)
_STRENGTH = slice(lines.STRENGTH, None)
_PLACE, _DIRECTION = slice(0, 2), slice(2, 4)  # of a line and of its spread
_START = 0.1
_FIRST_STRENGTH = 0.5  # of all together
_FIRST_NARROW = 1.0, 0.0  # logarithm of b at the face, and its slope


class Cores(nn.Module):
    """Lines of secondaries, and strength and width of what they leave in each layer.

    A line comes from a vertex near the shower's axis, at a depth of its own, in a direction that is
    normal about what the network says. The logarithm of b of its profile is linear in depth. Its
    strength is its own in every layer, as a share of the energy that the mean profile has there.
    The first half are tracks, the others have cores (`hyperhex.kernels.cores`).

    Buffers: `depths` of the layers, the last at 1, (n_layers,).
    """

    depths: torch.Tensor

    def __init__(self, width: int, secondaries: int, depths: torch.Tensor) -> None:
        super().__init__()
        self.secondaries, tracks = secondaries, secondaries // 2
        self.register_buffer("depths", depths, persistent=False)
        outputs = _STRENGTH.start + len(depths)
        self.head = nn.Linear(width, secondaries * outputs)
        nn.init.normal_(self.head.weight, std=_START / width**0.5)
        first = torch.zeros(secondaries, outputs)
        # of either kind from those that go straight on to those that go far astray
        for kind in (slice(tracks), slice(tracks, None)):
            spread = first[kind, _SPREAD]
            spread[:, _PLACE] = torch.linspace(-3.0, 0.0, len(spread))[:, None]
            spread[:, _DIRECTION] = torch.linspace(-2.0, 2.0, len(spread))[:, None]
        first[:, _NARROW] = torch.tensor(_FIRST_NARROW)
        first[:, _STRENGTH] = math.log(_FIRST_STRENGTH / secondaries)
        with torch.no_grad():
            self.head.bias.copy_(first.flatten())

    def forward(
        self, hidden: torch.Tensor, noise: torch.Tensor, impact: torch.Tensor
    ) -> torch.Tensor:
        """Strength, b [1/cm^2] and place [cm] in each layer, (n, n_layers, secondaries, 4).

        `hidden` (n, width), `noise` (n, 4 secondaries or more) normal, `impact` (n, 2) [cm]. Its
        compiled form is `hyperhex.kernels.lines.place_cores`.
        """
        told, own = self.said(hidden), self.own(noise)
        line = told[..., _LINE] + own * told[..., _SPREAD].clamp(*lines.LOG_SPREAD).exp()
        beyond = self.depths - torch.sigmoid(told[..., _VERTEX])
        place, direction = line[..., None, _PLACE], line[..., None, _DIRECTION]
        away = place + direction * beyond[..., None]
        at_face, slope = told[..., _NARROW].unbind(2)
        narrow = at_face[..., None] + slope[..., None] * self.depths
        parts = [
            told[..., _STRENGTH].clamp(*lines.LOG_STRENGTH).exp()[..., None],
            narrow.clamp(*lines.LOG_NARROW).exp()[..., None],
            impact[:, None, None] + away,
        ]
        return torch.cat(parts, dim=3).transpose(1, 2)

    def said(self, hidden: torch.Tensor) -> torch.Tensor:
        """What the network says of the lines, (n, secondaries, 11 + n_layers)."""
        found = linear(hidden, self.head.weight, self.head.bias)
        return found.reshape(
            hidden.shape[0], self.secondaries, self.head.out_features // self.secondaries
        )

    def own(self, noise: torch.Tensor) -> torch.Tensor:
        """The normal numbers of the lines, (n, secondaries, 4), which come first of all."""
        own = noise[:, : OWN_NOISE * self.secondaries]
        return own.reshape(noise.shape[0], self.secondaries, OWN_NOISE)


def lateral(cores: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
    """Sum of the profiles in cells, (n, n_layers, n_cells).

    `cores` (n, n_layers, k, 4) as of `Cores`, `positions` (n_cells, 2) [cm]. Its compiled form is
    `hyperhex.kernels.cores.add_cores`.
    """
    strength, narrow, *place = (part[..., None] for part in cores.unbind(3))
    square = sum((positions[:, k] - place[k]).square() for k in range(2))
    number = cores.shape[2]
    track = torch.arange(number, device=cores.device) < number // 2
    power = torch.where(track, 8.0, 2.0)[:, None]
    share = torch.exp(-power * torch.log1p(narrow * square))
    total = share.sum(3, keepdim=True) + float(LEAST_SHARE)
    return (strength * share / total).sum(2)
