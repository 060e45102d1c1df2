"""The fast simulation: energies and impact points in, showers out."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file

from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim import symmetry
from hyperhex.fastsim.conditions import Conditions
from hyperhex.fastsim.crossings import CROWDS, KINDS, zones
from hyperhex.fastsim.density import LayerDensity
from hyperhex.fastsim.generator import Generator, OfHit
from hyperhex.fastsim.groups import groups
from hyperhex.fastsim.template import Template
from hyperhex.kernels.cores import add_cores
from hyperhex.kernels.hits import Hits, HitTables, carry, draw_hits
from hyperhex.kernels.profiles import correct, weigh
from hyperhex.provenance import read_json, write_json
from hyperhex.random import stream

__all__ = [
    "FastSimulation",
    "Networks",
    "Scale",
    "load_generator",
    "single_thread",
]

_NETWORK = "generator.safetensors"
_RECORD = "generator.json"
_TABLES = ("sums", "moments", "shared")
_DRAWN_AT_ONCE = 128
"""Showers whose cells are drawn together: they should fit into the caches."""


@dataclass(frozen=True)
class Scale:
    """What the numbers of the networks mean in the detector.

    `depths` [cm] are those of the layers, `mip` [GeV] is the unit of the cells, `threshold` [MIP]
    the least energy of a cell, `energies` the range of the library [GeV].
    """

    particle: str
    rings: int
    pitch: float
    depths: tuple[float, ...]
    mip: float
    threshold: float
    energies: tuple[float, float]


@dataclass(frozen=True)
class _Told:
    """What is known of showers before their cells are drawn.

    `said` is what the generator says of layers with hits; `energy` [MIP] and number of `hits` of
    the layers (n, n_layers), `impact` (n, 2) [cm].
    """

    said: OfHit
    energy: NDArray[np.float32]
    hits: NDArray[np.float32]
    impact: NDArray[np.float32]

    def part(self, chosen: slice) -> _Told:
        """Those of some of the showers, one after the other."""
        own = self.energy[chosen], self.hits[chosen], self.impact[chosen]
        return _Told(self.said.part(chosen), *own)


@dataclass(frozen=True)
class Networks:
    """What is fitted: the density of the layers, the generator of their cells, and the hits."""

    density: LayerDensity
    generator: Generator
    tables: HitTables


class FastSimulation:
    """Showers of one kind of particle."""

    def __init__(self, networks: Networks, scale: Scale) -> None:
        self.density = networks.density.eval()
        self.generator = networks.generator.eval()
        self.tables = networks.tables
        self.scale = scale
        self.patch = Patch(scale.rings, scale.pitch)
        layers = np.arange(self.generator.n_layers)[:, None] * self.patch.n_cells
        moved = self.patch.symmetries[:, None, :] + layers
        # where each operation carries a cell of the whole shower
        self._carried = moved.reshape(len(moved), -1).astype(np.int32)

    @property
    def particle(self) -> str:
        """The word for the particle."""
        return self.scale.particle

    def sample(
        self, energy: NDArray, impact: NDArray, seed: int, batch: int = 1024
    ) -> NDArray[np.float32]:
        """Showers as cells, (n, n_layers, n_cells) [GeV]; what is not hit is zero.

        Arguments as of `hits`.
        """
        found = self.hits(energy, impact, seed, batch)
        return found.dense(self.generator.n_layers, self.generator.n_cells)

    def hits(self, energy: NDArray, impact: NDArray, seed: int, batch: int = 1024) -> Hits:
        """Showers as hits, energies in [GeV].

        Block i of `batch` showers draws from its own stream of the seed: the same energies,
        points, seed and batch give the same bytes, whatever the number of threads. Outside the
        library's range of energies the nearest energy is sampled and its deposits scaled.
        `energy` (n,) [GeV], `impact` (n, 2) in the central cell [cm].
        """
        energy, impact = np.asarray(energy, np.float64), np.asarray(impact, np.float64)
        _check_conditions(energy, impact)
        starts = range(0, len(energy), batch)
        with single_thread():
            blocks = [
                self._block(energy[k : k + batch], impact[k : k + batch], seed, block)
                for block, k in enumerate(starts)
            ]
        return _joined([part for parts in blocks for part in parts])

    def _block(self, energy: NDArray, impact: NDArray, seed: int, block: int) -> list[Hits]:
        operation, point = symmetry.wedge(self.patch, impact)
        inside = np.clip(energy, *self.scale.energies)
        random = stream(seed, "fastsim", "sample", self.particle, block)
        told = self._told(inside, point, random)
        scale = (energy / inside * self.scale.mip).astype(np.float32)
        starts = range(0, len(energy), _DRAWN_AT_ONCE)
        seeds, parts = random.integers(2**63, size=len(starts)), []
        for k, own in zip(starts, seeds, strict=True):
            rows = slice(k, k + _DRAWN_AT_ONCE)
            found = self._drawn(told.part(rows), int(own))
            # a shower in the wedge is carried back by the inverse of what carried its point there
            carry(
                found.first, found.cell, found.energy, self._carried, operation[rows], scale[rows]
            )
            parts.append(found)
        whole = (energy >= inside).all()
        return parts if whole else [_above(found, self.scale) for found in parts]

    def _told(self, energy: NDArray, point: NDArray, random: np.random.Generator) -> _Told:
        """Layers of showers, and what the generator says of their cells."""
        number, factors = len(energy), self.density.factors
        noise = random.standard_normal((number, self.generator.noise), dtype=np.float32)
        uniform = random.random((2, number, factors), dtype=np.float32)
        log_energy = torch.from_numpy(np.log(energy).astype(np.float32))
        impact = torch.from_numpy(point.astype(np.float32))
        with torch.inference_mode():
            choice, place = torch.from_numpy(uniform)
            layers = self.density.drawn(log_energy, impact, choice, place)
            said = self.generator.told_of_hit(torch.from_numpy(noise), log_energy, impact, layers)
        return _Told(said, layers.energy.numpy(), layers.hits.numpy(), impact.numpy())

    def _drawn(self, told: _Told, seed: int) -> Hits:
        """Hits of showers, energies in [MIP]."""
        number = told.hits.astype(np.int32)
        weights, rows = self._weights(told), told.said.rows
        return draw_hits(weights, told.energy, number, self.tables, seed, rows)

    def _weights(self, told: _Told) -> NDArray[np.float32]:
        """In which proportions cells are expected to share each layer with hits, (m, n_cells)."""
        template, correction = self.generator.template, self.generator.correction
        tables = {name: table.numpy() for name, table in template.named_buffers()}
        said, known = told.said, (told.energy, told.hits, told.impact)
        groups = self.generator.groups.numpy()
        weights = weigh(said.departures, said.rows, groups, *known, **tables)
        if said.cores is not None and correction is not None:
            add_cores(weights, said.cores, tables["positions"], told.hits[told.hits > 0])
            tables["radial"] = correction.whole.numpy()
            correct(weights, said.rows, *known, **tables)
        return weights

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write generator.safetensors and generator.json; `record` says how it was made."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {
            f"{part}.{name}": tensor.contiguous()
            for part in ("density", "generator")
            for name, tensor in getattr(self, part).state_dict().items()
        }
        for name in _TABLES:
            tensors[f"hits.{name}"] = torch.from_numpy(getattr(self.tables, name))
        # the generator and the density share what they are told
        kept = {k: t for k, t in tensors.items() if not k.startswith("density.conditions.")}
        save_file(kept, folder / _NETWORK)
        shape = {
            "layers": self.generator.n_layers,
            "generator": self.generator.shape,
            "hidden": self.density.hidden,
            "components": self.density.components,
            "draws": self.tables.draws,
        }
        write_json(folder / _RECORD, {"shape": shape, "scale": asdict(self.scale), **record})


def _joined(blocks: list[Hits]) -> Hits:
    """Hits of blocks of showers, one after the other."""
    if len(blocks) == 1:
        return blocks[0]
    ends = np.cumsum([0, *(len(block.cell) for block in blocks)])
    firsts = [block.first[:-1] + end for block, end in zip(blocks, ends[:-1], strict=True)]
    return Hits(
        np.concatenate([*firsts, ends[-1:]]),
        np.concatenate([np.empty(0, np.int32), *(block.cell for block in blocks)]),
        np.concatenate([np.empty(0, np.float32), *(block.energy for block in blocks)]),
    )


def _above(hits: Hits, scale: Scale) -> Hits:
    """Those above the threshold of a cell."""
    kept = hits.energy >= np.float32(scale.threshold * scale.mip)
    number = np.concatenate([np.zeros(1, np.int64), np.cumsum(kept)])
    return Hits(number[hits.first], hits.cell[kept], hits.energy[kept])


def load_generator(folder: Path) -> FastSimulation:
    """Fast simulation in a folder; raises `StoreError` where there is none that can be read."""
    folder = Path(folder)
    if not (folder / _NETWORK).exists() or not (folder / _RECORD).exists():
        msg = f"{folder}: no {_NETWORK} with {_RECORD}; `hyperhex fastsim fit` makes them"
        raise StoreError(msg)
    record, tensors = read_json(folder / _RECORD), load_file(folder / _NETWORK)
    told = record["scale"]
    spans = {name: tuple(told[name]) for name in ("depths", "energies")}
    scale = Scale(**{**told, **spans})
    patch, shape = Patch(scale.rings, scale.pitch), record["shape"]
    parts = {part: _part(tensors, part) for part in ("density", "generator", "hits")}
    if (kinds := len(parts["hits"]["sums"])) != KINDS:
        msg = f"{folder}: crossings of {kinds} kinds of cells, expected {KINDS}; train it again"
        raise StoreError(msg)
    template = Template(**_part(parts["generator"], "template"))
    conditions = Conditions(scale.threshold, **_part(parts["generator"], "conditions"))
    density = LayerDensity(conditions, patch.n_cells, shape["hidden"], shape["components"])
    told_twice = {f"conditions.{name}": t for name, t in conditions.state_dict().items()}
    told_once = template, conditions, groups(patch), scale.depths
    generator = Generator(*told_once, **shape["generator"])
    try:
        density.load_state_dict(parts["density"] | told_twice)
        generator.load_state_dict(parts["generator"])
    except RuntimeError as error:
        msg = f"{folder}: its networks or tables have another form; train it again"
        raise StoreError(msg) from error
    tables = HitTables(
        **{name: parts["hits"][name].numpy() for name in _TABLES},
        zones=zones(patch),
        crowds=CROWDS,
        neighbours=np.ascontiguousarray(patch.neighbours, dtype=np.int64),
        threshold=scale.threshold,
        draws=shape["draws"],
    )
    return FastSimulation(Networks(density, generator, tables), scale)


def _check_conditions(energy: NDArray[np.float64], impact: NDArray[np.float64]) -> None:
    """Raise `ValueError` for what no shower can be drawn for."""
    shaped = energy.ndim == 1 and impact.shape == (len(energy), 2)
    if not (shaped and (np.isfinite(energy) & (energy > 0)).all() and np.isfinite(impact).all()):
        msg = (
            f"energies of shape {energy.shape} and impact points of shape {impact.shape} given,"
            " expected (n,) with all energies positive and (n, 2), all of them finite"
        )
        raise ValueError(msg)


def _part(tensors: dict[str, torch.Tensor], name: str) -> dict[str, torch.Tensor]:
    """Tensors of a part, by their names in it."""
    prefix = f"{name}."
    return {k.removeprefix(prefix): t for k, t in tensors.items() if k.startswith(prefix)}


@contextmanager
def single_thread() -> Iterator[None]:
    """Torch on one thread: the order of floating-point sums does not depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
