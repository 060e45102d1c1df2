"""Fit of the density of the layers by maximum likelihood."""

from __future__ import annotations

import logging
import math
import time

import torch

from hyperhex.config import FastsimNetwork
from hyperhex.fastsim.conditions import Conditions
from hyperhex.fastsim.density import LayerDensity
from hyperhex.fastsim.library import Showers
from hyperhex.random import integer, stream

__all__ = ["fit_density"]

log = logging.getLogger(__name__)

_RISE = 200
_LARGEST_GRADIENT = 50.0


def fit_density(
    conditions: Conditions, showers: Showers, settings: FastsimNetwork, seed: int
) -> LayerDensity:
    """Density of the layers of showers; the same settings and showers give the same bytes.

    Adam with a rate that rises over the first 200 steps and falls as a cosine.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "density", bits=63))
        density = LayerDensity(
            conditions,
            showers.deposits.shape[2],
            settings.density_width,
            settings.density_components,
        )
    density.learn_scales(showers.log_energy.exp(), showers.layers)
    known = density.known(showers.log_energy, showers.impact, showers.layers)
    random = stream(seed, "fastsim", "density")
    optimiser = torch.optim.Adam(density.parameters(), settings.density_rate)
    start, steps, total = time.monotonic(), settings.density_steps, 0.0
    for step in range(1, steps + 1):
        falling = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        optimiser.param_groups[0]["lr"] = settings.density_rate * min(1.0, step / _RISE) * falling
        chosen = torch.from_numpy(random.integers(0, len(showers), settings.density_batch))
        loss = -density.log_likelihood(known.rows(chosen)).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(density.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        total += float(loss.detach())
        if step % max(1, steps // 10) == 0:
            left = (time.monotonic() - start) / step * (steps - step)
            mean = total / max(1, steps // 10)
            log.info("layers, step %d/%d: -ln p %.3f; %.0f s left", step, steps, mean, left)
            total = 0.0
    return density.requires_grad_(requires_grad=False)
