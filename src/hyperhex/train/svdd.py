"""Deep SVDD ensemble: distance from a fixed target that background is mapped to (arXiv:2105.14027).

Each member is a network f: x -> R^d that learns f(x) = c for background, with the target c the same
number in all d components; the ensemble runs over targets and dimensions, because a single member
depends much on both.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hyperhex.config import DeepSvdd
from hyperhex.errors import TrainingError
from hyperhex.provenance import read_json, write_json
from hyperhex.train.mixture import TrainingSet
from hyperhex.train.network import Perceptron

__all__ = ["DeepSvddEnsemble", "Member"]


class Member(nn.Module):
    """One network with its target; its output is the distance in units of background's mean."""

    def __init__(self, inputs: int, layers: list[int], dimension: int, target: float) -> None:
        super().__init__()
        self.network = Perceptron(inputs, layers, outputs=dimension)
        self.target = target
        self.register_buffer("typical", torch.ones(()))

    def forward(self, events: Tensor) -> Tensor:
        """Squared distance |f(x) - c|^2 / d over its mean for background, (n,)."""
        return (self.network(events) - self.target).square().mean(dim=1) / self.typical


class DeepSvddEnsemble:
    """Members fitted on background alone; the score is the mean of their log distances."""

    def __init__(self, settings: DeepSvdd | None = None) -> None:
        self.settings = settings or DeepSvdd()
        self._members = nn.ModuleList()

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Fit every member on the background events of `data`; signal is never looked at."""
        background = data.label == 0
        events = torch.from_numpy(data.inputs[background & ~data.held])
        weight = torch.from_numpy(data.weight[background & ~data.held])
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            members = _members(self.settings, events.shape[1])
            self._members = nn.ModuleList(
                _fitted(member, events, weight / weight.mean(), self.settings) for member in members
            )

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Mean log distance over the members, (n,)."""
        if not len(self._members):
            msg = "no ensemble to score with; fit it or load it first"
            raise TrainingError(msg)
        events = torch.from_numpy(np.ascontiguousarray(inputs))
        with torch.inference_mode():
            logs = [member(events).double().clamp_min(1e-12).log() for member in self._members]
        return np.asarray(torch.stack(logs).mean(dim=0).numpy())

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.safetensors` and `<name>.json`."""
        if not len(self._members):
            msg = f"{folder / name}: no ensemble to save; fit it first"
            raise TrainingError(msg)
        state = self._members.state_dict()
        save_file(state, folder / f"{name}.safetensors")
        write_json(
            folder / f"{name}.json",
            {"inputs": len(state["0.network.0.mean"]), "settings": self.settings.model_dump()},
        )

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Ensemble of `<name>.safetensors` and `<name>.json`."""
        described = read_json(folder / f"{name}.json")
        ensemble = cls(DeepSvdd.model_validate(described["settings"]))
        ensemble._members = nn.ModuleList(_members(ensemble.settings, described["inputs"]))
        ensemble._members.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return ensemble


def _members(settings: DeepSvdd, inputs: int) -> Iterator[Member]:
    for dimension in settings.dimensions:
        for target in settings.targets:
            yield Member(inputs, settings.layers, dimension, target)


def _fitted(member: Member, events: Tensor, weight: Tensor, settings: DeepSvdd) -> Member:
    member.network.standard.learn(events)
    optimizer = torch.optim.Adam(member.parameters(), lr=settings.learning_rate)
    for _ in range(settings.epochs):
        for batch in torch.randperm(len(events)).split(settings.batch):  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)
            (weight[batch] * member(events[batch])).mean().backward()
            optimizer.step()
    with torch.inference_mode():
        typical = (weight * member(events)).mean()
    if not torch.isfinite(typical):
        msg = f"deep_svdd: mean distance {float(typical)}; lower train.deep_svdd.learning_rate"
        raise TrainingError(msg)
    member.typical = typical.clone()
    return member
