"""Neural spline flow (arXiv:1906.04032): how improbable an event is as background."""

from __future__ import annotations

from typing import cast

import torch
import zuko
from torch import Tensor

from hyperhex.config import Flow
from hyperhex.train.module import BackgroundClassifier, EventModule, Standard

__all__ = ["FlowClassifier"]


class _Flow(EventModule):
    """Score -ln p(x) of standardised inputs.

    Numbers of objects and absent objects are discrete, where a density has no bound: noise on the
    training events makes it finite.
    """

    def __init__(self, inputs: int, settings: Flow) -> None:
        super().__init__()
        self.noise = settings.noise
        self.standard = Standard(inputs)
        self.flow = zuko.flows.NSF(
            features=inputs,
            bins=settings.bins,
            transforms=settings.transforms,
            hidden_features=settings.layers,
        )

    def learn(self, events: Tensor) -> None:
        self.standard.learn(events)

    def surprise(self, events: Tensor) -> Tensor:
        """-ln p(x), (n,)."""
        values = self.standard(events)
        if self.training:
            values = values + self.noise * torch.randn_like(values)
        return cast("Tensor", -self.flow().log_prob(values))

    def forward(self, events: Tensor) -> Tensor:
        return self.surprise(events)


class FlowClassifier(BackgroundClassifier):
    """Flow fitted on background alone; the score is -ln p."""

    name = "flow"
    defaults = Flow
    settings: Flow

    def empty(self, inputs: int) -> EventModule:
        """Flow before its fit."""
        return _Flow(inputs, self.settings)

    def losses(self, model: EventModule, events: Tensor) -> Tensor:
        """-ln p(x), (n,)."""
        return cast("_Flow", model).surprise(events)
