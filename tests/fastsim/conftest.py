"""Small showers with the features of real ones: a gamma profile, a halo, single hits."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Small matrices on a busy machine: more threads only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def patch() -> Patch:
    return Patch(rings=3, pitch=1.2)


@pytest.fixture(scope="session")
def toy(patch: Patch) -> Toy:
    """Showers of a kind: deposits [MIP], energy [GeV], impact [cm]."""

    def make(
        number: int, seed: int, depth: float = 2.5, layers: int = 4
    ) -> tuple[NDArray, NDArray, NDArray]:
        random = np.random.default_rng(seed)
        energy = np.exp(random.uniform(np.log(1), np.log(100), number))
        angle, radius = random.uniform(0, 2 * np.pi, number), 0.6 * random.random(number) ** 0.5
        impact = radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)
        start = random.exponential(0.5, number)
        t = np.arange(layers) + 0.5
        peak = depth + 0.3 * np.log(energy) + start - 0.5
        profile = np.exp(-0.5 * ((t - peak[:, None]) / 1.2) ** 2)
        profile /= profile.sum(1, keepdims=True)
        distance = np.linalg.norm(impact[:, None] - patch.positions, axis=2)
        lateral = np.exp(-distance / 0.6) + 0.02 * np.exp(-distance / 2)
        lateral /= lateral.sum(1, keepdims=True)
        mean = 120.0 * energy[:, None, None] * profile[:, :, None] * lateral[:, None]
        hits = random.poisson(mean / 4.5)
        deposits = 0.8 * hits + random.gamma(0.755 * hits + 1e-9, 4.9) * (hits > 0)
        return deposits.astype(np.float32), energy, impact

    return make
