"""Deep Sets: f(sum_i phi(object_i)), blind to the order of objects (arXiv:1810.05165, eq. 2.3)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from hyperhex.config import DeepSets
from hyperhex.train.module import EventModule, ModuleClassifier
from hyperhex.train.network import layers_of
from hyperhex.train.objects import EVENT_WIDTH, OBJECT_WIDTH, Objects

__all__ = ["DeepSetsClassifier"]


class _DeepSets(EventModule):
    """Log-odds of each event from the sum and the maximum of its objects' latent values."""

    def __init__(self, inputs: int, settings: DeepSets) -> None:
        super().__init__()
        self.objects = Objects(inputs)
        latent, last = settings.object_layers[-1], settings.event_layers[-1]
        self.each = nn.Sequential(*layers_of(OBJECT_WIDTH, settings.object_layers))
        self.whole = nn.Sequential(
            *layers_of(2 * latent + EVENT_WIDTH, settings.event_layers, settings.dropout),
            nn.Linear(last, 1),
        )

    def learn(self, events: Tensor) -> None:
        self.objects.learn(events)

    def forward(self, events: Tensor) -> Tensor:
        found = self.objects(events)
        latent = self.each(found.values) * found.present[..., None]
        # a mean of a few objects keeps the scale that a sum of many loses
        pooled = [latent.sum(dim=1) / len(found.present[0]) ** 0.5, latent.amax(dim=1)]
        return cast("Tensor", self.whole(torch.cat([*pooled, found.event], dim=1))[:, 0])


class DeepSetsClassifier(ModuleClassifier):
    """Deep Sets fitted by weighted cross-entropy; the score is the log-odds."""

    name = "deep_sets"
    defaults = DeepSets
    settings: DeepSets

    def empty(self, inputs: int) -> EventModule:
        """Deep Sets before their fit."""
        return _DeepSets(inputs, self.settings)
