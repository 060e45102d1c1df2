"""Transformer of objects whose attention sees pairwise physics (arXiv:2202.03772, eq. 2-4).

For objects a and b the features are ln dR, ln kT = ln(min(pT_a, pT_b) dR),
ln z = ln(min(pT_a, pT_b) / (pT_a + pT_b)) and ln m^2; a perceptron of them is added to the logits
of every head, as found best for whole events too (arXiv:2211.05143).
"""

from __future__ import annotations

from math import pi
from typing import cast

import torch
from torch import Tensor, nn

from hyperhex.config import Transformer
from hyperhex.train.module import EventModule, ModuleClassifier
from hyperhex.train.network import layers_of
from hyperhex.train.objects import EVENT_WIDTH, OBJECT_WIDTH, Objects

__all__ = ["TransformerClassifier", "pairwise"]

_FEATURES = 4
_LEAST = 1e-6


def pairwise(raw: Tensor) -> Tensor:
    """Features ln dR, ln kT, ln z, ln m^2 of pairs of objects, (n, slots, slots, 4).

    `raw` (n, slots, 4) holds log(1 + E), log(1 + pT) [GeV], eta and phi.
    """
    energy, pt = torch.expm1(raw[..., 0]), torch.expm1(raw[..., 1])
    eta, phi = raw[..., 2], raw[..., 3]
    turn = _pairs(phi, phi.neg(), torch.add)
    turn = torch.remainder(turn + pi, 2 * pi) - pi
    squared = _pairs(eta, eta.neg(), torch.add).square() + turn.square()
    # a root has no gradient at zero, where every object is from itself
    distance = squared.clamp_min(_LEAST**2).sqrt()
    least = _pairs(pt, pt, torch.minimum)
    momentum = torch.stack([pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], dim=-1)
    total = momentum[:, :, None] + momentum[:, None]
    mass = _pairs(energy, energy, torch.add).square() - total.square().sum(dim=-1)
    share = least / _pairs(pt, pt, torch.add).clamp_min(_LEAST)
    features = torch.stack([distance, least * distance, share, mass], dim=-1)
    return features.clamp_min(_LEAST).log()


def _pairs(first: Tensor, second: Tensor, operation: object) -> Tensor:
    return cast("Tensor", operation(first[:, :, None], second[:, None, :]))  # type: ignore[operator]


class _Block(nn.Module):
    """Attention with a bias for each pair, then a perceptron; both are added to what comes in."""

    def __init__(self, settings: Transformer) -> None:
        super().__init__()
        width = settings.width
        self.heads = settings.heads
        self.before, self.after = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attended = nn.Linear(width, 3 * width)
        self.joined = nn.Linear(width, width)
        self.each = nn.Sequential(
            *layers_of(width, [2 * width], settings.dropout), nn.Linear(2 * width, width)
        )

    def forward(self, values: Tensor, bias: Tensor) -> Tensor:
        """Values (n, slots, width) with `bias` (n, heads, slots, slots) on the logits."""
        n, slots, width = values.shape
        split = self.attended(self.before(values)).reshape(n, slots, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4)
        seen = nn.functional.scaled_dot_product_attention(query, key, value, attn_mask=bias)
        values = values + self.joined(seen.transpose(1, 2).reshape(n, slots, width))
        return cast("Tensor", values + self.each(self.after(values)))


class _Transformer(EventModule):
    """Log-odds of each event from the mean and the maximum of its attended objects."""

    def __init__(self, inputs: int, settings: Transformer) -> None:
        super().__init__()
        self.objects = Objects(inputs)
        self.embedded = nn.Linear(OBJECT_WIDTH, settings.width)
        self.pairs = nn.Sequential(
            *layers_of(_FEATURES, [settings.width]), nn.Linear(settings.width, settings.heads)
        )
        self.blocks = nn.ModuleList(_Block(settings) for _ in range(settings.blocks))
        self.whole = nn.Sequential(
            *layers_of(2 * settings.width + EVENT_WIDTH, [2 * settings.width], settings.dropout),
            nn.Linear(2 * settings.width, 1),
        )

    def learn(self, events: Tensor) -> None:
        self.objects.learn(events)

    def forward(self, events: Tensor) -> Tensor:
        found = self.objects(events)
        values = self.embedded(found.values)
        bias = self.pairs(pairwise(found.raw) / _FEATURES).permute(0, 3, 1, 2)
        # nobody looks at an empty slot; one without any object looks at all, and counts nowhere
        absent = ~found.present & found.present.any(dim=1, keepdim=True)
        bias = bias.masked_fill(absent[:, None, None, :], float("-inf"))
        for block in self.blocks:
            values = block(values, bias)
        there = found.present[..., None]
        mean = (values * there).sum(dim=1) / there.sum(dim=1).clamp_min(1)
        most = values.masked_fill(~there, -1e4).amax(dim=1).clamp_min(-1e3)
        return cast("Tensor", self.whole(torch.cat([mean, most, found.event], dim=1))[:, 0])


class TransformerClassifier(ModuleClassifier):
    """Transformer fitted by weighted cross-entropy; the score is the log-odds."""

    name = "transformer"
    defaults = Transformer
    settings: Transformer

    def empty(self, inputs: int) -> EventModule:
        """Transformer before its fit."""
        return _Transformer(inputs, self.settings)
