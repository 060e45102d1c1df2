"""What every classifier can do, whatever it is made of."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray

from hyperhex.train.mixture import TrainingSet

__all__ = ["Classifier"]


class Classifier(Protocol):
    """A method that orders events from background-like to signal-like."""

    def fit(self, data: TrainingSet, seed: int) -> None:
        """Learn from the events; the same events and seed give the same fit."""

    def score(self, inputs: NDArray[np.float32]) -> NDArray[np.float64]:
        """Score of each event, higher for signal, (n,)."""

    def save(self, folder: Path, name: str) -> None:
        """Write the fit to files `<name>.*`."""

    @classmethod
    def load(cls, folder: Path, name: str) -> Self:
        """Fit from files `<name>.*`."""
