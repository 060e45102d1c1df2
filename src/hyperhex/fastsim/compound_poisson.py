"""Cells as compound-Poisson variables: a Poisson number of hits, each of the measured energy.

Few particles cross an outer cell, so its energy is not a number near its mean but zero, or the
energy of one hit, or of two. Given the mean energy mu of a cell, with m the mean energy of a hit,

    N ~ Poisson(mu / m),   e = h_1 + ... + h_N,   h_i drawn from the full simulation's single hits.

The derivative with respect to mu of the mean of any function f of the cell is exactly

    d E[f(e)] / d mu = E[f(e + h) - f(e)] / m

(the finite-difference derivative of a Poisson average), so each channel f of a sampled cell carries
the weight E_h[f(e + h) - f(e)] / m back to mu: unbiased, also for an empty cell.

A steady share r of mu may come without hits, e = r mu + h_1 + ... + h_N with
N ~ Poisson((1 - r) mu / m). The weight is then r f'(e) + (1 - r) E_h[f(e + h) - f(e)] / m.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.errors import TrainingError

__all__ = ["KNOTS_PER_UNIT", "HitSpectrum", "draw", "fit_hit_spectrum", "sampled"]

_LARGEST_TABLED_NUMBER = 16
KNOTS_PER_UNIT = 32
_KNOTS = 12 * KNOTS_PER_UNIT
_BIN = 0.05
_BINS = 1 << 14
_LARGEST_HIT = 400.0
_ROUNDING = 1e-12
_WEIGHT_KNOTS = 160
_WEIGHT_KNOTS_PER_UNIT = 16
_SPARSE = (0.03, 0.1)
_LEAST_HITS = 300


@dataclass(frozen=True)
class HitSpectrum:
    """Energy of single hits per layer, and what follows from it.

    Attributes
    ----------
    sums : quantiles of the energy of 1, 2, ... hits at the exponential variable t = -ln(1 - u) on
        an even grid, (n_layers, largest number, n_knots) [MIP]
    moments : mean and variance of the energy of a hit, (n_layers, 2) [MIP, MIP^2]
    log_weights : E_h[ln(1 + e + h) - ln(1 + e)] / m on an even grid of ln(1 + e),
        (n_layers, n_knots) [1/MIP]
    """

    sums: NDArray[np.float32]
    moments: NDArray[np.float64]
    log_weights: NDArray[np.float32]

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean energy of a hit, (n_layers,) [MIP]."""
        return self.moments[:, 0]


def fit_hit_spectrum(deposits: NDArray, energy: NDArray, ring: NDArray) -> HitSpectrum:
    """Spectrum of hits from cells that are rarely hit, where two hits hardly ever meet.

    Sparse are the layers' rings that, in showers of like energy, are hit with a probability below
    0.03, or 0.1 where those are too few. Layers with few hits even so take those of all layers.
    `deposits` (n, layers, cells) [MIP], thresholded; `energy` (n,) [GeV]; `ring` (cells,).
    """
    groups = np.array_split(np.argsort(energy, kind="stable"), 6)
    choices = [
        [_sparse_hits(deposits[:, layer], groups, ring, limit) for limit in _SPARSE]
        for layer in range(deposits.shape[1])
    ]
    everything = np.concatenate([found[-1] for found in choices])
    if len(everything) < _LEAST_HITS:
        msg = (
            f"{len(everything)} single hits in {len(deposits)} showers are too few for their"
            f" spectrum, {_LEAST_HITS} needed; simulate more showers"
        )
        raise TrainingError(msg)
    chosen = [
        next((hit for hit in found if len(hit) >= _LEAST_HITS), everything) for found in choices
    ]
    return _spectrum([np.minimum(hit, _LARGEST_HIT).astype(np.float64) for hit in chosen])


def _sparse_hits(
    deposits: NDArray, groups: Sequence[NDArray], ring: NDArray, limit: float
) -> NDArray:
    """Energies of hit cells of a layer (n, cells) where the chance of a hit is below a limit."""
    found = [np.empty(0, deposits.dtype)]
    for showers in groups:
        for r in np.unique(ring):
            cells = deposits[showers][:, ring == r]
            hit = cells[cells > 0]
            if len(hit) < limit * cells.size:
                found.append(hit)
    return np.concatenate(found)


def _spectrum(hits: list[NDArray]) -> HitSpectrum:
    sums = np.stack([_sum_quantiles(hit) for hit in hits]).astype(np.float32)
    moments = np.array([[hit.mean(), hit.var()] for hit in hits])
    log_weights = np.stack([_log_weights(hit) for hit in hits]).astype(np.float32)
    return HitSpectrum(sums, moments, log_weights)


def _sum_quantiles(hit: NDArray) -> NDArray:
    """Quantiles of the energy of 1, 2, ... hits; densities convolved by Fourier transforms."""
    knots = -np.expm1(-np.arange(_KNOTS) / KNOTS_PER_UNIT)
    single = np.histogram(hit, bins=_BINS, range=(0.0, _BINS * _BIN))[0] / len(hit)
    transform = np.fft.rfft(single)
    rows = [np.quantile(hit, knots)]
    for number in range(2, _LARGEST_TABLED_NUMBER + 1):
        density = np.fft.irfft(transform**number, _BINS)
        filled = np.flatnonzero(density > _ROUNDING)
        cumulative = np.concatenate([[0.0], np.cumsum(density[filled])])
        # a bin's entries lie at its centre on average, so n of them lie n half bins further
        edges = np.concatenate([filled[:1], filled + 1]) + 0.5 * (number - 1)
        rows.append(np.interp(knots, cumulative / cumulative[-1], edges * _BIN))
    return np.stack(rows)


def _log_weights(hit: NDArray) -> NDArray:
    energy = np.expm1(np.arange(_WEIGHT_KNOTS) / _WEIGHT_KNOTS_PER_UNIT)
    nodes = np.quantile(hit, (np.arange(256) + 0.5) / 256)
    return np.log1p(nodes / (1.0 + energy[:, None])).mean(axis=1) / hit.mean()


def draw(
    spectrum: HitSpectrum, mean: NDArray, steady: NDArray, random: np.random.Generator
) -> NDArray[np.float32]:
    """Energies of cells of given mean energies [MIP] and steady shares, all (n, layers, cells).

    Cells with hits are found first; the number of hits in them is 1 + Poisson of what is left of
    the mean after the first arrival. Up to 16 hits are summed by tabled quantiles, more by a gamma
    variable of the same mean and variance (Wilson & Hilferty 1931).
    """
    shape = mean.shape
    without_hits = (steady * mean).astype(np.float32)
    number = ((mean - without_hits) / spectrum.mean[:, None].astype(np.float32)).ravel()
    empty = np.exp(-number)
    hit = np.flatnonzero(random.random(number.size, dtype=np.float32) > empty)
    first = -np.log1p(-random.random(hit.size, dtype=np.float32) * (1.0 - empty[hit]))
    count = 1 + random.poisson(np.maximum(number[hit] - first, 0.0))
    layer = (hit // shape[2]) % shape[1]
    energy = np.zeros(number.size, np.float32)
    energy[hit] = _tabled(spectrum, layer, np.minimum(count, _LARGEST_TABLED_NUMBER), random)
    many = np.flatnonzero(count > _LARGEST_TABLED_NUMBER)
    energy[hit[many]] = _gamma(spectrum, layer[many], count[many], random)
    return energy.reshape(shape) + without_hits


def _tabled(
    spectrum: HitSpectrum, layer: NDArray, count: NDArray, random: np.random.Generator
) -> NDArray:
    position = random.standard_exponential(len(count), dtype=np.float32) * KNOTS_PER_UNIT
    position = np.minimum(position, np.float32(_KNOTS - 1.001))
    knot = position.astype(np.int64)
    flat = (layer * _LARGEST_TABLED_NUMBER + count - 1) * _KNOTS + knot
    table = spectrum.sums.ravel()
    return table[flat] + (position - knot) * (table[flat + 1] - table[flat])


def _gamma(
    spectrum: HitSpectrum, layer: NDArray, count: NDArray, random: np.random.Generator
) -> NDArray:
    mean, variance = spectrum.moments[layer].T
    ninth = variance / (9.0 * count * mean**2)
    normal = random.standard_normal(len(count), dtype=np.float32)
    return (count * mean * (1.0 - ninth + normal * np.sqrt(ninth)) ** 3).astype(np.float32)


def sampled(
    mean: torch.Tensor,
    steady: torch.Tensor,
    energy: torch.Tensor,
    hit_mean: torch.Tensor,
    log_weights: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Energy [MIP], its logarithm ln(1 + e) and whether it is hit, of cells drawn about `mean`.

    The derivatives with respect to `mean` are those of the formula of this module; for the energy
    itself that is 1. `mean`, `steady`, `energy` and results are (n, n_layers, n_cells); `hit_mean`
    (n_layers,) and `log_weights` (n_layers, n_knots) belong to the spectrum of hits.
    """
    apply: Callable[..., tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = _Sampled.apply
    return apply(mean, steady, energy, hit_mean, log_weights)


class _Sampled(torch.autograd.Function):
    """Forward passes the sampled channels on, backward gives `mean` their derivatives."""

    @staticmethod
    def forward(
        ctx: torch.autograd.function.FunctionCtx,
        mean: torch.Tensor,
        steady: torch.Tensor,
        energy: torch.Tensor,
        hit_mean: torch.Tensor,
        log_weights: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Channels (energy [MIP], logarithm, hit), each of the shape of `mean`."""
        del mean
        logarithm = torch.log1p(energy)
        ctx.save_for_backward(steady, logarithm, hit_mean, log_weights)
        return energy.clone(), logarithm, (energy > 0).to(energy.dtype)

    @staticmethod
    def backward(
        ctx: torch.autograd.function.FunctionCtx,
        energy: torch.Tensor,
        logarithm: torch.Tensor,
        hit: torch.Tensor,
    ) -> tuple[torch.Tensor, None, None, None, None]:
        """Gradient of `mean` from the gradients of the three channels."""
        steady, log_energy, hit_mean, log_weights = ctx.saved_tensors  # type: ignore[attr-defined]
        knot = (log_energy * _WEIGHT_KNOTS_PER_UNIT).round().long().clamp_(max=_WEIGHT_KNOTS - 1)
        layer = torch.arange(len(hit_mean), device=hit_mean.device)[:, None] * _WEIGHT_KNOTS
        weight = log_weights.flatten()[knot + layer]
        first = (log_energy == 0) / hit_mean[:, None]
        of_hits = logarithm * weight + hit * first
        of_steady = logarithm * torch.exp(-log_energy)
        return energy + of_hits + steady * (of_steady - of_hits), None, None, None, None
