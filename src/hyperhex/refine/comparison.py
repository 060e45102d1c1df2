"""What refinement gains: energy reconstruction and a classifier, on showers held out of the fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Refine
from hyperhex.detector.patch import Patch
from hyperhex.errors import SelectionError
from hyperhex.fastsim.observables import matrix
from hyperhex.fastsim.separation import auc_of_observables
from hyperhex.random import stream
from hyperhex.refine.regression import EnergyRegressor, Performance, performance
from hyperhex.refine.showers import Showers

__all__ = ["Reconstruction", "auc", "judge", "reconstruct"]


@dataclass(frozen=True)
class Reconstruction:
    """How a regressor trained on one kind of showers measures held-out data."""

    method: str
    performance: Performance
    particles: dict[str, Performance]

    def summary(self) -> dict[str, Any]:
        """Figures with their errors, overall and of each particle, as JSON holds them."""
        particles = {name: found.summary() for name, found in self.particles.items()}
        return {**self.performance.summary(), "particles": particles}


def reconstruct(
    training: Mapping[str, Showers],
    data: Showers,
    particles: list[str],
    settings: Refine,
    seed: int,
) -> list[Reconstruction]:
    """Train the energy regressor on each kind of showers and test it on held-out data.

    arXiv:1802.03325, sec. 4. The test showers and the bootstrap are the same for all methods.
    """
    found = []
    for method, showers in training.items():
        measured = EnergyRegressor().fit(showers)(data.cells)
        everything = np.ones(len(data), dtype=bool)
        by_particle = {
            name: _performance(measured, data, data.particle == index, settings, seed)
            for index, name in enumerate(particles)
        }
        overall = _performance(measured, data, everything, settings, seed)
        found.append(Reconstruction(method, overall, by_particle))
    return found


def auc(first: Showers, second: Showers, patch: Patch, seed: int) -> float:
    """AUC of boosted trees on observables, 0.5 where the two kinds of showers are alike."""
    number = min(len(first), len(second))
    inputs = [
        matrix(patch, *_sample(showers, number, seed, label))
        for label, showers in (("first", first), ("second", second))
    ]
    return auc_of_observables(inputs[0], inputs[1], seed)


def judge(found: list[Reconstruction], auc_before: float, auc_after: float) -> dict[str, Any]:
    """Whether refined showers serve better than raw ones: one row a check."""
    methods = {reconstruction.method: reconstruction.performance for reconstruction in found}
    missing = {"raw", "refined"} - set(methods)
    if missing:
        msg = f"refine: {sorted(methods)} given to compare, expected raw and refined among them"
        raise SelectionError(msg)
    raw, refined = methods["raw"], methods["refined"]
    bias_gain = raw.bias_replicas - refined.bias_replicas
    resolution_gain = raw.resolution_replicas - refined.resolution_replicas
    return {
        "bias": _check(raw.bias, refined.bias, float(bias_gain.std())),
        "resolution": _check(raw.resolution, refined.resolution, float(resolution_gain.std())),
        "auc": _check(auc_before, auc_after, None),
    }


def _check(before: float, after: float, error: float | None) -> dict[str, Any]:
    """A row: before, after, and how sure the gain is, in standard deviations of paired replicas."""
    significance = None if not error else (before - after) / error
    return {
        "before": before,
        "after": after,
        "gain_in_sigma": significance,
        "passed": bool(after < before),
    }


def _performance(
    measured: NDArray[np.float64],
    data: Showers,
    chosen: NDArray[np.bool_],
    settings: Refine,
    seed: int,
) -> Performance:
    random = stream(seed, "refine", "bootstrap")
    edges, replicas = settings.energy_edges, settings.bootstrap
    return performance(measured[chosen], data.energy[chosen], edges, replicas, random)


def _sample(
    showers: Showers, number: int, seed: int, label: str
) -> tuple[NDArray, NDArray, NDArray]:
    chosen = stream(seed, "refine", "auc", label).permutation(len(showers))[:number]
    picked = showers.pick(chosen)
    return picked.cells, picked.energy, picked.impact
