"""From simulated and data showers to a refiner, and to the baselines it is compared with."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from time import perf_counter

import numpy as np
import torch
from numpy.typing import NDArray

from hyperhex.config import Refine
from hyperhex.random import integer
from hyperhex.refine.adversary import Batches, fit_adversarially
from hyperhex.refine.baseline import fit_by_discrepancy, layer_scale
from hyperhex.refine.calibration import fit_calibration
from hyperhex.refine.critic import Features
from hyperhex.refine.network import ResponseNetwork
from hyperhex.refine.refiner import Refiner, Scale
from hyperhex.refine.response import apply_threshold
from hyperhex.refine.showers import Showers

__all__ = ["Fitted", "alternatives", "refine", "train"]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fitted:
    """Refiner, baseline without a critic, factors of the layers, the critic's distances."""

    refiner: Refiner
    baseline: Refiner
    layer_scale: NDArray[np.float64]
    distances: list[float]


def train(simulated: Showers, data: Showers, scale: Scale, settings: Refine, seed: int) -> Fitted:
    """Fit the refiner, its calibration and the baselines to unpaired showers."""
    batches = Batches(simulated, data, scale.patch.symmetries, settings)
    features = Features(torch.as_tensor(scale.patch.ring), scale.n_layers, scale.threshold)
    features.fit(batches.data, batches.data_energy)

    start = perf_counter()
    baseline = _identity(scale, batches, settings, seed)
    fit_by_discrepancy(
        baseline, features, batches, settings, integer(seed, "refine", "baseline", bits=63)
    )
    log.info("baseline without a critic fitted in %.0f s", perf_counter() - start)

    start = perf_counter()
    network = _identity(scale, batches, settings, seed)
    distances = fit_adversarially(
        network, features, batches, settings, integer(seed, "refine", "adversary", bits=63)
    )
    seconds = perf_counter() - start
    log.info("%d iterations in %.0f s, last W = %.2f", len(distances), seconds, distances[-1])
    refiner = Refiner(network, scale)
    refined = refine(refiner, simulated, integer(seed, "refine", "calibration", bits=63))
    visible = refined.cells.sum(axis=(1, 2), dtype=np.float64) * scale.mip
    refiner.calibration = fit_calibration(visible, refined.energy)
    return Fitted(refiner, Refiner(baseline, scale), layer_scale(simulated, data), distances)


def refine(refiner: Refiner, showers: Showers, seed: int) -> Showers:
    """The same particles with refined deposits."""
    mip = np.float32(refiner.scale.mip)
    return showers.with_cells(refiner.apply(showers.cells * mip, showers.energy, seed) / mip)


def alternatives(fitted: Fitted, simulated: Showers, seed: int) -> dict[str, Showers]:
    """Simulated showers without and with each kind of refinement, by its name."""
    factors = fitted.layer_scale.astype(np.float32)[:, None]
    scaled = apply_threshold(simulated.cells * factors, fitted.refiner.scale.threshold)
    return {
        "raw": simulated,
        "layer_scale": simulated.with_cells(scaled.astype(np.float32)),
        "discrepancy": refine(fitted.baseline, simulated, seed),
        "refined": refine(fitted.refiner, simulated, seed),
    }


def _identity(scale: Scale, batches: Batches, settings: Refine, seed: int) -> ResponseNetwork:
    """A response network before its training, which knows the range of the simulated showers."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "refine", "network", bits=63))
        network = ResponseNetwork(
            scale.patch.neighbourhood(1),
            scale.n_layers,
            settings.knots,
            settings.correction_width,
        )
    network.enclose(batches.simulated, batches.simulated_energy)
    return network
