"""Derivatives of cells that are drawn, with respect to the energy expected in them.

A Poisson number of particles crosses a cell. With the mean energy mu of the cell and m of one
crossing h, the derivative of the mean of any function f of the cell is exactly

    d E[f(e)] / d mu = E[f(e + h) - f(e)] / m

(the finite-difference derivative of a Poisson average), so each function f of a drawn cell carries
the weight E_h[f(e + h) - f(e)] / m back to mu: unbiased, also for an empty cell. These f are the
energy, a hit, ln(1 + e) and whether e is above some edge; powers of the energy follow it as if it
were not drawn. That the cells of a layer sum to a given energy and that a given number is hit
(`hyperhex.kernels.hits`) is then a matter of the softmax before: it passes on only what moves
energy from one cell to another.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.kernels.hits import KNOTS_PER_ROOT, Hits, HitTables
from hyperhex.kernels.sums import ABOVE, sum_back, sum_hits

__all__ = ["SPECTRUM_EDGES", "Cells", "Sums", "Weights"]

SPECTRUM_EDGES = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 128.0])
"""Energies above which cells are counted [MIP]."""

_KNOTS = 160
_PER_UNIT = 16
_NODES = 256
_SHARES = 32


class Sums(NamedTuple):
    """Sums over the cells of n showers, the columns as in `hyperhex.kernels.sums`.

    `layers` (n, n_layers, columns), `rings` (n, 2, n_rings), energy and hits, `logarithms`
    (n, n_layers, n_groups) of ln(1 + e).
    """

    layers: torch.Tensor
    rings: torch.Tensor
    logarithms: torch.Tensor


class Weights:
    """Derivatives with respect to the mean energy of a cell, for crossings far from the axis.

    `hit` (n_layers,) is 1 / m, that of the number of hits of an empty cell [1/MIP]; `logarithm`
    (n_layers, n_knots) is E_h[ln(1 + e + h) - ln(1 + e)] / m on an even grid of ln(1 + e) [1/MIP];
    `above` (n_layers, n_knots, n_edges) is P(e <= edge < e + h) / m on the same grid.
    """

    def __init__(self, tables: HitTables) -> None:
        sums, mean = tables.sums[-1], tables.moments[-1, :, 0]
        self.hit = (1.0 / mean).astype(np.float32)
        rows = [_log_weights(single[0], m) for single, m in zip(sums, mean, strict=True)]
        self.logarithm = np.stack(rows).astype(np.float32)
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


class Cells:
    """Sums over the cells of drawn showers, as `hyperhex.kernels.sums` has them.

    `patch` says where the cells of a layer are, `groups` (n_cells,) what a critic sees as one.
    Sums are taken on the CPU, wherever the networks are.
    """

    def __init__(
        self, patch: Patch, groups: NDArray[np.int64], n_layers: int, weights: Weights
    ) -> None:
        self.place = (
            patch.positions.astype(np.float32),
            np.asarray(patch.ring, np.int64),
            np.asarray(groups, np.int64),
        )
        self.weights = weights
        self.sizes = (
            (n_layers, ABOVE + len(SPECTRUM_EDGES)),
            (2, patch.rings + 1),
            (n_layers, int(groups.max()) + 1),
        )

    def sums(self, hits: Hits, impact: torch.Tensor, chosen: NDArray | None = None) -> Sums:
        """Sums of all showers or of the chosen, which have the points `impact` (n, 2) [cm]."""
        points = impact.cpu().numpy()
        rows = np.arange(len(points)) if chosen is None else chosen
        found = [np.zeros((len(points), *size), np.float32) for size in self.sizes]
        drawn = hits.first, hits.cell, hits.energy, points
        sum_hits(*drawn, *self.place, rows, SPECTRUM_EDGES.astype(np.float32), *found)
        return Sums(*(torch.from_numpy(part).to(impact.device) for part in found))

    def drawn(
        self, fractions: torch.Tensor, energy: torch.Tensor, hits: Hits, impact: torch.Tensor
    ) -> Sums:
        """Sums of showers that are drawn about fractions of their layers' energies.

        `fractions` (n, n_layers, n_cells), to which the derivatives are those of the formula of
        this module, `energy` (n, n_layers) [MIP], `impact` (n, 2) [cm].
        """
        apply: Callable[..., tuple[torch.Tensor, ...]] = _Drawn.apply
        return Sums(*apply(fractions, energy, hits, impact, self))

    def back(
        self, slopes: Sequence[torch.Tensor], energy: NDArray, hits: Hits, impact: NDArray
    ) -> NDArray[np.float32]:
        """Gradient of the fractions from those of the sums."""
        layers, rings, logarithms = (slope.cpu().contiguous().numpy() for slope in slopes)
        drawn = hits.first, hits.cell, hits.energy, impact
        known = self.weights.hit, self.weights.logarithm, self.weights.above
        told = layers, rings, logarithms, energy
        return sum_back(*drawn, *self.place, *told, *known, np.float32(_PER_UNIT))


class _Drawn(torch.autograd.Function):
    """Sums forward, weighted gradients back."""

    @staticmethod
    def forward(
        ctx: Any,
        fractions: torch.Tensor,
        energy: torch.Tensor,
        hits: Hits,
        impact: torch.Tensor,
        cells: Cells,
    ) -> tuple[torch.Tensor, ...]:
        ctx.device, ctx.cells = fractions.device, cells
        ctx.told = energy.cpu().numpy(), hits, impact.cpu().numpy()
        return cells.sums(hits, impact)

    @staticmethod
    def backward(ctx: Any, *slopes: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        found = torch.from_numpy(ctx.cells.back(slopes, *ctx.told))
        return found.to(ctx.device), None, None, None, None
