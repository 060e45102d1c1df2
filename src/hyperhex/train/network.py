"""Multilayer perceptron (PyTorch) on standardised inputs."""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

from hyperhex.config import Network
from hyperhex.train.module import EventModule, ModuleClassifier, Selectable, Standard

__all__ = ["NetworkClassifier", "Perceptron", "Standard", "layers_of"]


def layers_of(inputs: int, layers: list[int], dropout: float = 0.0) -> list[nn.Module]:
    """Hidden layers from `inputs` to the last of `layers`."""
    modules: list[nn.Module] = []
    for before, after in zip([inputs, *layers], layers, strict=False):
        modules += [nn.Linear(before, after), nn.SiLU(), nn.Dropout(dropout)]
    return modules


class Perceptron(nn.Sequential):
    """Standardised inputs, hidden layers, and one linear layer of `outputs`."""

    def __init__(
        self, inputs: int, layers: list[int], outputs: int = 1, dropout: float = 0.0
    ) -> None:
        hidden = layers_of(inputs, layers, dropout)
        super().__init__(Standard(inputs), *hidden, nn.Linear(layers[-1], outputs))

    @property
    def standard(self) -> Standard:
        """The first layer, which has no weights to fit."""
        return cast("Standard", self[0])

    def outputs(self, values: Tensor) -> Tensor:
        """Outputs of inputs that are standardised already, (n, outputs)."""
        for layer in list(self)[1:]:
            values = layer(values)
        return values


class _Odds(EventModule):
    """Log-odds of each event by a perceptron."""

    def __init__(self, inputs: int, settings: Network) -> None:
        super().__init__()
        self.perceptron = Perceptron(inputs, settings.layers, dropout=settings.dropout)

    def learn(self, events: Tensor) -> None:
        self.perceptron.standard.learn(events)

    def seen(self, events: Tensor) -> tuple[Selectable, ...]:
        return (self.perceptron.standard(events),)

    def forward(self, values: Tensor) -> Tensor:
        """Log-odds of events, (n,)."""
        return self.perceptron.outputs(values)[:, 0]


class NetworkClassifier(ModuleClassifier):
    """Perceptron fitted by weighted cross-entropy; the score is the log-odds."""

    name = "network"
    defaults = Network
    settings: Network

    def empty(self, inputs: int) -> EventModule:
        """Perceptron before its fit."""
        return _Odds(inputs, self.settings)
