"""Derivatives of cells that are drawn, with respect to the energy expected in them.

A Poisson number of particles crosses a cell. With the mean energy mu of the cell and m of one
crossing h, the derivative of the mean of any function f of the cell is exactly

    d E[f(e)] / d mu = E[f(e + h) - f(e)] / m

(the finite-difference derivative of a Poisson average), so each channel f of a drawn cell carries
the weight E_h[f(e + h) - f(e)] / m back to mu: unbiased, also for an empty cell. That the cells of
a layer sum to a given energy and that a given number is hit (`hyperhex.kernels.hits`) is then a
matter of the softmax before: it passes on only what moves energy from one cell to another.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.kernels.hits import KNOTS_PER_ROOT, HitTables
from hyperhex.kernels.spectrum import count_above, spread_back

__all__ = ["SPECTRUM_EDGES", "Weights", "cells_above", "sampled"]

SPECTRUM_EDGES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 128.0])
"""Energies above which cells are counted [MIP]."""

_KNOTS = 160
_PER_UNIT = 16
_NODES = 256
_SHARES = 32


class Weights:
    """Weights of the channels, of a crossing far from the axis.

    `mean` energy of a crossing (n_layers,) [MIP]; `logarithm` (n_layers, n_knots) is
    E_h[ln(1 + e + h) - ln(1 + e)] / m on an even grid of ln(1 + e) [1/MIP]; `above`
    (n_layers, n_knots, n_edges) is P(e <= edge < e + h) / m on the same grid.
    """

    def __init__(self, tables: HitTables, device: str = "cpu") -> None:
        sums, mean = tables.sums[-1], tables.moments[-1, :, 0]
        rows = [_log_weights(single[0], m) for single, m in zip(sums, mean, strict=True)]
        self.mean = torch.from_numpy(mean).float().to(device)
        self.logarithm = torch.from_numpy(np.stack(rows)).float().to(device)
        above = [_above_weights(single[0], m) for single, m in zip(sums, mean, strict=True)]
        self.above = np.stack(above).astype(np.float32)


def _log_weights(single: NDArray, mean: float) -> NDArray[np.float64]:
    """Weights of ln(1 + e) from the tabled quantiles of a crossing's energy."""
    energy = np.expm1(np.arange(_KNOTS) / _PER_UNIT)
    places = np.sqrt(-np.log1p(-(np.arange(_NODES) + 0.5) / _NODES)) * KNOTS_PER_ROOT
    nodes = np.interp(places, np.arange(len(single)), single)
    return np.asarray(np.log1p(nodes / (1.0 + energy[:, None])).mean(axis=1) / mean)


def _above_weights(single: NDArray, mean: float) -> NDArray[np.float64]:
    """Weights of a cell's being above each edge, by the distribution of a crossing's energy.

    Each is the mean over the energies of which its knot is the nearest, among which an edge may be.
    """
    about = (np.arange(_SHARES) + 0.5) / _SHARES - 0.5
    logarithm = np.arange(_KNOTS)[:, None] + about
    logarithm[0] = 0.0
    energy = np.expm1(logarithm / _PER_UNIT)[..., None]
    knot = np.interp(SPECTRUM_EDGES - energy, single, np.arange(len(single)))
    beyond = np.exp(-((knot / KNOTS_PER_ROOT) ** 2))
    return np.where(energy <= SPECTRUM_EDGES, beyond, 0.0).mean(axis=1) / mean


def cells_above(mean: torch.Tensor, logarithm: torch.Tensor, weights: Weights) -> torch.Tensor:
    """Cells of each layer above `SPECTRUM_EDGES`, (n, n_layers, n_edges), of ln(1 + e).

    The derivatives with respect to `mean` are those of the formula of this module.
    """
    apply: Callable[..., torch.Tensor] = _Above.apply
    return apply(mean, logarithm, weights.above)


class _Above(torch.autograd.Function):
    """Counts forward, weighted gradients back; both on the CPU, wherever the networks are."""

    @staticmethod
    def forward(
        ctx: Any, mean: torch.Tensor, logarithm: torch.Tensor, weights: NDArray[np.float32]
    ) -> torch.Tensor:
        """Counts (n, n_layers, n_edges)."""
        ctx.logarithm, ctx.weights = logarithm.detach().cpu().numpy(), weights
        edges = np.log1p(SPECTRUM_EDGES).astype(np.float32)
        return torch.from_numpy(count_above(ctx.logarithm, edges)).to(mean.device)

    @staticmethod
    def backward(ctx: Any, counts: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        """Gradient of `mean` from that of the counts."""
        told = counts.cpu().numpy()
        found = spread_back(ctx.logarithm, told, ctx.weights, _PER_UNIT)
        return torch.from_numpy(found).to(counts.device), None, None


def sampled(
    mean: torch.Tensor, energy: torch.Tensor, weights: Weights
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energy [MIP], its logarithm ln(1 + e) and whether it is hit, of cells drawn about `mean`.

    The derivatives with respect to `mean` are those of the formula of this module; for the energy
    itself that is 1. `mean`, `energy` and results are (n, n_layers, n_cells).
    """
    apply: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = _Sampled.apply
    return apply(mean, energy, weights.mean, weights.logarithm)


class _Sampled(torch.autograd.Function):
    """Forward passes the sampled channels on, backward gives `mean` their derivatives."""

    @staticmethod
    def forward(
        ctx: Any,
        mean: torch.Tensor,
        energy: torch.Tensor,
        hit_mean: torch.Tensor,
        log_weights: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Channels (energy [MIP], logarithm, hit), each of the shape of `mean`."""
        del mean
        logarithm = torch.log1p(energy)
        ctx.save_for_backward(logarithm, hit_mean, log_weights)
        return energy.clone(), logarithm, (energy > 0).to(energy.dtype)

    @staticmethod
    def backward(
        ctx: Any, energy: torch.Tensor, logarithm: torch.Tensor, hit: torch.Tensor
    ) -> tuple[torch.Tensor, None, None, None]:
        """Gradient of `mean` from the gradients of the three channels."""
        log_energy, hit_mean, log_weights = ctx.saved_tensors
        knot = (log_energy * _PER_UNIT).round().long().clamp_(max=_KNOTS - 1)
        layer = torch.arange(len(hit_mean), device=hit_mean.device)[:, None] * _KNOTS
        weight = log_weights.flatten()[knot + layer]
        first = (log_energy == 0) / hit_mean[:, None]
        return energy + logarithm * weight + hit * first, None, None, None
