"""Values at places of the normal density: tables of the quantiles that values have.

A value whose distribution is anything is turned into one that is normal, and back (marginal
Gaussianisation, Chen & Gopinath 2001). Each layer has a table at each knot of ln h, h being its
hits; between the knots tables are linear in ln h.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.special import ndtr

__all__ = ["PLACES", "place_of", "quantiles", "rising", "value_at"]

_FARTHEST, _STEP = 4.0, 0.25
PLACES = torch.arange(-_FARTHEST, _FARTHEST + 0.5 * _STEP, _STEP)
"""From -4 to 4, (33,)."""
_LEAST_RISE = 1e-4  # of a value from one place to the next
_FEW = 100.0  # layers
_POOLED = 20_000  # layers
_TINY = 1e-9


def value_at(table: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Values (n,) at places of the normal density, by tables (n, 33) of their own."""
    steps = (place.clamp(-_FARTHEST, _FARTHEST) + _FARTHEST) / _STEP
    knot = steps.floor().clamp_max(len(PLACES) - 2)
    low, high = (table.gather(1, knot.long()[:, None] + k)[:, 0] for k in (0, 1))
    return low + (steps - knot) * (high - low)


def place_of(table: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
    """Places (n,) of values, by tables (n, 33) of their own; the inverse of `value_at`."""
    knot = (value[:, None] >= table[:, 1:-1]).sum(1, keepdim=True)
    low, high = (table.gather(1, knot + k)[:, 0] for k in (0, 1))
    place = _STEP * (knot[:, 0] + (value - low) / (high - low)) - _FARTHEST
    return place.clamp(-_FARTHEST, _FARTHEST)


def quantiles(values: NDArray, crowd: NDArray) -> torch.Tensor:
    """Values (n, n_layers) at the places, by layer and knot of ln h, (n_layers, 8, 33).

    `crowd` (n, n_layers, 8) are the weights of the knots. Where few layers have about so many hits,
    others with as many count too, and where those are few, others with fewer.
    """
    wanted = ndtr(PLACES.numpy())
    n_layers, knots = values.shape[1], crowd.shape[2]
    every = np.linspace(0, values.size - 1, min(values.size, _POOLED)).astype(np.int64)
    # all count a little, where there is none with about so many hits or fewer
    pooled, weights = values.ravel()[every], crowd.reshape(-1, knots)[every] + _TINY
    tables = np.empty((n_layers, knots, len(wanted)))
    for knot in range(knots):
        if knot:
            before = weights[:, knot - 1]
            weights[:, knot] += before * _FEW / max(before.sum(), _FEW)
        others = weights[:, knot] * (_FEW / max(weights[:, knot].sum(), 1.0))
        for layer in range(n_layers):
            both = np.concatenate([values[:, layer], pooled])
            counts = np.concatenate([crowd[:, layer, knot], others])
            order = np.argsort(both, kind="stable")
            order = order[counts[order] > 0.0]
            cumulative = np.cumsum(counts[order])
            middle = (cumulative - 0.5 * counts[order]) / cumulative[-1]
            tables[layer, knot] = np.interp(wanted, middle, both[order])
    return rising(torch.from_numpy(tables).float())


def rising(tables: torch.Tensor) -> torch.Tensor:
    """Tables (..., 33) in order (Chernozhukov et al., Econometrica 78 (2010) 1093), and rising."""
    least = _LEAST_RISE * torch.arange(tables.shape[-1])
    return (tables - least).sort(-1).values + least
