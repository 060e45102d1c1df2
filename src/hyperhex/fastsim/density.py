"""Energy and hits of every layer, drawn from a density that was fitted by its likelihood.

The density is a product of one-dimensional ones, each given those before it (RNADE,
arXiv:1306.0186): first the visible energy T of the shower, then the hits of each layer, then the
energy of each layer. An adversary need not learn what can be learned by likelihood, and the
response of the calorimeter is as good as its fit.

- T / E is linear in a variable whose width hardly depends on the energy,
  t = (T / (k E) - 1) sqrt(E), from a mixture of normal densities.
- The hits of a layer are whole numbers: a mixture of logistic densities of 2 sqrt(h), integrated
  from h - 1/2 to h + 1/2 (arXiv:1701.05517).
- A layer that is hit h times has at least h thresholds. w, the logarithm of what a hit has above
  its threshold in the mean, rises sharply where a single particle's does and falls slowly. So a
  table for each layer, by h, says which w is at which place x of the normal density (marginal
  Gaussianisation, Chen & Gopinath 2001), and x is drawn from a mixture of normal densities.

The energies of the layers are told what is left for them of T, but their sum is T only nearly. What
it lacks is shared by all layers in proportion to what they have above the thresholds: any single
layer that had the rest, which may have a thousandth of the energy, would be all that is wrong with
the others.

A fit of the likelihood leaves means a per cent off, here and there. Small tables, which are
calibrated after it (`hyperhex.fastsim.calibration`), set them right: of T and of the hits of the
layers by the particle's energy, and that of w by the hits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.fastsim.conditions import FARTHEST, Conditions, Layers, root, scaled
from hyperhex.fastsim.places import PLACES, place_of, quantiles, rising, value_at
from hyperhex.fastsim.template import hats
from hyperhex.kernels.layers import Bounds, Given, Tables, draw_layers, factors_of

__all__ = [
    "Known",
    "LayerDensity",
    "drawn_from_mixture",
]

_SLOPE = 0.1
_NARROWEST, _WIDEST = -6.0, 3.0
"""Limits of the logarithms of widths."""
_FAR = 1e4
_LEAST = 1e-3  # [MIP] of a layer, below which its energy means nothing
_EDGE = 1e-6
_BLUR = 0.05
"""Part of the energy of a shower that is added to what is left: where this is less, it is not known
that well, as it is what the layers before it left over."""
_INSIDE = 0.001, 0.999  # between which quantiles what is left says something
_TIMES = 0.8, 1.25  # what the energies of layers are multiplied by at most
_NARROWEST_PLACE = -3.0
"""The last layer that is hit has what is left: its place would have no width at all."""
_ENERGY_KNOTS = 5
_HITS_KNOTS = 1.0, 2.0, 3.0, 5.0, 9.0, 17.0, 33.0, 65.0


@dataclass(frozen=True)
class Known:
    """Layers as the density sees them, the first index the shower.

    `inputs` of all factors; `total` (n,); `low`, `high` edges of the hits (n, n_layers); `place`
    of the energies of the layers (n, n_layers) and whether it means anything, `counts`.
    """

    inputs: torch.Tensor
    total: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    place: torch.Tensor
    counts: torch.Tensor

    def rows(self, chosen: torch.Tensor) -> Known:
        """Those of some of the showers."""
        return Known(*(part[chosen] for part in vars(self).values()))


class LayerDensity(nn.Module):
    """p(energies, hits of layers | ln E, impact point).

    Factor 0 is that of the total, 1 to n_layers those of the hits, as many others of the
    energies; each is a network of two hidden layers that sees only what comes before it.

    Buffers
    -------
    left : mean and deviation of the logarithm of what is left above the thresholds for a layer and
        those behind it, and a twentieth of all, over their hits; below and above which all is the
        same, (4, n_layers)
    excess : w at places from -4 to 4 of the normal density, at knots of ln h, (n_layers, 8, 33)
    more_energy : what T is multiplied by, at knots of ln E, (5,)
    more_hits : what is added to 2 sqrt(h), at knots of ln E, (5, n_layers)
    """

    left: torch.Tensor
    excess: torch.Tensor
    more_energy: torch.Tensor
    more_hits: torch.Tensor
    seen: torch.Tensor
    _place: torch.Tensor
    _crowd: torch.Tensor

    def __init__(self, conditions: Conditions, n_cells: int, hidden: int, components: int) -> None:
        super().__init__()
        self.conditions = conditions
        self.n_layers, self.n_cells = conditions.n_layers, n_cells
        self.hidden, self.components = hidden, components
        left = torch.tensor([0.0, 1.0, -math.inf, math.inf])
        self.register_buffer("left", left[:, None].repeat(1, self.n_layers))
        self.register_buffer("excess", PLACES.repeat(self.n_layers, len(_HITS_KNOTS), 1))
        self.register_buffer("more_energy", torch.ones(_ENERGY_KNOTS))
        self.register_buffer("more_hits", torch.zeros(_ENERGY_KNOTS, self.n_layers))
        self.register_buffer("seen", _seen(self.n_layers))
        place, crowd = torch.linspace(-1.0, 1.0, _ENERGY_KNOTS), torch.tensor(_HITS_KNOTS).log()
        self.register_buffer("_place", place, persistent=False)
        self.register_buffer("_crowd", crowd, persistent=False)
        factors, inputs = self.seen.shape
        self.factors = factors
        self.first = _weights(factors, inputs, hidden, math.sqrt(2.0))
        self.second = _weights(factors, hidden, hidden, math.sqrt(2.0))
        self.last = _weights(factors, hidden, 3 * components, 0.3)
        bias = [nn.Parameter(torch.zeros(factors, 1, width)) for width in (hidden, hidden)]
        self.first_bias, self.second_bias = bias
        start = torch.zeros(factors, 1, 3 * components)
        start[..., components : 2 * components] = torch.linspace(-1.5, 1.5, components)
        self.last_bias = nn.Parameter(start)

    def of_energy(self, log_energy: torch.Tensor) -> torch.Tensor:
        """Weights (n, 5) of the knots of ln E at ln E (n,) of [GeV]."""
        low, high = self.conditions.logs
        return hats((2.0 * log_energy - low - high) / (high - low).clamp_min(_LEAST), self._place)

    def of_hits(self, hits: torch.Tensor) -> torch.Tensor:
        """Weights (..., 8) of the knots of ln h at numbers of hits (...)."""
        return hats(torch.log(hits.clamp_min(1)), self._crowd)

    def learn_scales(self, layers: Layers) -> None:
        """Set the buffers from the layers of showers."""
        left = _remaining(self.conditions.above(layers), layers.hits)
        edges = np.quantile(left.numpy(), _INSIDE, axis=0).astype(np.float32)
        scale = left.mean(0), left.std(0).clamp_min(_LEAST)
        self.left.copy_(torch.stack([*scale, *torch.from_numpy(edges)]))
        self.excess.copy_(self.quantiles(layers))

    def quantiles(self, layers: Layers) -> torch.Tensor:
        """Values w of layers at places of the normal density, by layer and knot of ln h."""
        values = _logarithm(self.conditions.above(layers), layers.hits)
        crowd = self.of_hits(layers.hits) * self._count(layers)[..., None]
        return quantiles(values.numpy(), crowd.numpy())

    def add_excess(self, more: torch.Tensor) -> None:
        """Add to the quantiles of w, (n_layers, 8, 33)."""
        self.excess.copy_(rising(self.excess + more))

    def known(self, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers) -> Known:
        """Showers (n,) [GeV], (n, 2) [cm] and their layers, ready for `log_likelihood`."""
        total = self.conditions.of_response(log_energy, layers)
        counts = self._count(layers).float()
        hits = layers.hits.to(torch.float32)
        low = scaled(root((hits - 0.5).clamp_min(0.0)), self.conditions.hits)
        high = scaled(root(hits + 0.5), self.conditions.hits)
        of_hits, excess = self.conditions.of_layers(layers).chunk(2, dim=1)
        inputs = torch.cat(
            [
                self.conditions.of_particle(log_energy, impact),
                total[:, None].clamp(-FARTHEST, FARTHEST),
                of_hits,
                excess,
                _inside(_remaining(self.conditions.above(layers), layers.hits), self.left),
            ],
            dim=1,
        )
        return Known(
            inputs,
            total,
            torch.where(hits == 0, -_FAR, low),
            torch.where(hits >= self.n_cells, _FAR, high),
            self._places(_logarithm(self.conditions.above(layers), hits), hits) * counts,
            counts,
        )

    def log_likelihood(self, known: Known) -> torch.Tensor:
        """Ln p of showers, (n,), up to a constant of the scales."""
        hidden = torch.baddbmm(self.first_bias, known.inputs * self.seen[:, None], self.first)
        hidden = nn.functional.leaky_relu(hidden, _SLOPE)
        hidden = nn.functional.leaky_relu(
            torch.baddbmm(self.second_bias, hidden, self.second), _SLOPE
        )
        told = torch.baddbmm(self.last_bias, hidden, self.last)
        logit, mean, log_width = torch.split(told, self.components, dim=-1)
        log_width = torch.cat(
            [
                log_width[: 1 + self.n_layers].clamp(_NARROWEST, _WIDEST),
                log_width[1 + self.n_layers :].clamp(_NARROWEST_PLACE, _WIDEST),
            ]
        )
        weight = torch.log_softmax(logit, dim=-1)
        hits = slice(1, 1 + self.n_layers)
        scale = torch.exp(-log_width)
        values = torch.cat([known.total[None], known.low.T, known.place.T])
        away = (values[..., None] - mean) * scale
        normal = torch.logsumexp(weight - log_width - 0.5 * away.square(), dim=-1)
        low, high = away[hits], (known.high.T[..., None] - mean[hits]) * scale[hits]
        # the logarithm of the difference of two sigmoids
        inside = nn.functional.logsigmoid(high) + nn.functional.logsigmoid(-low)
        inside = inside + torch.log(-torch.expm1(-(high - low).clamp_min(_EDGE)))
        counted = torch.logsumexp(weight[hits] + inside, dim=-1).sum(0)
        energies = (normal[1 + self.n_layers :] * known.counts.T).sum(0)
        return normal[0] + counted + energies

    def forward(
        self,
        log_energy: torch.Tensor,
        impact: torch.Tensor,
        choice: torch.Tensor,
        place: torch.Tensor,
    ) -> Layers:
        """Layers drawn for ln E (n,) of [GeV] and `impact` (n, 2) in the wedge [cm].

        `choice` and `place` are uniform random numbers in (0, 1), (n, factors): which component
        of a factor, and where in it.
        """
        n_layers, hits_at = self.n_layers, 6
        away = _away(place, n_layers)
        energy = log_energy.exp()
        particle = self.conditions.of_particle(log_energy, impact)
        # its shape, as len() would fix the number of showers in a program of `torch.export`
        later = particle.new_zeros(particle.shape[0], 1 + 3 * n_layers)
        inputs = torch.cat([particle, later], dim=1)
        total = drawn_from_mixture(self._mixture(0, inputs), choice[:, 0], away[:, 0])
        inputs[:, 5] = total.clamp(-FARTHEST, FARTHEST)
        mean, width = self.conditions.response
        total = (total * width / energy.sqrt() + 1.0) * mean * energy
        at_energy = self.of_energy(log_energy)
        total = total * (at_energy @ self.more_energy)
        threshold = self.conditions.threshold
        allowed = torch.floor(total.clamp_min(0.0) / threshold)
        hits, more = [], at_energy @ self.more_hits
        for layer in range(n_layers):
            factor = 1 + layer
            value = drawn_from_mixture(
                self._mixture(factor, inputs), choice[:, factor], away[:, factor]
            )
            mean, deviation = self.conditions.hits[:, layer]
            half = 0.5 * (value * deviation + mean + more[:, layer]).clamp_min(0.0)
            found = torch.floor(half.square() + 0.5).clamp_max(self.n_cells)
            found = torch.minimum(found, allowed)
            allowed = allowed - found
            inputs[:, hits_at + layer] = (root(found) - mean) / deviation
            hits.append(found)
        number = torch.stack(hits, dim=1)
        whole = left = (total.clamp_min(0.0) - threshold * number.sum(1)).clamp_min(0.0)
        behind = number.flip(1).cumsum(1).flip(1)
        crowd, above = self.of_hits(number), []
        for layer in range(n_layers):
            told = _logarithm(left + _BLUR * whole, behind[:, layer])
            told = _inside(told, self.left[:, layer])
            inputs[:, hits_at + 2 * n_layers + layer] = told
            factor, hit = 1 + n_layers + layer, number[:, layer]
            value = drawn_from_mixture(
                self._mixture(factor, inputs), choice[:, factor], away[:, factor]
            )
            found = hit * torch.exp(value_at(crowd[:, layer] @ self.excess[layer], value))
            mean, deviation = self.conditions.excess[:, layer]
            inputs[:, hits_at + n_layers + layer] = (torch.log1p(found) - mean) / deviation
            left = (left - found).clamp_min(0.0)
            above.append(found)
        energy = torch.stack(above, dim=1)
        energy = energy * (whole / energy.sum(1).clamp_min(_LEAST)).clamp(*_TIMES)[:, None]
        return Layers(energy + threshold * number, number)

    def drawn(
        self,
        log_energy: torch.Tensor,
        impact: torch.Tensor,
        choice: torch.Tensor,
        place: torch.Tensor,
    ) -> Layers:
        """The same as `forward` by a compiled kernel, for tensors of the CPU."""
        number = self.n_layers
        away = _away(place, number)
        energy, at_energy = log_energy.exp(), self.of_energy(log_energy)
        ratio, width = self.conditions.response
        mean = ratio * energy * (at_energy @ self.more_energy)
        response = torch.stack([mean, mean * width / energy.sqrt()])
        given = [
            self.conditions.of_particle(log_energy, impact).T,
            response,
            (at_energy @ self.more_hits).T,
            choice.T,
            away.T,
        ]
        weights = self.first * self.seen[..., None], self.second, self.last
        biases = self.first_bias, self.second_bias, self.last_bias
        scales = self.conditions.hits, self.conditions.excess, self.left, self.excess, self._crowd
        bounds = (
            self.conditions.threshold,
            self.n_cells,
            _SLOPE,
            _NARROWEST,
            _NARROWEST_PLACE,
            _WIDEST,
            FARTHEST,
            float(PLACES[-1]),
            _BLUR,
            _LEAST,
            *_TIMES,
        )
        energy_and_hits = draw_layers(
            Given(*_arrays(given)),
            factors_of(_arrays(weights), _arrays(biases), self.components),
            Tables(*_arrays(scales)),
            Bounds(*map(np.float32, bounds)),
        )
        return Layers(*map(torch.from_numpy, energy_and_hits))

    def _mixture(self, factor: int, inputs: torch.Tensor) -> torch.Tensor:
        """Mixture of a factor, (n, 3 components): logits, means, logarithms of the widths.

        Inputs that it must not see are zero still, or masked.
        """
        # total and hits see neither energies nor what is left of them, which are the last inputs
        end = 6 + self.n_layers if factor <= self.n_layers else inputs.shape[1]
        weights = self.first[factor, :end] * self.seen[factor, :end, None]
        hidden = torch.addmm(self.first_bias[factor], inputs[:, :end], weights)
        hidden = nn.functional.leaky_relu(hidden, _SLOPE, inplace=True)
        hidden = torch.addmm(self.second_bias[factor], hidden, self.second[factor])
        hidden = nn.functional.leaky_relu(hidden, _SLOPE, inplace=True)
        told = torch.addmm(self.last_bias[factor], hidden, self.last[factor])
        if factor > self.n_layers:
            told[:, 2 * self.components :].clamp_min_(_NARROWEST_PLACE)
        return told

    def _count(self, layers: Layers) -> torch.Tensor:
        """Whether the energy of a layer means anything, (n, n_layers)."""
        return (layers.hits > 0) & (self.conditions.above(layers) > _LEAST)

    def _places(self, values: torch.Tensor, hits: torch.Tensor) -> torch.Tensor:
        """Places x of the values w of layers with these hits, all (n, n_layers)."""
        found = []
        for layer, value in enumerate(values.T):
            table = self.of_hits(hits[:, layer]) @ self.excess[layer]
            found.append(place_of(table, value))
        return torch.stack(found, dim=1)


def _arrays(tensors: Sequence[torch.Tensor]) -> list[NDArray[np.float32]]:
    return [tensor.detach().contiguous().numpy() for tensor in tensors]


def _away(place: torch.Tensor, n_layers: int) -> torch.Tensor:
    """Numbers with the densities of the factors, from uniform ones (n, factors)."""
    place = place.clamp(_EDGE, 1.0 - _EDGE)
    away = torch.special.ndtri(place)
    hits = slice(1, 1 + n_layers)
    away[:, hits] = torch.logit(place[:, hits])
    return away


def _logarithm(above: torch.Tensor, hits: torch.Tensor) -> torch.Tensor:
    """Ln of the energy above the thresholds of a hit, 0 where there are no hits."""
    mean = torch.log(above.clamp_min(_LEAST) / hits.clamp_min(1))
    return torch.where(hits > 0, mean, 0.0)


def _remaining(above: torch.Tensor, hits: torch.Tensor) -> torch.Tensor:
    """`_logarithm` of each layer and those behind it together, and a part of all, (n, n_layers)."""
    left, behind = (part.flip(1).cumsum(1).flip(1) for part in (above, hits))
    return _logarithm(left + _BLUR * left[:, :1], behind)


def _inside(values: torch.Tensor, scale: torch.Tensor) -> torch.Tensor:
    """Departures from the mean in deviations, between two edges; `scale` holds all four."""
    return scaled(values.clamp(scale[2], scale[3]), scale)


def drawn_from_mixture(
    told: torch.Tensor, choice: torch.Tensor, away: torch.Tensor
) -> torch.Tensor:
    """Value of each row of mixtures (n, 3 components), (n,): so many widths from a mean.

    `choice` (n,), uniform in (0, 1), decides which component, by their running sum.
    """
    logit, mean, log_width = told.chunk(3, dim=1)
    reached = torch.softmax(logit, dim=1).cumsum(1) < choice[:, None]
    chosen = reached.sum(1, keepdim=True).clamp_max(logit.shape[1] - 1)
    width = torch.exp(log_width.gather(1, chosen)[:, 0].clamp(_NARROWEST, _WIDEST))
    return mean.gather(1, chosen)[:, 0] + width * away


def _weights(factors: int, inputs: int, outputs: int, gain: float) -> nn.Parameter:
    return nn.Parameter(torch.randn(factors, inputs, outputs) * gain / math.sqrt(inputs))


def _seen(n_layers: int) -> torch.Tensor:
    """Which inputs each factor sees, (factors, inputs), one or zero."""
    total, hits, energy, left = 5, 6, 6 + n_layers, 6 + 2 * n_layers
    seen = torch.zeros(1 + 2 * n_layers, 6 + 3 * n_layers)
    seen[:, :total] = 1.0
    seen[1:, total] = 1.0
    for layer in range(n_layers):
        seen[1 + layer, hits : hits + layer] = 1.0
    for layer in range(n_layers):
        row = seen[1 + n_layers + layer]
        row[hits : hits + n_layers] = 1.0
        row[energy : energy + layer] = 1.0
        row[left + max(0, layer - 1) : left + layer + 1] = 1.0
    return seen
