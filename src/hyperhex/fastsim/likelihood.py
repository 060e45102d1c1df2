"""Fit of the density of the layers by maximum likelihood."""

from __future__ import annotations

import copy
import logging
import math
import time

import torch

from hyperhex.config import FastsimNetwork
from hyperhex.fastsim.conditions import Conditions
from hyperhex.fastsim.density import Known, LayerDensity
from hyperhex.fastsim.library import Showers
from hyperhex.random import integer, stream

__all__ = ["fit_density"]

log = logging.getLogger(__name__)

_RISE = 200
_WATCHED = 10
_LOOKS = 10
_BLOCK = 2048
_LARGEST_GRADIENT = 50.0


def fit_density(
    conditions: Conditions, showers: Showers, settings: FastsimNetwork, seed: int
) -> LayerDensity:
    """Density of the layers of showers; the same settings and showers give the same bytes.

    AdamW (arXiv:1711.05101), whose decay of the weights, though not of the biases, keeps them from
    learning showers by heart, with a rate that rises over the first 200 steps and falls as a
    cosine. One in ten showers is not learned from: of the densities on the way, the one is kept
    that they are likeliest in.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "fastsim", "density", bits=63))
        density = LayerDensity(
            conditions,
            showers.deposits.shape[2],
            settings.density_width,
            settings.density_components,
        )
    density.learn_scales(showers.layers)
    known = density.known(showers.log_energy, showers.impact, showers.layers)
    random = stream(seed, "fastsim", "density")
    order = torch.from_numpy(random.permutation(len(showers)))
    share = max(1, len(order) // _WATCHED)
    watched, learned = known.rows(order[:share]), known.rows(order[share:])
    number = len(learned.total)
    named = list(density.named_parameters())
    weights, biases = ([p for n, p in named if n.endswith("bias") == is_bias] for is_bias in (0, 1))
    groups = [
        {"params": weights, "weight_decay": settings.density_decay},
        {"params": biases, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, settings.density_rate)
    start, steps = time.monotonic(), -(-settings.density_passes * number // settings.density_batch)
    best, kept = math.inf, density.state_dict()
    for step in range(1, steps + 1):
        falling = 0.5 * (1.0 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = settings.density_rate * min(1.0, step / _RISE) * falling
        chosen = torch.from_numpy(random.integers(0, number, settings.density_batch))
        loss = -density.log_likelihood(learned.rows(chosen)).mean()
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(density.parameters(), _LARGEST_GRADIENT)
        optimiser.step()
        if step % max(1, steps // _LOOKS) == 0 or step == steps:
            reached = _mean_loss(density, watched)
            left = (time.monotonic() - start) / step * (steps - step)
            log.info("layers, step %d/%d: -ln p %.3f; %.0f s left", step, steps, reached, left)
            if reached < best:
                best, kept = reached, copy.deepcopy(density.state_dict())
    density.load_state_dict(kept)
    return density.requires_grad_(requires_grad=False)


def _mean_loss(density: LayerDensity, known: Known) -> float:
    """Mean -ln p of showers, in blocks."""
    with torch.no_grad():
        parts = torch.split(torch.arange(len(known.total)), _BLOCK)
        return -float(torch.cat([density.log_likelihood(known.rows(k)) for k in parts]).mean())
