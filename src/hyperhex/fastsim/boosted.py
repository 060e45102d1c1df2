"""Boosted trees (XGBoost) that measure showers: their energy, and which particle made them.

They are told what an analysis has, observables about the shower's own axis, neither the energy nor
the impact point of the particle.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import xgboost
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim.observables import matrix
from hyperhex.random import integer

__all__ = ["SETTINGS", "classifier", "energy_regressor", "inputs", "visible_energy"]

SETTINGS: dict[str, Any] = {
    "tree_method": "hist",
    "max_bin": 64,
    "max_depth": 5,
    "eta": 0.1,
    "min_child_weight": 10.0,
    "nthread": 1,
    "verbosity": 0,
    "trees": 150,
}
"""XGBoost's parameters and the number of trees."""

_LEAST_VISIBLE = 1.0  # [MIP]

Floats = NDArray[np.float64]
Inputs = NDArray[np.float32]


def inputs(patch: Patch, layers: int, deposits: NDArray) -> Inputs:
    """Visible energy [MIP] and all observables of the first layers and of the patch, (n, k).

    `deposits` (n, >= layers, >= cells) [MIP]: a smaller patch is a prefix. The energy is given as 1
    and the centroid as impact point.
    """
    part = deposits[:, :layers, : patch.n_cells]
    cells = part.sum(axis=1, dtype=np.float64)
    visible = cells.sum(axis=1, keepdims=True).clip(_LEAST_VISIBLE)
    axis = cells @ patch.positions / visible
    found = matrix(patch, part, np.ones(len(part)), axis)
    return np.concatenate([visible, found], axis=1).astype(np.float32)


def visible_energy(inputs: Inputs) -> Floats:
    """Visible energy among the inputs, at least 1, (n,) [MIP]."""
    return inputs[:, 0].astype(np.float64)


def energy_regressor(inputs: Inputs, energy: Floats, seed: int) -> Callable[[Inputs], Floats]:
    """Energy [GeV] of showers, by trees for ln(E / visible energy) with least squares."""
    trees = _boost(inputs, np.log(energy / visible_energy(inputs)), "reg:squarederror", seed)
    return lambda tested: visible_energy(tested) * np.exp(trees.inplace_predict(tested))


def classifier(inputs: Inputs, label: NDArray, seed: int) -> Callable[[Inputs], Floats]:
    """Log-odds of the label 1 for showers."""
    trees = _boost(inputs, label, "binary:logistic", seed)
    return lambda tested: np.asarray(trees.inplace_predict(tested, predict_type="margin"))


def _boost(inputs: Inputs, goal: NDArray, objective: str, seed: int) -> xgboost.Booster:
    known = {name: value for name, value in SETTINGS.items() if name != "trees"}
    drawn = integer(seed, "fastsim", "downstream", "trees", bits=31)
    data = xgboost.QuantileDMatrix(
        inputs, label=goal, max_bin=known["max_bin"], nthread=known["nthread"]
    )
    settings = {**known, "objective": objective, "seed": drawn}
    return xgboost.train(settings, data, SETTINGS["trees"])
