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
from hyperhex.train.module import EventModule, ModuleClassifier, Selectable
from hyperhex.train.network import layers_of
from hyperhex.train.objects import EVENT_WIDTH, OBJECT_WIDTH, Lists, Objects, Table, places

__all__ = ["TransformerClassifier", "pairwise"]

_FEATURES = 4
_LEAST = 1e-6
# a logit far below any other, but finite, so that an event without objects has a share too
_UNSEEN = -1e4
# the greatest of an event without objects
_LEAST_VALUE = -1e3


def pairwise(first: Tensor, second: Tensor) -> Tensor:
    """Features ln dR, ln kT, ln z, ln m^2 of pairs of objects, (..., 4).

    Both (..., 4) hold log(1 + E), log(1 + pT) [GeV], eta and phi.
    """
    pt, other = torch.expm1(first[..., 1]), torch.expm1(second[..., 1])
    apart = first[..., 2:] - second[..., 2:]
    turn = torch.remainder(apart[..., 1] + pi, 2 * pi) - pi
    # a root has no gradient at zero, where every object is from itself
    distance = (apart[..., 0].square() + turn.square()).clamp_min(_LEAST**2).sqrt()
    least = torch.minimum(pt, other)
    total = _momentum(first) + _momentum(second)
    mass = total[..., 0].square() - total[..., 1:].square().sum(dim=-1)
    share = least / (pt + other).clamp_min(_LEAST)
    features = torch.stack([distance, least * distance, share, mass], dim=-1)
    return features.clamp_min(_LEAST).log()


def _momentum(objects: Tensor) -> Tensor:
    """E, px, py and pz [GeV]."""
    log_energy, log_pt, eta, phi = objects.unbind(dim=-1)
    pt = torch.expm1(log_pt)
    return torch.stack([log_energy.expm1(), pt * phi.cos(), pt * phi.sin(), pt * eta.sinh()], -1)


def _pairs(raw: Lists) -> Lists:
    """Features of all pairs of an event's objects a <= b, ordered by b, then by a."""
    number = _triangle(raw.number)
    start = torch.repeat_interleave(raw.starts, number)
    b, a = torch.tril_indices(*[int(raw.number.max())] * 2)
    place = places(torch.zeros_like(number), number)
    features = pairwise(raw.vectors[start + a[place]], raw.vectors[start + b[place]])
    return Lists(features / _FEATURES, number)


def _triangle(number: Tensor) -> Tensor:
    return number * (number + 1) // 2


def _square(pairs: Tensor, most: int) -> Tensor:
    """Values (n, heads, most, most) of ordered pairs from (n, most (most + 1) / 2, heads)."""
    each = torch.arange(most)
    low, high = torch.minimum(each, each[:, None]), torch.maximum(each, each[:, None])
    ordered = pairs.index_select(1, (_triangle(high) + low).flatten())
    return ordered.reshape(len(pairs), most, most, -1).permute(0, 3, 1, 2)


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

    def forward(self, values: Tensor, table: Table, bias: Tensor) -> Tensor:
        """Values (total, width) with `bias` (n, heads, most, most) on the logits."""
        split = table.spread(self.attended(self.before(values)))
        split = split.reshape(table.events, table.most, 3, self.heads, -1)
        query, key, value = split.permute(2, 0, 3, 1, 4).contiguous()
        logits = key @ query.transpose(2, 3) * query.shape[3] ** -0.5 + bias
        # the last dimension is too short for a softmax over it to be fast
        share = logits.softmax(dim=2).transpose(2, 3)
        attended = (share @ value).transpose(1, 2).flatten(2)
        values = values + self.joined(table.collected(attended))
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

    def seen(self, events: Tensor) -> tuple[Selectable, ...]:
        found = self.objects(events)
        return found.values, _pairs(found.raw), found.event

    def forward(self, objects: Lists, pairs: Lists, event: Tensor) -> Tensor:
        """Log-odds of events, (n,)."""
        table = Table(objects.number)
        values = self.embedded(objects.vectors)
        # nobody looks at an empty place
        bias = Table(pairs.number).spread(self.pairs(pairs.vectors), _UNSEEN)
        bias = _square(bias, table.most)
        for block in self.blocks:
            values = block(values, table, bias)
        mean = torch.segment_reduce(values, "mean", lengths=objects.number, initial=0.0)
        most = torch.segment_reduce(values, "max", lengths=objects.number, initial=_LEAST_VALUE)
        return cast("Tensor", self.whole(torch.cat([mean, most, event], dim=1))[:, 0])


class TransformerClassifier(ModuleClassifier):
    """Transformer fitted by weighted cross-entropy; the score is the log-odds."""

    name = "transformer"
    defaults = Transformer
    settings: Transformer

    def empty(self, inputs: int) -> EventModule:
        """Transformer before its fit."""
        return _Transformer(inputs, self.settings)
