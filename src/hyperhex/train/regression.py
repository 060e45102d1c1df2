"""Shower regression: energy, entry point and particle of showers, by networks and without them.

A network is told the showers' first guess of the energy, a factor times the visible energy, and
learns a correction; the error that it is fitted in is the one that a calorimeter has.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional

from hyperhex.config.train import Regression
from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.provenance import read_json, write_json
from hyperhex.random import integer
from hyperhex.refine.regression import EnergyRegressor, performance
from hyperhex.refine.showers import Showers
from hyperhex.train.shower_networks import ShowerNetwork, build
from hyperhex.train.weighted import auc

__all__ = ["NETWORKS", "Classical", "Fitted", "Measured", "classical", "fit", "judge", "turned"]

Floats = NDArray[np.float64]

# name, kind of network, whether it is shown randomly turned showers
NETWORKS = {
    "p6m": ("p6m", False),
    "plain": ("plain", False),
    "plain_turned": ("plain", True),
    "perceptron": ("perceptron", False),
}

# errors that the fit counts in: of the energy 20 % / sqrt(E) and 2 %, of a coordinate [cm]
_STOCHASTIC, _CONSTANT = 0.2, 0.02
_COORDINATE = 0.1
_WEIGHT_DECAY = 1e-3
_CONTAINED = 0.683
_BLOCK = 500
# weights of a logarithmic centroid that are tried
_CUTS = np.linspace(2.0, 6.0, 17)
_MILLIMETRE = 10.0


@dataclass(frozen=True)
class Measured:
    """What is measured of showers: energy (n,) [GeV], entry point (n, 2) [cm], odds (n,).

    `odds` orders showers by particle; None where the method does not tell.
    """

    energy: Floats
    impact: Floats
    odds: Floats | None


@dataclass(frozen=True)
class Fitted:
    """A network, what it is made of, the cells that it reads, and its first guess of the energy.

    The guess is `factor` times the visible energy.
    """

    model: ShowerNetwork
    kind: str
    channels: Sequence[int]
    patch: Patch
    factor: float

    def __call__(self, showers: Showers) -> Measured:
        """Measure showers."""
        parts = []
        self.model.eval()
        with torch.inference_mode():
            for first in range(0, len(showers), _BLOCK):
                cells, layers = _inputs(showers.cells[first : first + _BLOCK], self.patch)
                parts.append(self.model(cells, layers))
        found = torch.cat(parts).double().numpy()
        energy = self.factor * _visible(showers) * np.exp(found[:, 0])
        return Measured(energy, found[:, 1:3], found[:, 3])

    def save(self, folder: Path) -> None:
        """Write `network.safetensors` and `network.json`."""
        folder.mkdir(parents=True, exist_ok=True)
        save_file(self.model.state_dict(), folder / "network.safetensors")
        card = {
            "kind": self.kind,
            "channels": list(self.channels),
            "layers": len(self.model.cell_mean),
            "rings": self.patch.rings,
            "pitch": self.patch.pitch,
            "factor": self.factor,
        }
        write_json(folder / "network.json", card)

    @property
    def parameters(self) -> int:
        """Number of fitted parameters."""
        return sum(parameter.numel() for parameter in self.model.parameters())


def fit(name: str, showers: Showers, patch: Patch, settings: Regression, seed: int) -> Fitted:
    """Fit one of `NETWORKS` to showers (AdamW, one cycle of the rate).

    patch: the cells that the network reads, the first ones of the showers'.
    """
    kind, is_turned = NETWORKS[name]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(integer(seed, "train", "regression", name, bits=63))
        channels: list[int] = getattr(settings, kind)
        model = build(kind, patch, showers.cells.shape[1], channels)
        ratio = np.log(showers.energy / _visible(showers))
        factor = float(np.median(ratio))
        inputs = _inputs(showers.cells, patch)
        model.learn(*inputs)
        goal = np.column_stack([ratio - factor, showers.impact, showers.particle])
        error = np.sqrt(_STOCHASTIC**2 / showers.energy + _CONSTANT**2)
        told = torch.from_numpy(goal).float(), torch.from_numpy(error).float()
        symmetries = patch if is_turned else None
        # turned showers are new ones
        distinct = len(showers) * (len(patch.symmetries) if is_turned else 1)
        steps = min(settings.steps, max(1, settings.passes * distinct // settings.batch))
        _descend(model, inputs, told, settings, steps, symmetries)
    return Fitted(model, kind, channels, patch, float(np.exp(factor)))


def load(folder: Path) -> Fitted:
    """Network of `network.safetensors` and `network.json`."""
    card = read_json(folder / "network.json")
    patch = Patch(card["rings"], card["pitch"])
    model = build(card["kind"], patch, card["layers"], card["channels"])
    model.load_state_dict(load_file(folder / "network.safetensors"))
    return Fitted(model, card["kind"], card["channels"], patch, card["factor"])


def classical(showers: Showers, patch: Patch) -> Classical:
    """Fit what needs no network: weights of cells for the energy, a logarithmic centroid."""
    # the logarithm lets showers of all energies count alike
    distances = [
        np.log(np.hypot(*(_centroid(showers, patch, cut) - showers.impact).T)).mean()
        for cut in _CUTS
    ]
    return Classical(EnergyRegressor().fit(showers), patch, float(_CUTS[np.argmin(distances)]))


@dataclass(frozen=True)
class Classical:
    """Linear regression of the energy (`refine.regression`) and a logarithmic centroid."""

    energy: EnergyRegressor
    patch: Patch
    cut: float

    def __call__(self, showers: Showers) -> Measured:
        """Measure showers."""
        return Measured(self.energy(showers.cells), _centroid(showers, self.patch, self.cut), None)

    @property
    def parameters(self) -> int:
        """Number of fitted parameters."""
        return len(self.energy.weights) + 1


def turned(showers: Showers, patch: Patch, symmetry: int) -> Showers:
    """Showers moved by one of the twelve symmetries of their patch."""
    matrix = patch.symmetry_matrices[symmetry]
    cells = showers.cells[..., patch.symmetries[symmetry]]
    return Showers(cells, showers.energy, showers.impact @ matrix.T, showers.particle)


def judge(measured: Measured, showers: Showers, edges: Sequence[float]) -> dict[str, float | None]:
    """Resolution of the energy and of the entry point [mm], and AUC of the particles.

    Resolutions are geometric means over bins of energy between `edges` [GeV]: of half the width of
    the central 68.3 % of measured over true energy, and of the distance within which 68.3 % of the
    entry points lie.
    """
    distance = np.hypot(*(measured.impact - showers.impact).T) * _MILLIMETRE
    contained = [
        np.quantile(distance[inside], _CONTAINED)
        for low, high in pairwise(edges)
        if (inside := (showers.energy >= low) & (showers.energy < high)).any()
    ]
    found = performance(measured.energy, showers.energy, edges, 1, np.random.default_rng(0))
    weight = np.ones(len(showers))
    return {
        "energy_resolution": found.resolution,
        "impact_resolution": float(np.exp(np.mean(np.log(contained)))),
        "particle_auc": (
            None if measured.odds is None else auc(showers.particle, measured.odds, weight)
        ),
    }


def _descend(
    model: ShowerNetwork,
    inputs: tuple[Tensor, Tensor],
    told: tuple[Tensor, Tensor],
    settings: Regression,
    steps: int,
    symmetries: Patch | None,
) -> None:
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=steps
    )
    model.train()
    waiting = torch.empty(0, dtype=torch.int64)
    for _ in range(steps):
        while len(waiting) < settings.batch:
            waiting = torch.cat([waiting, torch.randperm(len(inputs[0]))])
        batch, waiting = waiting[: settings.batch], waiting[settings.batch :]
        cells, layers, goal = inputs[0][batch], inputs[1][batch], told[0][batch]
        if symmetries is not None:
            cells, goal = _randomly_turned(cells, goal, symmetries)
        optimizer.zero_grad(set_to_none=True)
        loss = _loss(model(cells, layers), goal, told[1][batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    if not torch.isfinite(loss):
        msg = f"regression: loss {float(loss)}; lower train.regression.learning_rate"
        raise TrainingError(msg)


def _loss(found: Tensor, goal: Tensor, error: Tensor) -> Tensor:
    """Huber's loss of energy and entry point in units of their errors, and cross-entropy."""
    energy = functional.huber_loss(found[:, 0] / error, goal[:, 0] / error)
    impact = functional.huber_loss(found[:, 1:3] / _COORDINATE, goal[:, 1:3] / _COORDINATE)
    return energy + impact + functional.binary_cross_entropy_with_logits(found[:, 3], goal[:, 3])


def _randomly_turned(cells: Tensor, goal: Tensor, patch: Patch) -> tuple[Tensor, Tensor]:
    """Each shower moved by a symmetry of its own."""
    drawn = torch.randint(len(patch.symmetries), (len(cells),)).numpy()
    places = torch.from_numpy(patch.symmetries[drawn])[:, None].expand_as(cells)
    matrices = torch.from_numpy(patch.symmetry_matrices[drawn]).float()
    impact = (matrices @ goal[:, 1:3, None])[..., 0]
    return cells.gather(2, places), torch.cat([goal[:, :1], impact, goal[:, 3:]], dim=1)


def _inputs(cells: NDArray[np.floating], patch: Patch) -> tuple[Tensor, Tensor]:
    """ln(1 + e / MIP) of the cells that a network reads, and of whole layers: energy and hits."""
    sums = [cells.sum(axis=2, dtype=np.float64), np.count_nonzero(cells, axis=2)]
    read = np.log1p(cells[..., : patch.n_cells])
    layers = np.log1p(np.concatenate(sums, axis=1))
    return torch.from_numpy(read).float(), torch.from_numpy(layers).float()


def _visible(showers: Showers) -> Floats:
    """Sum of all cells, (n,) [MIP]; at least one, for a logarithm is taken."""
    return np.maximum(showers.cells.sum(axis=(1, 2), dtype=np.float64), 1.0)


def _centroid(showers: Showers, patch: Patch, cut: float) -> Floats:
    """Mean of positions with weights max(0, cut + ln(e / sum e)), NIM A 311 (1992) 130, (n, 2)."""
    energy = showers.cells.sum(axis=1, dtype=np.float64)
    share = energy / np.maximum(energy.sum(axis=1, keepdims=True), 1.0)
    weight = np.maximum(cut + np.log(np.maximum(share, np.exp(-cut))), 0.0)
    return weight @ patch.positions / np.maximum(weight.sum(axis=1, keepdims=True), 1e-9)
