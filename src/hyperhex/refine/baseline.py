"""Refinement without an adversary: the baselines that the critic has to beat."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyperhex.config import Refine
from hyperhex.refine.adversary import (
    Average,
    Batches,
    noise_like,
    optimiser,
    set_rates,
)
from hyperhex.refine.critic import Features
from hyperhex.refine.network import ResponseNetwork
from hyperhex.refine.showers import Showers

__all__ = ["discrepancy", "fit_by_discrepancy", "layer_scale"]

_BANDWIDTHS = (0.3, 1.0, 3.0)
_RATE = 1e-2


def layer_scale(simulated: Showers, data: Showers) -> NDArray[np.float64]:
    """Factor of each layer that gives simulation the mean visible fraction of data, (n_layers,).

    c_l = <e_l / E>_data / <e_l / E>_simulated: the intercalibration of a test beam.
    """
    means = [
        (showers.cells.sum(axis=2, dtype=np.float64) / showers.energy[:, None]).mean(axis=0)
        for showers in (simulated, data)
    ]
    return np.asarray(means[1] / np.maximum(means[0], 1e-12), dtype=np.float64)


def discrepancy(first: Tensor, second: Tensor) -> Tensor:
    """Squared maximum mean discrepancy of two samples (n, d), (m, d), unbiased.

    MMD^2 = <k(x, x')> + <k(y, y')> - 2 <k(x, y)>, k a sum of Gaussian kernels whose widths are
    multiples of the median distance between the samples (arXiv:2309.12919, sec. 3).
    """
    n, m = len(first), len(second)
    both = torch.cat([first, second])
    norms = both.square().sum(dim=1)
    squares = torch.relu(norms[:, None] + norms - 2.0 * both @ both.T)
    scale = squares[:n, n:].detach().median().clamp(min=1e-9)
    kernel = torch.stack([torch.exp(-squares / (width * scale)) for width in _BANDWIDTHS]).sum(0)
    within_first = (kernel[:n, :n].sum() - kernel[:n, :n].trace()) / (n * (n - 1))
    within_second = (kernel[n:, n:].sum() - kernel[n:, n:].trace()) / (m * (m - 1))
    return within_first + within_second - 2.0 * kernel[:n, n:].mean()


def fit_by_discrepancy(
    refiner: ResponseNetwork, features: Features, batches: Batches, settings: Refine, seed: int
) -> None:
    """Fit the refiner in place by the discrepancy of the sums over rings and layers.

    The same network as under the adversary, trained on a fixed distance instead; single cells are
    left out, since no kernel has power in a thousand dimensions.
    """
    stream = torch.Generator().manual_seed(seed)
    steps = optimiser(refiner)
    average = Average(refiner, settings.memory)
    for iteration in range(settings.baseline_iterations):
        set_rates(steps, _RATE * 0.03 ** (iteration / settings.baseline_iterations))
        data, data_energy, cells, energy = batches.draw(stream)
        refined = refiner(cells, energy, noise_like(cells, stream))
        real = features(data, data_energy)[:, features.n_cells :]
        fake = features(refined, energy)[:, features.n_cells :]
        change = refiner.distance(refined, cells)
        loss = discrepancy(fake, real) + settings.self_regularisation * change
        steps.zero_grad()
        torch.autograd.backward(loss)
        steps.step()
        average.update(refiner)
    refiner.load_state_dict(average.state, strict=False)
