"""Energy and hits of every layer, drawn from a density that was fitted by its likelihood.

The density is a product of one-dimensional ones, each given those before it (RNADE,
arXiv:1306.0186): first the visible energy T of the shower, then the hits of each layer, then the
energy of each layer but the densest as a share of what the layers before it have left. The densest,
with the most hits, has the rest: in any other, which may have a thousandth of the energy, a rest
would be all that is wrong with the others. An adversary need not learn what can be learned by
likelihood, and the response of the calorimeter is as good as its fit.

- T / E is linear in a variable whose width hardly depends on the energy,
  t = (T / (k E) - 1) sqrt(E), from a mixture of normal densities.
- The hits of a layer are whole numbers: a mixture of logistic densities of 2 sqrt(h), integrated
  from h - 1/2 to h + 1/2 (arXiv:1701.05517).
- A layer that is hit h times has at least h thresholds; of what lies above, it leaves the share
  1 / (1 + exp(s)) to the others. s + ln(what is there / h), for layers with few hits the
  mean energy of a hit, is drawn from a mixture of normal densities.

A fit of the likelihood leaves means a per cent off, here and there. Small tables, which are
calibrated after it (`hyperhex.fastsim.calibration`), set them right: of T and of the hits of the
layers by the particle's energy, and of the energy of a layer by its hits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn

from hyperhex.fastsim.conditions import Conditions, Layers, root, scaled
from hyperhex.fastsim.template import hats

__all__ = ["NARROWEST", "WIDEST", "Known", "LayerDensity", "Mixture", "drawn_from_mixture"]

Mixture = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""Values (n,) from mixtures (n, 3 components), which component, and how far away (n,)."""

_SLOPE = 0.1
NARROWEST, WIDEST = -6.0, 3.0
"""Limits of the logarithms of widths."""
_FAR = 1e4
_LEAST = 1e-3  # [MIP] below which a share of the energy means nothing
_EDGE = 1e-6
_FARTHEST_TOTAL = 5.0
_ENERGY_KNOTS = 5
_HITS_KNOTS = 1.0, 2.0, 3.0, 5.0, 9.0, 17.0, 33.0, 65.0


@dataclass(frozen=True)
class Known:
    """Layers as the density sees them, the first index the shower.

    `inputs` of all factors; `total` (n,); `low`, `high` edges of the hits (n, n_layers); `share`
    (n, n_layers) and whether it means anything, `counts`.
    """

    inputs: torch.Tensor
    total: torch.Tensor
    low: torch.Tensor
    high: torch.Tensor
    share: torch.Tensor
    counts: torch.Tensor

    def rows(self, chosen: torch.Tensor) -> Known:
        """Those of some of the showers."""
        return Known(*(part[chosen] for part in vars(self).values()))


class LayerDensity(nn.Module):
    """p(energies, hits of layers | ln E, impact point).

    Factor 0 is that of the total, 1 to n_layers those of the hits, as many others of the shares;
    each is a network of two hidden layers that sees only what comes before it.

    Buffers
    -------
    total : mean of T / E [MIP/GeV], and deviation of t [GeV^1/2]
    left : mean and deviation of ln(1 + energy above the thresholds that is left for a layer, those
        behind it and the densest), (2, n_layers)
    share : mean and deviation of s + ln(what is there / h), (2, n_layers)
    more_energy : what T is multiplied by, at knots of ln E, (5,)
    more_hits : what is added to 2 sqrt(h), at knots of ln E, (5, n_layers)
    more_share : what is added to s, at knots of ln h, (8, n_layers)
    """

    total: torch.Tensor
    left: torch.Tensor
    share: torch.Tensor
    more_energy: torch.Tensor
    more_hits: torch.Tensor
    more_share: torch.Tensor
    seen: torch.Tensor
    _place: torch.Tensor
    _crowd: torch.Tensor

    def __init__(self, conditions: Conditions, n_cells: int, hidden: int, components: int) -> None:
        super().__init__()
        self.conditions = conditions
        self.n_layers, self.n_cells = conditions.n_layers, n_cells
        self.hidden, self.components = hidden, components
        self.register_buffer("total", torch.tensor([1.0, 1.0]))
        self.register_buffer("left", torch.stack([torch.zeros(self.n_layers)] * 2))
        self.register_buffer("share", torch.stack([torch.zeros(self.n_layers)] * 2))
        self.left[1], self.share[1] = 1.0, 1.0
        self.register_buffer("more_energy", torch.ones(_ENERGY_KNOTS))
        self.register_buffer("more_hits", torch.zeros(_ENERGY_KNOTS, self.n_layers))
        self.register_buffer("more_share", torch.zeros(len(_HITS_KNOTS), self.n_layers))
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

    def learn_scales(self, energy: torch.Tensor, layers: Layers) -> None:
        """Set the buffers from showers of known `energy` (n,) [GeV]."""
        ratio = layers.energy.sum(1) / energy
        self.total[0] = ratio.mean()
        self.total[1] = ((ratio / ratio.mean() - 1.0) * energy.sqrt()).std()
        logs = torch.log1p(self.left_for(layers))
        self.left.copy_(torch.stack([logs.mean(0), logs.std(0).clamp_min(_LEAST)]))
        values, counts = self._shares(layers)
        number = counts.sum(0).clamp_min(1.0)
        mean = (values * counts).sum(0) / number
        spread = ((values - mean).square() * counts).sum(0) / number
        self.share.copy_(torch.stack([mean, spread.sqrt().clamp_min(_LEAST)]))

    def known(self, log_energy: torch.Tensor, impact: torch.Tensor, layers: Layers) -> Known:
        """Showers (n,) [GeV], (n, 2) [cm] and their layers, ready for `log_likelihood`."""
        energy = log_energy.exp()
        total = (layers.energy.sum(1) / (self.total[0] * energy) - 1.0) * energy.sqrt()
        total = total / self.total[1]
        values, counts = self._shares(layers)
        hits = layers.hits.to(torch.float32)
        low = scaled(root((hits - 0.5).clamp_min(0.0)), self.conditions.hits)
        high = scaled(root(hits + 0.5), self.conditions.hits)
        of_hits, excess = self.conditions.of_layers(layers).chunk(2, dim=1)
        inputs = torch.cat(
            [
                self.conditions.of_particle(log_energy, impact),
                total[:, None].clamp(-_FARTHEST_TOTAL, _FARTHEST_TOTAL),
                of_hits,
                excess.masked_fill(_densest(layers.hits), 0.0),
                scaled(torch.log1p(self.left_for(layers)), self.left),
            ],
            dim=1,
        )
        return Known(
            inputs,
            total,
            torch.where(hits == 0, -_FAR, low),
            torch.where(hits >= self.n_cells, _FAR, high),
            scaled(values, self.share) * counts,
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
        log_width = log_width.clamp(NARROWEST, WIDEST)
        weight = torch.log_softmax(logit, dim=-1)
        hits = slice(1, 1 + self.n_layers)
        scale = torch.exp(-log_width)
        values = torch.cat([known.total[None], known.low.T, known.share.T])
        away = (values[..., None] - mean) * scale
        normal = torch.logsumexp(weight - log_width - 0.5 * away.square(), dim=-1)
        low, high = away[hits], (known.high.T[..., None] - mean[hits]) * scale[hits]
        # the logarithm of the difference of two sigmoids
        inside = nn.functional.logsigmoid(high) + nn.functional.logsigmoid(-low)
        inside = inside + torch.log(-torch.expm1(-(high - low).clamp_min(_EDGE)))
        counted = torch.logsumexp(weight[hits] + inside, dim=-1).sum(0)
        shares = (normal[1 + self.n_layers :] * known.counts.T).sum(0)
        return normal[0] + counted + shares

    def forward(
        self,
        log_energy: torch.Tensor,
        impact: torch.Tensor,
        choice: torch.Tensor,
        place: torch.Tensor,
        mixture: Mixture | None = None,
    ) -> Layers:
        """Layers drawn for ln E (n,) of [GeV] and `impact` (n, 2) in the wedge [cm].

        `choice` and `place` are uniform random numbers in (0, 1), (n, factors): which component
        of a factor, and where in it. `mixture` draws from mixtures in place of torch.
        """
        n_layers, hits_at = self.n_layers, 6
        draw = mixture or drawn_from_mixture
        hits_factors = slice(1, 1 + n_layers)
        place = place.clamp(_EDGE, 1.0 - _EDGE)
        away = torch.special.ndtri(place)
        away[:, hits_factors] = torch.logit(place[:, hits_factors])
        energy = log_energy.exp()
        particle = self.conditions.of_particle(log_energy, impact)
        # its shape, as len() would fix the number of showers in a program of `torch.export`
        later = particle.new_zeros(particle.shape[0], 1 + 3 * n_layers)
        inputs = torch.cat([particle, later], dim=1)
        total = draw(self._mixture(0, inputs), choice[:, 0], away[:, 0])
        inputs[:, 5] = total.clamp(-_FARTHEST_TOTAL, _FARTHEST_TOTAL)
        total = (total * self.total[1] / energy.sqrt() + 1.0) * self.total[0] * energy
        at_energy = self.of_energy(log_energy)
        total = total * (at_energy @ self.more_energy)
        threshold = self.conditions.threshold
        allowed = torch.floor(total.clamp_min(0.0) / threshold)
        hits, more = [], at_energy @ self.more_hits
        for layer in range(n_layers):
            factor = 1 + layer
            value = draw(self._mixture(factor, inputs), choice[:, factor], away[:, factor])
            mean, deviation = self.conditions.hits[:, layer]
            half = 0.5 * (value * deviation + mean + more[:, layer]).clamp_min(0.0)
            found = torch.floor(half.square() + 0.5).clamp_max(self.n_cells)
            found = torch.minimum(found, allowed)
            allowed = allowed - found
            inputs[:, hits_at + layer] = (root(found) - mean) / deviation
            hits.append(found)
        number = torch.stack(hits, dim=1)
        left = (total.clamp_min(0.0) - threshold * number.sum(1)).clamp_min(0.0)
        more = (self.of_hits(number) * self.more_share.T).sum(2)
        densest, above = _densest(number), []
        for layer in range(n_layers):
            mean, deviation = self.left[:, layer]
            inputs[:, hits_at + 2 * n_layers + layer] = (torch.log1p(left) - mean) / deviation
            factor, hit = 1 + n_layers + layer, number[:, layer]
            value = draw(self._mixture(factor, inputs), choice[:, factor], away[:, factor])
            value = value * self.share[1, layer] + self.share[0, layer] + more[:, layer]
            there = left.clamp_min(_LEAST) / hit.clamp_min(1.0)
            shares = (hit > 0) & ~densest[:, layer]
            found = torch.where(shares, left * torch.sigmoid(value - torch.log(there)), 0.0)
            mean, deviation = self.conditions.excess[:, layer]
            told = (torch.log1p(found) - mean) / deviation
            inputs[:, hits_at + n_layers + layer] = torch.where(densest[:, layer], 0.0, told)
            left = left - found
            above.append(found)
        rest = torch.where(densest & (number > 0), left[:, None], 0.0)
        return Layers(torch.stack(above, dim=1) + rest + threshold * number, number)

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
        return torch.addmm(self.last_bias[factor], hidden, self.last[factor])

    def left_for(self, layers: Layers) -> torch.Tensor:
        """Energy above thresholds of a layer, those behind it and the densest, (n, n_layers)."""
        above, densest = self.conditions.above(layers), _densest(layers.hits)
        others = above.masked_fill(densest, 0.0)
        return others.flip(1).cumsum(1).flip(1) + (above - others).sum(1, keepdim=True)

    def shares_of(self, layers: Layers) -> torch.Tensor:
        """Whether a layer's share of what is left for it decides its energy, (n, n_layers)."""
        return (layers.hits > 0) & ~_densest(layers.hits)

    def _shares(self, layers: Layers) -> tuple[torch.Tensor, torch.Tensor]:
        """Values s + ln(what is there / h) of all layers, and whether they count."""
        above, hits, left = self.conditions.above(layers), layers.hits, self.left_for(layers)
        rest = left - above
        counts = self.shares_of(layers) & (above > _LEAST) & (rest > _LEAST)
        share = torch.log(above.clamp_min(_LEAST) / rest.clamp_min(_LEAST))
        share = share + torch.log(left.clamp_min(_LEAST) / hits.clamp_min(1))
        return share, counts.to(share.dtype)


def _densest(hits: torch.Tensor) -> torch.Tensor:
    """Which layer has the most hits, the first of several, (n, n_layers)."""
    return torch.arange(hits.shape[1], device=hits.device) == hits.argmax(1, keepdim=True)


def drawn_from_mixture(
    told: torch.Tensor, choice: torch.Tensor, away: torch.Tensor
) -> torch.Tensor:
    """Value of each row, (n,), as of `hyperhex.kernels.mixtures.draw_mixtures`."""
    logit, mean, log_width = told.chunk(3, dim=1)
    reached = torch.softmax(logit, dim=1).cumsum(1) < choice[:, None]
    chosen = reached.sum(1, keepdim=True).clamp_max(logit.shape[1] - 1)
    width = torch.exp(log_width.gather(1, chosen)[:, 0].clamp(NARROWEST, WIDEST))
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
