"""The generator network, and the fast simulation that it makes together with its sampler.

The network turns noise and a condition (ln E, impact point, particle) into the mean energy of every
cell; the cells are then drawn as compound-Poisson variables about it. The mean visible energy is
fixed by the template and never seen by the adversary as something to change: layers share it by one
softmax, the cells of a layer by another, and the template is added to the logits of both.

Its heads are dense. `HexConv2d` layers on low-resolution maps and the template in place of the head
of the cells, or beside it, with noise of their own in every cell or without, were compared at equal
training time: showers were no more like the full simulation, and fewer a second.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import nn

from hyperhex.detector.patch import Patch
from hyperhex.errors import StoreError
from hyperhex.fastsim import symmetry
from hyperhex.fastsim.compound_poisson import HitSpectrum, draw
from hyperhex.fastsim.template import Template
from hyperhex.provenance import read_json, write_json
from hyperhex.random import stream

__all__ = ["FastSimulation", "Generator", "Scale", "load_generator", "single_thread"]

_NETWORK = "generator.safetensors"
_RECORD = "generator.json"
_START = 0.1
_LEAST_STEADY = 1.5  # [MIP]


class Generator(nn.Module):
    """Mean energies of cells from noise and condition, G(z | ln E, x, y, particle)."""

    def __init__(self, template: Template, noise: int, widths: tuple[int, ...]) -> None:
        super().__init__()
        particles, _, self.n_layers, _ = template.radial.shape
        self.n_cells = len(template.positions)
        self.n_particles = particles
        self.noise = noise
        self.widths = tuple(widths)
        self.template = template
        sizes = (noise + 5 + particles, *widths)
        blocks = [
            layer
            for ins, outs in pairwise(sizes)
            for layer in (nn.Linear(ins, outs), nn.LeakyReLU(0.2))
        ]
        self.trunk = nn.Sequential(*blocks)
        self.layers = nn.Linear(sizes[-1], self.n_layers)
        self.cells = nn.Linear(sizes[-1], self.n_layers * self.n_cells)
        for head in (self.layers, self.cells):
            nn.init.normal_(head.weight, std=_START / sizes[-1] ** 0.5)
            nn.init.zeros_(head.bias)

    def forward(
        self,
        noise: torch.Tensor,
        log_energy: torch.Tensor,
        impact: torch.Tensor,
        particle: torch.Tensor,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean energy of every cell [MIP] and its steady share, both (n, n_layers, n_cells).

        `noise` (n, noise) is normal, `log_energy` (n,) of [GeV], `impact` (n, 2) in the wedge [cm],
        `particle` (n,) the index of the particle.
        """
        hidden = self.trunk(torch.cat([noise, self.condition(log_energy, impact, particle)], dim=1))
        layers = self.layers(hidden) + self.template.layer_logits(log_energy, particle)
        cells = self.cells(hidden).view(-1, self.n_layers, self.n_cells)
        logits, steady = self.template.cells(log_energy, particle, impact)
        visible = self.template.visible(log_energy, particle)[:, None]
        energy = visible * torch.softmax(layers, dim=1)
        mean = energy[..., None] * torch.softmax(cells + logits, dim=2)
        # a track through the layers that are read out as one leaves no less
        return mean, steady * (steady * mean.detach() >= _LEAST_STEADY)

    def condition(
        self, log_energy: torch.Tensor, impact: torch.Tensor, particle: torch.Tensor
    ) -> torch.Tensor:
        """What the networks are told, in numbers of order one, (n, 5 + n_particles)."""
        knots = self.template.knots
        scaled = (2.0 * log_energy - knots[0] - knots[-1]) / (knots[-1] - knots[0]).clamp_min(1e-6)
        point = impact / self.template.positions[1].norm() * 2.0
        kind = nn.functional.one_hot(particle, self.n_particles).to(point.dtype)
        radius = point.norm(dim=1, keepdim=True)
        return torch.cat([scaled[:, None], scaled[:, None] ** 2, point, radius, kind], dim=1)


@dataclass(frozen=True)
class Scale:
    """What the numbers of the networks mean in the detector.

    `mip` [GeV] is the unit of the cells, `threshold` [MIP] the least energy of a cell, `energies`
    the range of the library [GeV], `particles` the words of the particle indices.
    """

    rings: int
    pitch: float
    mip: float
    threshold: float
    energies: tuple[float, float]
    particles: tuple[str, ...]


class FastSimulation:
    """A generator with its sampler: energies and impact points in, showers out."""

    def __init__(self, generator: Generator, spectrum: HitSpectrum, scale: Scale) -> None:
        self.generator = generator.eval()
        self.spectrum = spectrum
        self.scale = scale
        self.patch = Patch(scale.rings, scale.pitch)
        self._inverse = symmetry.inverses(self.patch)

    def sample(
        self, particle: str, energy: NDArray, impact: NDArray, seed: int, batch: int = 256
    ) -> NDArray[np.float32]:
        """Showers of one kind of particle, cells below the threshold zero.

        Block i of `batch` showers draws from its own stream of the seed: the same particle,
        energies, points, seed and batch give the same bytes, whatever the number of threads.
        Outside the library's range of energies the nearest energy is sampled and its deposits
        scaled. `energy` (n,) [GeV], `impact` (n, 2) in the central cell [cm] ->
        (n, n_layers, n_cells) [GeV].
        """
        kind = self._index(particle)
        energy = np.asarray(energy, np.float64)
        impact = np.asarray(impact, np.float64).reshape(-1, 2)
        if energy.shape != (len(impact),) or not (np.isfinite(energy) & (energy > 0)).all():
            msg = (
                f"energies of shape {energy.shape} and impact points of shape {impact.shape} given,"
                " expected (n,) with all energies positive and (n, 2)"
            )
            raise ValueError(msg)
        shape = (len(energy), self.generator.n_layers, self.generator.n_cells)
        showers = np.empty(shape, np.float32)
        with single_thread():
            for block, start in enumerate(range(0, len(energy), batch)):
                rows = slice(start, start + batch)
                random = stream(seed, "fastsim", "sample", particle, block)
                showers[rows] = self._block(kind, energy[rows], impact[rows], random)
        return showers

    def _block(
        self, kind: int, energy: NDArray, impact: NDArray, random: np.random.Generator
    ) -> NDArray[np.float32]:
        operation, point = symmetry.wedge(self.patch, impact)
        inside = np.clip(energy, *self.scale.energies)
        noise = random.standard_normal((len(energy), self.generator.noise), dtype=np.float32)
        with torch.inference_mode():
            mean, steady = self.generator(
                torch.from_numpy(noise),
                torch.from_numpy(np.log(inside).astype(np.float32)),
                torch.from_numpy(point.astype(np.float32)),
                torch.full((len(energy),), kind),
            )
        showers = draw(self.spectrum, mean.numpy(), steady.numpy(), random)
        beyond = (energy / inside).astype(np.float32)
        if (beyond != 1).any():
            showers *= beyond[:, None, None]
        showers[showers < self.scale.threshold] = 0.0
        showers *= np.float32(self.scale.mip)
        return symmetry.move(self.patch, showers, self._inverse[operation])

    def _index(self, particle: str) -> int:
        if particle not in self.scale.particles:
            msg = f"particle {particle!r} given, this generator knows {list(self.scale.particles)}"
            raise ValueError(msg)
        return self.scale.particles.index(particle)

    def save(self, folder: Path, record: dict[str, Any]) -> None:
        """Write generator.safetensors and generator.json; `record` says how it was made."""
        folder.mkdir(parents=True, exist_ok=True)
        tensors = {f"network.{name}": t for name, t in self.generator.state_dict().items()}
        tensors |= {f"spectrum.{k}": torch.from_numpy(v) for k, v in vars(self.spectrum).items()}
        save_file({name: t.contiguous() for name, t in tensors.items()}, folder / _NETWORK)
        shape = {"noise": self.generator.noise, "widths": self.generator.widths}
        write_json(folder / _RECORD, {"shape": shape, "scale": asdict(self.scale), **record})


def load_generator(folder: Path) -> FastSimulation:
    """Fast simulation in a folder; raises `StoreError` where there is none."""
    folder = Path(folder)
    if not (folder / _NETWORK).exists() or not (folder / _RECORD).exists():
        msg = f"{folder}: no {_NETWORK} with {_RECORD}; `hyperhex fastsim fit` makes them"
        raise StoreError(msg)
    record, tensors = read_json(folder / _RECORD), load_file(folder / _NETWORK)
    template = Template(**{name: tensors[f"network.template.{name}"] for name in Template.NAMES})
    generator = Generator(template, record["shape"]["noise"], tuple(record["shape"]["widths"]))
    prefix = "network."
    generator.load_state_dict(
        {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
    )
    names = HitSpectrum.__dataclass_fields__
    spectrum = HitSpectrum(**{name: tensors[f"spectrum.{name}"].numpy() for name in names})
    scale = record["scale"]
    listed = {key: tuple(scale[key]) for key in ("energies", "particles")}
    return FastSimulation(generator, spectrum, Scale(**{**scale, **listed}))


@contextmanager
def single_thread() -> Iterator[None]:
    """Torch on one thread: the order of floating-point sums does not depend on the machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
