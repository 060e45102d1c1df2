"""Small showers with the features of real ones: a gamma profile, a halo, single hits."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import FastsimNetwork
from hyperhex.detector.patch import Patch
from hyperhex.fastsim.calibration import drawn_about_template
from hyperhex.fastsim.conditions import Conditions, fit_conditions
from hyperhex.fastsim.crossings import Crossings, find_crossings
from hyperhex.fastsim.density import LayerDensity
from hyperhex.fastsim.generator import Generator
from hyperhex.fastsim.groups import groups
from hyperhex.fastsim.library import Sample, Showers, prepare
from hyperhex.fastsim.likelihood import fit_density
from hyperhex.fastsim.simulation import FastSimulation, Networks, Scale
from hyperhex.fastsim.template import Template, fit_template
from hyperhex.kernels.hits import HitTables

Toy = Callable[..., tuple[NDArray, NDArray, NDArray]]

MIP = 8.5e-5
THRESHOLD = 0.5
DEPTHS = 1.0, 3.0, 6.0, 12.0
SCHEMA = {
    "deposits": store.Array("float32", ("shower", "layer", "cell"), "GeV", "visible energy"),
    "energy": store.Array("float32", ("shower",), "GeV", "incident energy"),
    "impact": store.Array("float32", ("shower", "axis"), "cm", "impact point"),
}


@dataclass(frozen=True)
class Fitted:
    """Toy showers, and all that is fitted to them without an adversary."""

    patch: Patch
    showers: Showers
    conditions: Conditions
    template: Template
    density: LayerDensity
    crossings: Crossings
    tables: HitTables

    def generator(
        self, noise: int = 8, widths: tuple[int, ...] = (32, 32), secondaries: int = 4
    ) -> Generator:
        """One that was not trained, always the same."""
        with torch.random.fork_rng():
            torch.manual_seed(1)
            template = copy.deepcopy(self.template)  # a calibration would move it
            told = template, self.conditions, groups(self.patch), DEPTHS
            return Generator(*told, noise, widths, secondaries)

    def simulation(self) -> FastSimulation:
        energies = self.showers.log_energy.double().exp()
        span = float(energies.min()), float(energies.max())
        scale = Scale("photon", self.patch.rings, self.patch.pitch, DEPTHS, MIP, THRESHOLD, span)
        return FastSimulation(Networks(self.density, self.generator(), self.tables), scale)


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


@pytest.fixture(scope="session")
def stored(
    patch: Patch, toy: Toy, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str, int, int], Path]:
    """Write toy showers of a particle as a library: its name, their number and their seed."""

    def write(particle: str, number: int, seed: int) -> Path:
        deposits, energy, impact = toy(number, seed)
        geometry = {"rings": patch.rings, "pitch": patch.pitch, "depths": DEPTHS}
        draft = store.create(
            tmp_path_factory.mktemp("simulate") / f"{particle}.zarr",
            SCHEMA,
            sizes={"shower": number, "layer": 4, "cell": patch.n_cells, "axis": 2},
            rows={"shower": number},
            settings={},
            attributes={"geometry": geometry, "mip": MIP, "particle": particle},
        )
        draft.write("shower", 0, {"deposits": deposits * MIP, "energy": energy, "impact": impact})
        draft.publish()
        return draft.path

    return write


@pytest.fixture(scope="session")
def fitted(patch: Patch, toy: Toy) -> Fitted:
    """A density of some hundred steps, crossings settled about the mean shower."""
    sample = Sample(*toy(2000, 1))
    showers = prepare(patch, sample)
    conditions = fit_conditions(showers.log_energy, showers.layers, patch.pitch, THRESHOLD)
    settings = FastsimNetwork(density_passes=70)
    deposits = showers.deposits.numpy()
    template = fit_template(patch, deposits, showers.impact.numpy())
    crossings = find_crossings(patch, deposits, sample.energy, THRESHOLD)
    crossings = drawn_about_template(template, crossings, showers, 1)
    density = fit_density(conditions, showers, settings, 1)
    tables = crossings.tables()
    return Fitted(patch, showers, conditions, template, density, crossings, tables)
