"""The mean shower: how much energy, how deep and how far from the axis, as functions of energy.

The network learns only what departs from it. Profiles are tables at knots of ln E (and of distance)
with linear interpolation between them.

Near the axis cells are empty less often than a Poisson number of hits would be: the track of an
electron crosses every layer. The steady share of a cell's mean is what does not come as hits: with
lambda = mean / mean hit, it makes the chance of an empty cell exp(-(1 - share) lambda) the measured
one.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from hyperhex.detector.patch import Patch

__all__ = ["Template", "fit_template", "hats"]

_ENERGY_KNOTS = 7
_DISTANCE_KNOTS = np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 1.75, 2.0, 2.5, 3.0, 4.0, 5.0])
_TOTAL_DEGREE = 3
_FLOOR = 1e-7
_RAREST = 1e-3
_MANY_HITS = 8.0


class Template(nn.Module):
    """Mean shower of each particle.

    Buffers
    -------
    knots : ln E, (n_energy,)
    total : polynomial coefficients of (visible energy / E) in ln E, constant first,
        (n_particles, 4) [MIP/GeV]
    layers : ln of the mean energy fraction of a layer, (n_particles, n_energy, n_layers)
    distances : of a cell's centre from the impact point, (n_distance,) [cm]
    radial : ln of the mean fraction of its layer's energy in a cell,
        (n_particles, n_energy, n_layers, n_distance)
    steady : share of a cell's mean energy that does not fluctuate as hits do, as `radial`
    positions : centres of the cells, (n_cells, 2) [cm]
    """

    knots: torch.Tensor
    total: torch.Tensor
    layers: torch.Tensor
    distances: torch.Tensor
    radial: torch.Tensor
    steady: torch.Tensor
    positions: torch.Tensor

    NAMES = ("knots", "total", "layers", "distances", "radial", "steady", "positions")

    def __init__(self, **tables: torch.Tensor) -> None:
        super().__init__()
        for name in self.NAMES:
            self.register_buffer(name, tables[name])

    def visible(self, log_energy: torch.Tensor, particle: torch.Tensor) -> torch.Tensor:
        """Mean visible energy K(E) E, (n,) [MIP]."""
        powers = log_energy[:, None] ** torch.arange(self.total.shape[1], device=log_energy.device)
        return (self.total[particle] * powers).sum(1) * log_energy.exp()

    def layer_logits(self, log_energy: torch.Tensor, particle: torch.Tensor) -> torch.Tensor:
        """Logits of the layers' fractions, (n, n_layers)."""
        weight = hats(log_energy, self.knots)
        return torch.einsum("nk,nkl->nl", weight, self.layers[particle])

    def cells(
        self, log_energy: torch.Tensor, particle: torch.Tensor, impact: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits of the cells' fractions of their layer, and steady shares.

        Both are (n, n_layers, n_cells).
        """
        weight = hats(log_energy, self.knots)
        tables = torch.cat([self.radial, self.steady], dim=2)[particle]
        profiles = torch.einsum("nk,nkld->nld", weight, tables)
        distance = hats(
            torch.cdist(impact, self.positions, compute_mode="donot_use_mm_for_euclid_dist"),
            self.distances,
        )
        logits, steady = (profiles @ distance.transpose(1, 2)).chunk(2, dim=1)
        return logits, steady


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
    deposits: list[NDArray],
    energy: list[NDArray],
    impact: list[NDArray],
    hit: NDArray,
) -> Template:
    """Template of showers given per particle: (n, layers, cells) [MIP], (n,) [GeV], (n, 2) [cm].

    `hit` (layers,) is the mean energy of a hit [MIP].
    """
    logs = [np.log(e.astype(np.float64)) for e in energy]
    low, high = min(log.min() for log in logs), max(log.max() for log in logs)
    knots = np.linspace(low, high, _ENERGY_KNOTS)
    distances = _DISTANCE_KNOTS[: np.searchsorted(_DISTANCE_KNOTS, 1.1 * patch.rings)] * patch.pitch
    tables: dict[str, list[NDArray]] = {"total": [], "layers": [], "radial": [], "steady": []}
    for showers, log_energy, point in zip(deposits, logs, impact, strict=True):
        weight = hats(torch.from_numpy(log_energy), torch.from_numpy(knots)).numpy()
        layers = showers.sum(axis=2, dtype=np.float64)
        tables["total"].append(_fit_total(log_energy, layers.sum(axis=1)))
        tables["layers"].append(_log_mean(weight, layers / layers.sum(1, keepdims=True).clip(1e-9)))
        radial, steady = _fit_cells(patch, showers, weight, point, distances, hit)
        tables["radial"].append(radial)
        tables["steady"].append(steady)
    fixed = {"knots": knots, "distances": distances, "positions": patch.positions}
    stacked = {name: np.stack(rows) for name, rows in tables.items()} | fixed
    return Template(**{name: torch.from_numpy(t).float() for name, t in stacked.items()})


def _fit_total(log_energy: NDArray, visible: NDArray) -> NDArray:
    """Least squares with errors that fall as 1/sqrt(E)."""
    ratio = visible / np.exp(log_energy)
    fitted = np.polynomial.polynomial.polyfit(
        log_energy, ratio, _TOTAL_DEGREE, w=np.exp(0.5 * log_energy)
    )
    return np.asarray(fitted)


def _log_mean(weight: NDArray, value: NDArray) -> NDArray:
    """Least squares with the hats, in which a straight line has no error."""
    mean = np.linalg.solve(weight.T @ weight, weight.T @ value)
    return np.log(mean.clip(_FLOOR))


def _fit_cells(
    patch: Patch,
    showers: NDArray,
    weight: NDArray,
    impact: NDArray,
    distances: NDArray,
    hit: NDArray,
) -> tuple[NDArray, NDArray]:
    """Radial profile and steady share, from means about each knot of energy and distance."""
    apart = np.linalg.norm(impact[:, None, :] - patch.positions, axis=2)
    hat = hats(torch.from_numpy(apart), torch.from_numpy(distances)).float().numpy()
    number = np.tensordot(weight, hat.sum(axis=1), axes=(0, 0))[:, None, :].clip(_FLOOR)

    def mean(cells: NDArray) -> NDArray:
        return np.tensordot(weight, cells @ hat, axes=(0, 0)) / number

    layers = showers.sum(axis=2, keepdims=True).clip(1e-6)
    empty = mean((showers == 0).astype(np.float32)).clip(_RAREST)
    hits = mean(showers) / hit[:, None]
    share = np.clip(1.0 + np.log(empty) / hits.clip(_FLOOR), 0.0, 0.95)
    # with many hits a cell is never empty, and nothing can be learned from that
    share *= np.clip((_MANY_HITS - hits) / (0.5 * _MANY_HITS), 0.0, 1.0)
    return np.log(mean(showers / layers).clip(_FLOOR)), share
