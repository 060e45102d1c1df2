"""Toy showers: a gamma profile in depth, an exponential in radius, compound Poisson deposits."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats

from hyperhex import store
from hyperhex.detector.patch import Patch
from hyperhex.refine.refiner import Scale
from hyperhex.refine.showers import Showers

N_LAYERS = 4
MIP = 1e-4
MIP_PER_GEV = 150.0

Toys = Callable[[int, int], Showers]


@pytest.fixture(scope="session", autouse=True)
def single_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def patch() -> Patch:
    return Patch(2, 1.2)


@pytest.fixture(scope="session")
def scale(patch: Patch) -> Scale:
    return Scale(N_LAYERS, patch.rings, patch.pitch, MIP, 0.5)


@pytest.fixture(scope="session")
def toys(patch: Patch) -> Toys:
    """Showers of random energies, by number and seed."""

    def draw(number: int, seed: int) -> Showers:
        stream = np.random.default_rng(seed)
        energy = np.exp(stream.uniform(0.0, np.log(100.0), number))
        impact = patch.pitch * stream.uniform(-0.4, 0.4, (number, 2))
        shape = 0.5 * np.log(energy / 0.008)[:, None] + 0.75
        depth = np.linspace(0.0, 24.0, N_LAYERS + 1) - stream.exponential(1.0, (number, 1))
        layers = np.diff(stats.gamma.cdf(0.5 * np.maximum(depth, 0.0), shape), axis=1)
        radius = np.linalg.norm(patch.positions - impact[:, None], axis=2)
        radial = np.exp(-2.0 * radius / patch.pitch)
        radial /= radial.sum(axis=1, keepdims=True)
        mean = MIP_PER_GEV * energy[:, None, None] * layers[:, :, None] * radial[:, None]
        hits = stream.poisson(mean / 4.5)
        cells = np.where(hits > 0, 0.8 * hits + stream.gamma(0.75 * hits + 1e-9, 4.9), 0.0)
        particle = np.arange(number) % 2
        return Showers(cells, energy, impact, particle)

    return draw


@pytest.fixture(scope="session")
def libraries(tmp_path_factory: pytest.TempPathFactory, toys: Toys, patch: Patch) -> list[Path]:
    """Libraries of toy photons and electrons as the full simulation stores them."""
    folder = tmp_path_factory.mktemp("libraries")
    paths = [folder / "photon.zarr", folder / "electron.zarr"]
    schema = {
        "deposits": store.Array("float32", ("shower", "layer", "cell"), "GeV", "visible energy"),
        "energy": store.Array("float32", ("shower",), "GeV", "energy of the particle"),
        "impact": store.Array("float32", ("shower", "xy"), "cm", "entry point"),
    }
    for seed, path in enumerate(paths):
        showers = toys(401, seed)
        draft = store.create(
            path,
            schema,
            sizes={"shower": 401, "layer": N_LAYERS, "cell": patch.n_cells, "xy": 2},
            rows={"shower": 401},
            settings={"seed": seed},
            attributes={"geometry": {"rings": patch.rings, "pitch": patch.pitch}, "mip": MIP},
        )
        arrays = {
            "deposits": showers.cells * MIP,
            "energy": showers.energy,
            "impact": showers.impact,
        }
        draft.write("shower", 0, arrays)
        draft.publish()
    return paths
