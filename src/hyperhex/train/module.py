"""Classifiers that are torch modules: how they are fitted, scored, written and read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from hyperhex.config import Descent
from hyperhex.errors import TrainingError
from hyperhex.provenance import read_json, write_json
from hyperhex.train.descent import descend
from hyperhex.train.mixture import TrainingSet

__all__ = [
    "BackgroundClassifier",
    "EventModule",
    "ModuleClassifier",
    "Selectable",
    "Standard",
    "fit_odds",
]

# beyond this many standard deviations an input says no more than that it is extreme
_EXTREME = 8.0
# most events at once, which bounds memory
_ROWS = 4096


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


class Selectable(Protocol):
    """Something with a row for each event."""

    def __getitem__(self, rows: Tensor, /) -> Self:
        """Those of some events."""


class EventModule(nn.Module, ABC):
    """A module that learns the scale of events first.

    Its `forward` takes what `seen` gives, and has a score for each event, higher for signal, (n,).
    """

    @abstractmethod
    def learn(self, events: Tensor) -> None:
        """Take the scale of the inputs from events, (n, inputs)."""

    def seen(self, events: Tensor) -> tuple[Selectable, ...]:
        """All of events, (n, inputs), that no weight acts on: once in a fit, not in every epoch."""
        return (events,)


class ModuleClassifier(ABC):
    """A module fitted by weighted cross-entropy; the score is the log-odds."""

    name: ClassVar[str]
    defaults: ClassVar[type[Descent]]

    def __init__(self, settings: Descent | None = None) -> None:
        self.settings = settings or self.defaults()
        self._model: EventModule | None = None

    @abstractmethod
    def empty(self, inputs: int) -> EventModule:
        """The module before its fit."""

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Descend and keep the epoch that is best on held events."""
        # initial weights and dropout draw from torch's own stream, which is given back untouched
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self._model = self._fitted(data)

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Log-odds of the hyperclass, (n,)."""
        if self._model is None:
            msg = f"no {self.name} to score with; fit it or load it first"
            raise TrainingError(msg)
        self._model.eval()
        events = torch.from_numpy(np.ascontiguousarray(inputs))
        with torch.inference_mode():
            parts = [
                self._model(*self._model.seen(part)).double()
                for part in events.split(_ROWS)  # type: ignore[no-untyped-call]
            ]
        return np.asarray(torch.cat(parts).numpy())

    @property
    def module(self) -> EventModule:
        """The fitted module, as it scores."""
        if self._model is None:
            msg = f"no {self.name} to explain; fit it or load it first"
            raise TrainingError(msg)
        return self._model.eval()

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.safetensors` and `<name>.json`."""
        if self._model is None:
            msg = f"{folder / name}: no {self.name} to save; fit it first"
            raise TrainingError(msg)
        save_file(self._model.state_dict(), folder / f"{name}.safetensors")
        described = {"inputs": self._inputs, "settings": self.settings.model_dump()}
        write_json(folder / f"{name}.json", described)

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Fit of `<name>.safetensors` and `<name>.json`."""
        described = read_json(folder / f"{name}.json")
        loaded = cls(cls.defaults.model_validate(described["settings"]))
        loaded._inputs = described["inputs"]
        loaded._model = loaded.empty(loaded._inputs)
        loaded._model.load_state_dict(load_file(folder / f"{name}.safetensors"))
        return loaded

    def _fitted(self, data: TrainingSet) -> EventModule:
        events = torch.from_numpy(data.inputs)
        model = self._begun(events, data.held)
        fit_odds(model, model.seen(events), data, self.settings, self.name)
        return model

    def _begun(self, events: Tensor, held: NDArray[np.bool_]) -> EventModule:
        """The module that has learned the scale of the events that are not held."""
        self._inputs = events.shape[1]
        model = self.empty(self._inputs)
        model.learn(events[torch.from_numpy(~held)])
        return model


def fit_odds(
    model: nn.Module,
    seen: tuple[Selectable, ...],
    data: TrainingSet,
    settings: Descent,
    name: str,
) -> None:
    """Fit log-odds, (n,) or (n, 1), of what a model sees of events by weighted cross-entropy."""
    label, weight = torch.from_numpy(data.label), torch.from_numpy(data.weight)

    def loss(rows: Tensor) -> Tensor:
        return nn.functional.binary_cross_entropy_with_logits(
            model(*(part[rows] for part in seen)).flatten(), label[rows], weight=weight[rows]
        )

    fitted, held = (torch.from_numpy(np.flatnonzero(rows)) for rows in (~data.held, data.held))
    descend(model, loss, fitted, held, settings, name)


class BackgroundClassifier(ModuleClassifier):
    """A module fitted on background alone; the score says how unlike it an event is."""

    @abstractmethod
    def losses(self, model: EventModule, events: Tensor) -> Tensor:
        """What the fit makes least, for each event, (n,)."""

    def _fitted(self, data: TrainingSet) -> EventModule:
        background = data.label == 0
        events, weight = (
            torch.from_numpy(array[background]) for array in (data.inputs, data.weight)
        )
        held = data.held[background]
        model = self._begun(events, held)

        def loss(rows: Tensor) -> Tensor:
            return (weight[rows] * self.losses(model, events[rows])).sum() / weight[rows].sum()

        fitted, kept = (torch.from_numpy(np.flatnonzero(rows)) for rows in (~held, held))
        descend(model, loss, fitted, kept, self.settings, self.name)
        return model
