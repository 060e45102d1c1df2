"""Reconstruction of the energy from a shower, and how well it does: bias and resolution."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import SelectionError
from hyperhex.refine.calibration import Calibration, fit_calibration
from hyperhex.refine.showers import Showers

__all__ = ["EnergyRegressor", "Performance", "performance"]

_LEAST_SHOWERS = 10
_LEAST_VISIBLE = 1e-3
_PRIOR_OF_WEIGHT = 0.3
# what the weights of the sums over a layer are within, in the order of the terms
_PRIORS_OF_SUMS = (0.1, 0.5, 0.5)
_STOCHASTIC = 0.2
_CONSTANT = 0.03
_SATURATING = 100.0  # [MIP]
_SUPPRESSING = 16.0  # [MIP]
_PER_HIT = 4.5  # [MIP]

Floats = NDArray[np.float64]


class EnergyRegressor:
    """Energy as a weighted sum of cells, learned by Bayesian linear regression, then calibrated.

    E = sum_lc w_lc e_lc + sum_lc [u_l e_lc ln(1 + e_lc / 100) + v_l 16 ln(1 + e_lc / 16)
        + n_l 4.5 (e_lc > 0)],   e in MIP

    With u the readout may bend; v and n give a hit cell a share that does not follow the
    fluctuations of its energy. A network of `HexConv2d` on the weighted cells was tried instead and
    resolves less: what helps is each cell by itself, not its neighbours.

    Priors are Gaussian: a weight is that of the mean shower within 30 %, u, v and n are nothing
    within 10, 50 and 50 % of it; the relative error of a shower is taken as 20 % / sqrt(E / GeV)
    and 3 %. What remains on average at an energy is taken away by a table (`Calibration`). The
    label of energy is used in learning only.
    """

    def __init__(self) -> None:
        self.weights: Floats = np.zeros(0)
        self.calibration = Calibration((0.0,), (0.0,))

    def fit(self, showers: Showers) -> EnergyRegressor:
        """Learn from showers of known energy."""
        energy = showers.energy.astype(np.float64)
        terms = _terms(showers.cells)
        n_layers, n_cells = showers.cells.shape[1:]
        of_cells = n_layers * n_cells
        visible = terms[:, :of_cells].sum(axis=1)
        typical = float(np.median(energy / np.maximum(visible, _LEAST_VISIBLE)))
        sums = np.repeat(_PRIORS_OF_SUMS, n_layers)
        width = np.concatenate([np.full(of_cells, _PRIOR_OF_WEIGHT), sums])
        centre = np.concatenate([np.ones(of_cells), np.zeros(len(sums))])
        error = np.sqrt(_STOCHASTIC**2 / energy + _CONSTANT**2)[:, None]
        design = terms * (typical / energy)[:, None] / error
        target = 1.0 / error[:, 0] - design @ centre
        design *= width
        pulls = np.linalg.solve(design.T @ design + np.eye(len(width)), design.T @ target)
        self.weights = typical * (centre + width * pulls)
        self.calibration = fit_calibration(self._sum(showers.cells), energy)
        return self

    def __call__(self, cells: NDArray[np.floating]) -> Floats:
        """Energies (n,) [GeV] of showers (n, n_layers, n_cells) [MIP]."""
        return self.calibration(self._sum(cells))

    def _sum(self, cells: NDArray[np.floating]) -> Floats:
        return np.maximum(_terms(cells) @ self.weights, 1e-3)


@dataclass(frozen=True)
class Performance:
    """Bias and resolution of measured energies, overall and by energy, with bootstrap errors.

    With r = measured / true in a bin of true energy: bias = median r - 1, resolution = half the
    width of the central 68.3 % of r over its median. The overall bias is the mean of |bias| over
    the bins, so that opposite biases do not cancel; the overall resolution is the geometric mean
    over the bins, in which all energies count alike. Replicas of different methods at the same
    seed resample the same showers.
    """

    bias: float
    resolution: float
    median: float
    bins: list[dict[str, float]]
    bias_replicas: Floats
    resolution_replicas: Floats

    def summary(self) -> dict[str, Any]:
        """Figures with their errors, as JSON holds them."""
        return {
            "bias": self.bias,
            "bias_error": float(self.bias_replicas.std()),
            "resolution": self.resolution,
            "resolution_error": float(self.resolution_replicas.std()),
            "median": self.median,
            "bins": self.bins,
        }


def performance(
    measured: NDArray[np.floating],
    true: NDArray[np.floating],
    edges: Sequence[float],
    replicas: int,
    stream: np.random.Generator,
) -> Performance:
    """Performance of measured energies (n,) against true ones (n,), bins between `edges` [GeV]."""
    ratio = np.asarray(measured, np.float64) / true
    rows, biases, resolutions = [], [], []
    for low, high in pairwise(edges):
        inside = ratio[(true >= low) & (true < high)]
        if len(inside) < _LEAST_SHOWERS:
            continue
        drawn = stream.integers(len(inside), size=(replicas, len(inside)))
        values = _bias_and_resolution(np.concatenate([inside[None], inside[drawn]]))
        (bias, resolution), (bias_error, resolution_error) = values[:, 0], values[:, 1:].std(axis=1)
        rows.append(
            {
                "low": float(low),
                "high": float(high),
                "showers": len(inside),
                "bias": float(bias),
                "bias_error": float(bias_error),
                "resolution": float(resolution),
                "resolution_error": float(resolution_error),
            }
        )
        biases.append(np.abs(values[0]))
        resolutions.append(values[1])
    if not rows:
        msg = f"no energy bin of {list(edges)} GeV holds {_LEAST_SHOWERS} of {len(ratio)} showers"
        raise SelectionError(msg)
    bias_all = np.mean(biases, axis=0)
    resolution_all = np.exp(np.mean(np.log(resolutions), axis=0))
    return Performance(
        float(bias_all[0]),
        float(resolution_all[0]),
        float(np.median(ratio)),
        rows,
        bias_all[1:],
        resolution_all[1:],
    )


def _bias_and_resolution(ratio: Floats) -> Floats:
    """Bias and resolution (2, m) of ratios (m, n)."""
    low, median, high = np.quantile(ratio, [0.1587, 0.5, 0.8413], axis=1)
    return np.stack([median - 1.0, 0.5 * (high - low) / median])


def _terms(cells: NDArray[np.floating]) -> Floats:
    """What the weights multiply: cells, then sums over each layer, (n, n_cells + 3 n_layers)."""
    energy = cells.astype(np.float64)
    sums = [
        (energy * np.log1p(energy / _SATURATING)).sum(axis=2),
        _SUPPRESSING * np.log1p(energy / _SUPPRESSING).sum(axis=2),
        _PER_HIT * np.count_nonzero(energy, axis=2),
    ]
    return np.concatenate([energy.reshape(len(energy), -1), *sums], axis=1)
