"""The mean layer: how far from the axis it has its energy, by its hits and their mean energy.

The network learns only what departs from it. The profiles are tables at knots of ln h, h being the
number of cells that are hit, of ln u, their mean energy, and of distance, with linear interpolation
between them. Of the particle's energy they know nothing: what a layer looks like, a track, the
start of a shower or its middle, shows far better in its hits, and whether there is the core of an
electromagnetic shower in what they have on average.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.conditions import Layers

__all__ = ["Template", "fit_template", "hats"]

_HITS_KNOTS = 9
_SHARE_KNOTS = 6
_SHARES = 0.01, 0.999
_DISTANCE_KNOTS = np.concatenate(
    [np.arange(5) / 5, np.arange(4, 12) / 4, [3.0, 3.5], np.arange(4.0, 13.0)]
)
_FLOOR = 1e-7
_FEW = 3.0  # layers
_BLOCK = 4096


class Template(nn.Module):
    """Mean lateral profiles.

    Buffers
    -------
    hits : ln of the number of hits, (n_hits,)
    shares : ln of the mean energy of a hit, (n_shares,) [MIP]
    distances : of a cell's centre from the impact point, (n_distance,) [cm]
    radial : ln of the mean fraction of its layer's energy in a cell,
        (n_hits, n_shares, n_layers, n_distance)
    positions : centres of the cells, (n_cells, 2) [cm]
    """

    hits: torch.Tensor
    shares: torch.Tensor
    distances: torch.Tensor
    radial: torch.Tensor
    positions: torch.Tensor

    NAMES = ("hits", "shares", "distances", "radial", "positions")

    def __init__(self, **tables: torch.Tensor) -> None:
        super().__init__()
        for name in self.NAMES:
            self.register_buffer(name, tables[name])

    def forward(self, layers: Layers, impact: torch.Tensor) -> torch.Tensor:
        """Logits of the cells' fractions of their layer, (n, n_layers, n_cells).

        `layers` (n, n_layers), `impact` (n, 2) [cm].
        """
        return self.at_knots(layers, self.radial) @ self.between(impact)

    def weights(self, layers: Layers) -> torch.Tensor:
        """Weights of the knots of hits and shares, the latter running faster, (n, n_layers, k)."""
        return _weights(layers, self.hits, self.shares)

    def at_knots(self, layers: Layers, tables: torch.Tensor) -> torch.Tensor:
        """What tables as `radial` have for layers, (n, n_layers, n_distance)."""
        return torch.einsum("nlk,kld->nld", self.weights(layers), tables.flatten(0, 1))

    def between(self, impact: torch.Tensor) -> torch.Tensor:
        """Weights of the distances' knots for the cells, (n, n_distance, n_cells)."""
        apart = torch.cdist(impact, self.positions, compute_mode="donot_use_mm_for_euclid_dist")
        return hats(apart, self.distances).transpose(1, 2)


def _weights(layers: Layers, hits: torch.Tensor, shares: torch.Tensor) -> torch.Tensor:
    """Weights of the knots of ln h and ln u, those of the second running faster, (n, l, k)."""
    number = layers.hits.clamp_min(1)
    share = torch.log(layers.energy.clamp_min(_FLOOR) / number)
    parts = hats(torch.log(number), hits), hats(share, shares)
    return (parts[0][..., None] * parts[1][..., None, :]).flatten(2)


def hats(value: torch.Tensor, knots: torch.Tensor) -> torch.Tensor:
    """Weights of linear interpolation at `value` (...) between `knots` (k,), (..., k).

    Outside the knots the nearest one has all the weight.
    """
    value = value.clamp(knots[0], knots[-1])[..., None]
    rising = torch.ones_like(value)
    if len(knots) > 1:
        rising = ((value - knots[:-1]) / (knots[1:] - knots[:-1])).clamp(0.0, 1.0)
        rising = torch.cat([torch.ones_like(value), rising], dim=-1)
    return rising - torch.cat([rising[..., 1:], torch.zeros_like(value)], dim=-1)


def fit_template(
    patch: Patch,
    deposits: NDArray,
    impact: NDArray,
    *,
    knots: Template | None = None,
    by_energy: bool = False,
) -> Template:
    """Template of showers (n, layers, cells) [MIP], (n, 2) [cm].

    Its knots are those of another template, or lie between the extremes of these showers. All
    layers count alike, or `by_energy` as much as their share of the energy of their shower.

    Where few layers have about so many hits of such energies, the profile is between that of those
    that have and that of all with so many hits, and where those are few, that of layers with fewer.
    """
    energy, number = torch.from_numpy(deposits.sum(axis=2)), (deposits > 0).sum(axis=2)
    layers = Layers(energy, torch.from_numpy(number).float())
    # a layer without energy says nothing of where it would be
    there = number > 0
    counts_as = there.astype(np.float32)
    if by_energy:
        counts_as = (energy / energy.sum(1, keepdim=True).clamp_min(_FLOOR)).numpy()
    if knots is None:
        hits = torch.linspace(0.0, float(np.log(max(2, number.max()))), _HITS_KNOTS)
        low, high = np.quantile(np.log(energy.numpy()[there] / number[there]), _SHARES)
        shares = torch.linspace(float(low), float(high), _SHARE_KNOTS)
    else:
        hits, shares = knots.hits, knots.shares
    distances = _DISTANCE_KNOTS[: np.searchsorted(_DISTANCE_KNOTS, 1.1 * patch.rings)] * patch.pitch
    shape = len(hits) * len(shares), deposits.shape[1], len(distances)
    sums, counts, cells = np.zeros(shape), np.zeros(shape), np.zeros(len(distances))
    for start in range(0, len(deposits), _BLOCK):
        rows = slice(start, start + _BLOCK)
        weight = _weights(layers.rows(rows), hits, shares).numpy() * counts_as[rows, :, None]
        apart = np.linalg.norm(impact[rows, None, :] - patch.positions, axis=2)
        hat = hats(torch.from_numpy(apart), torch.from_numpy(distances)).float().numpy()
        total = energy[rows].numpy()[..., None]
        fractions = (deposits[rows] / np.maximum(total, _FLOOR)) @ hat
        sums += np.einsum("nlk,nld->kld", weight, fractions, optimize=True)
        counts += np.einsum("nlk,nd->kld", weight, hat.sum(axis=1), optimize=True)
        cells += hat.sum(axis=(0, 1))
    few = _FEW * counts_as[there].mean() * cells / max(1, len(deposits))
    by_both = [part.reshape(len(hits), len(shares), *shape[1:]) for part in (sums, counts)]
    by_hits = [part.sum(axis=1) for part in by_both]
    mean, found = by_hits[0].sum(axis=0) / by_hits[1].sum(axis=0).clip(_FLOOR), []
    for own, counted, *both in zip(*by_hits, *by_both, strict=True):
        mean = (own + few * mean) / (counted + few).clip(_FLOOR)
        found.append((both[0] + few * mean) / (both[1] + few).clip(_FLOOR))
    tables = {
        "hits": hits.numpy(),
        "shares": shares.numpy(),
        "distances": distances,
        "radial": np.log(np.stack(found).clip(_FLOOR)),
        "positions": patch.positions,
    }
    return Template(**{name: torch.from_numpy(table).float() for name, table in tables.items()})
