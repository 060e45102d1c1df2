"""The mean layer: how far from the axis it has its energy, by the number of its cells that are hit.

The network learns only what departs from it. The profiles are tables at knots of ln h and of
distance with linear interpolation between them. Of the particle's energy they know nothing: what a
layer looks like, a track, the start of a shower or its middle, shows far better in its hits.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.detector.patch import Patch

__all__ = ["Template", "fit_template", "hats"]

_HITS_KNOTS = 9
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
    knots : ln of the number of hits, (n_hits,)
    distances : of a cell's centre from the impact point, (n_distance,) [cm]
    radial : ln of the mean fraction of its layer's energy in a cell,
        (n_hits, n_layers, n_distance)
    positions : centres of the cells, (n_cells, 2) [cm]
    """

    knots: torch.Tensor
    distances: torch.Tensor
    radial: torch.Tensor
    positions: torch.Tensor

    NAMES = ("knots", "distances", "radial", "positions")

    def __init__(self, **tables: torch.Tensor) -> None:
        super().__init__()
        for name in self.NAMES:
            self.register_buffer(name, tables[name])

    def forward(self, hits: torch.Tensor, impact: torch.Tensor) -> torch.Tensor:
        """Logits of the cells' fractions of their layer, (n, n_layers, n_cells).

        `hits` (n, n_layers) are the cells that are hit, `impact` (n, 2) [cm].
        """
        weight = hats(torch.log(hits.clamp_min(1)), self.knots)
        profiles = torch.einsum("nlk,kld->nld", weight, self.radial)
        apart = torch.cdist(impact, self.positions, compute_mode="donot_use_mm_for_euclid_dist")
        return profiles @ hats(apart, self.distances).transpose(1, 2)


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


def fit_template(patch: Patch, deposits: NDArray, impact: NDArray) -> Template:
    """Template of showers (n, layers, cells) [MIP], (n, 2) [cm].

    Where few layers have about so many hits, the profile is between that of those that have and
    that of layers with fewer hits.
    """
    hits = np.count_nonzero(deposits, axis=2)
    knots = torch.linspace(0.0, float(np.log(max(2, hits.max()))), _HITS_KNOTS)
    distances = _DISTANCE_KNOTS[: np.searchsorted(_DISTANCE_KNOTS, 1.1 * patch.rings)] * patch.pitch
    shape = len(knots), deposits.shape[1], len(distances)
    shares, number, cells = np.zeros(shape), np.zeros(shape), np.zeros(len(distances))
    for start in range(0, len(deposits), _BLOCK):
        rows = slice(start, start + _BLOCK)
        weight = hats(torch.from_numpy(np.log(hits[rows].clip(1))).float(), knots).numpy()
        apart = np.linalg.norm(impact[rows, None, :] - patch.positions, axis=2)
        hat = hats(torch.from_numpy(apart), torch.from_numpy(distances)).float().numpy()
        energy = deposits[rows].sum(axis=2, keepdims=True)
        # a layer without energy says nothing of where it would be
        layers = (energy > 0).astype(np.float32)
        fractions = (deposits[rows] / np.maximum(energy, _FLOOR)) @ hat
        shares += np.einsum("nlk,nld->kld", weight, fractions, optimize=True)
        number += np.einsum("nlk,nd->kld", weight * layers, hat.sum(axis=1), optimize=True)
        cells += hat.sum(axis=(0, 1))
    few = _FEW * cells / max(1, len(deposits))
    mean = [shares.sum(axis=0) / number.sum(axis=0).clip(_FLOOR)]
    for own, counted in zip(shares, number, strict=True):
        mean.append((own + few * mean[-1]) / (counted + few).clip(_FLOOR))
    tables = {
        "knots": knots.numpy(),
        "distances": distances,
        "radial": np.log(np.stack(mean[1:]).clip(_FLOOR)),
        "positions": patch.positions,
    }
    return Template(**{name: torch.from_numpy(table).float() for name, table in tables.items()})
