"""Multilayer perceptron (PyTorch) on standardised inputs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Self, cast

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hyperhex.config import Network
from hyperhex.config.train import Images
from hyperhex.errors import TrainingError
from hyperhex.provenance import read_json, write_json
from hyperhex.train.mixture import TrainingSet

__all__ = ["NetworkClassifier", "Perceptron", "Standard", "descend"]

# beyond this many standard deviations an input says no more than that it is extreme
_EXTREME = 8.0
_WEIGHT_DECAY = 1e-4


class Standard(nn.Module):
    """Inputs shifted and scaled to zero mean and unit variance of the training events."""

    def __init__(self, inputs: int) -> None:
        super().__init__()
        self.register_buffer("mean", torch.zeros(inputs))
        self.register_buffer("scale", torch.ones(inputs))

    def learn(self, events: Tensor) -> None:
        """Take mean and spread from events, (n, inputs); a constant input keeps its scale."""
        spread = events.double().std(dim=0)
        self.mean = events.double().mean(dim=0).float()
        self.scale = torch.where(spread > 1e-6, spread, torch.ones_like(spread)).float()

    def forward(self, events: Tensor) -> Tensor:
        """Standardised inputs, (n, inputs)."""
        return ((events - self.mean) / self.scale).clamp(-_EXTREME, _EXTREME)


class Perceptron(nn.Sequential):
    """Standardised inputs, hidden layers, and one linear layer of `outputs`."""

    def __init__(
        self, inputs: int, layers: list[int], outputs: int = 1, dropout: float = 0.0
    ) -> None:
        modules: list[nn.Module] = [Standard(inputs)]
        width = inputs
        for layer in layers:
            modules += [nn.Linear(width, layer), nn.SiLU(), nn.Dropout(dropout)]
            width = layer
        super().__init__(*modules, nn.Linear(width, outputs))

    @property
    def standard(self) -> Standard:
        """The first layer, which has no weights to fit."""
        return cast("Standard", self[0])


class NetworkClassifier:
    """Perceptron fitted by weighted cross-entropy; the score is the log-odds."""

    def __init__(self, settings: Network | None = None) -> None:
        self.settings = settings or Network()
        self._model: Perceptron | None = None

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Descend (AdamW, one cycle of the rate) and keep the epoch that is best on held events."""
        # initial weights and dropout draw from torch's own stream, which is given back untouched
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._model = _fitted(data, self.settings)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of the hyperclass, (n,)."""
        if self._model is None:
            msg = "no network to score with; fit it or load it first"
            raise TrainingError(msg)
        with torch.inference_mode():
            odds = self._model.eval()(torch.from_numpy(np.ascontiguousarray(inputs)))
        return np.asarray(odds[:, 0].numpy(), dtype=np.float64)

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.safetensors` and `<name>.json`."""
        if self._model is None:
            msg = f"{folder / name}: no network to save; fit it first"
            raise TrainingError(msg)
        state = self._model.state_dict()
        save_file(state, folder / f"{name}.safetensors")
        write_json(
            folder / f"{name}.json",
            {"inputs": len(state["0.mean"]), "settings": self.settings.model_dump()},
        )

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Network of `<name>.safetensors` and `<name>.json`."""
        described = read_json(folder / f"{name}.json")
        network = cls(Network.model_validate(described["settings"]))
        network._model = _empty(described["inputs"], network.settings)
        network._model.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return network


def _empty(inputs: int, settings: Network) -> Perceptron:
    return Perceptron(inputs, settings.layers, dropout=settings.dropout)


def _fitted(data: TrainingSet, settings: Network) -> Perceptron:
    model = _empty(data.inputs.shape[1], settings)
    model.standard.learn(torch.from_numpy(data.inputs[~data.held]))
    descend(model, data, settings)
    return model


def descend(model: nn.Module, data: TrainingSet, settings: Network | Images) -> None:
    """Fit log-odds (n, 1) by weighted cross-entropy; keep the epoch that is best on held events."""
    events, label, weight = (torch.from_numpy(a) for a in (data.inputs, data.label, data.weight))
    held = torch.from_numpy(data.held)
    rows = torch.nonzero(~held)[:, 0]
    steps = settings.epochs * -(-len(rows) // settings.batch)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=settings.learning_rate, weight_decay=_WEIGHT_DECAY
    )
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, max_lr=settings.learning_rate, total_steps=steps
    )
    best, best_state, worse = np.inf, copy.deepcopy(model.state_dict()), 0
    for _ in range(settings.epochs):
        model.train()
        for batch in rows[torch.randperm(len(rows))].split(settings.batch):  # type: ignore[no-untyped-call]
            optimizer.zero_grad(set_to_none=True)
            _loss(model, events[batch], label[batch], weight[batch]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            schedule.step()
        model.eval()
        with torch.inference_mode():
            loss = float(_loss(model, events[held], label[held], weight[held]))
        if not np.isfinite(loss):
            section = type(settings).__name__.lower()
            msg = f"network: loss {loss} on held events; lower train.{section}.learning_rate"
            raise TrainingError(msg)
        worse += 1
        if loss < best:
            best, best_state, worse = loss, copy.deepcopy(model.state_dict()), 0
        elif worse >= settings.patience:
            break
    model.load_state_dict(best_state)


def _loss(model: nn.Module, events: Tensor, label: Tensor, weight: Tensor) -> Tensor:
    odds = model(events)[:, 0]
    return nn.functional.binary_cross_entropy_with_logits(odds, label, weight=weight)
