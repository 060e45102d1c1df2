"""Methods of scikit-learn: written as the events that they were fitted on, fitted again when read.

Their own files are pickles, which run whatever they hold.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from hyperhex.config import Density, Forest
from hyperhex.errors import TrainingError
from hyperhex.provenance import read_json, write_json
from hyperhex.train.mixture import TrainingSet

__all__ = ["Refitted"]

Settings = Density | Forest
Floats = NDArray[np.float64]
_SEED_BITS = 0x7FFFFFFF


class Refitted(ABC):
    """A method that is cheap to fit to the background events that it keeps."""

    name: ClassVar[str]
    defaults: ClassVar[type[Density | Forest]]

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or self.defaults()
        self._kept: dict[str, NDArray[np.float32]] = {}
        self._seed = 0

    @abstractmethod
    def most(self) -> int:
        """Most background events that are kept."""

    @abstractmethod
    def learn(self, events: Floats, weight: Floats, seed: int) -> None:
        """Fit to standardised events (n, inputs) of some weight (n,)."""

    @abstractmethod
    def unlike(self, events: Floats) -> Floats:
        """How unlike the background standardised events are, (n,)."""

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Keep background events and fit to them; signal is never looked at."""
        rows = np.flatnonzero(data.label == 0)
        if len(rows) > self.most():
            rows = np.sort(np.random.default_rng(seed).choice(rows, self.most(), replace=False))
        self._kept = {"events": data.inputs[rows], "weight": data.weight[rows]}
        self._seed = seed & _SEED_BITS
        self._refit()

    def score(self, inputs: NDArray[np.float32]) -> Floats:
        """How unlike the background events are, (n,)."""
        if not self._kept:
            msg = f"no {self.name} to score with; fit it or load it first"
            raise TrainingError(msg)
        return self.unlike(self._standard(inputs))

    def save(self, folder: Path, name: str) -> None:
        """Write `<name>.safetensors` and `<name>.json`."""
        if not self._kept:
            msg = f"{folder / name}: no {self.name} to save; fit it first"
            raise TrainingError(msg)
        save_file(self._kept, folder / f"{name}.safetensors")
        described = {"seed": self._seed, "settings": self.settings.model_dump()}
        write_json(folder / f"{name}.json", described)

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Fit again to the events of `<name>.safetensors`."""
        described = read_json(folder / f"{name}.json")
        loaded = cls(cls.defaults.model_validate(described["settings"]))
        loaded._kept = load_file(folder / f"{name}.safetensors")
        loaded._seed = described["seed"]
        loaded._refit()
        return loaded

    def _refit(self) -> None:
        events = self._kept["events"].astype(np.float64)
        spread = events.std(axis=0)
        self._mean, self._spread = events.mean(axis=0), np.where(spread > 1e-6, spread, 1.0)
        weight = self._kept["weight"].astype(np.float64)
        self.learn(self._standard(self._kept["events"]), weight, self._seed)

    def _standard(self, inputs: NDArray[np.float32]) -> Floats:
        return np.asarray((inputs.astype(np.float64) - self._mean) / self._spread)
