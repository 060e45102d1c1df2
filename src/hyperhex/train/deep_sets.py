"""Deep Sets: f(sum_i phi(object_i)), blind to the order of objects (arXiv:1810.05165, eq. 2.3)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from hyperhex.config import DeepSets
from hyperhex.train.features import SLOT_TYPES
from hyperhex.train.module import EventModule, ModuleClassifier, Selectable
from hyperhex.train.network import layers_of
from hyperhex.train.objects import EVENT_WIDTH, OBJECT_WIDTH, Lists, Objects

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

    def seen(self, events: Tensor) -> tuple[Selectable, ...]:
        found = self.objects(events)
        return found.values, found.event

    def forward(self, objects: Lists, event: Tensor) -> Tensor:
        """Log-odds of events, (n,)."""
        latent = self.each(objects.vectors)
        # a mean of a few objects keeps the scale that a sum of many loses
        total = torch.segment_reduce(latent, "sum", lengths=objects.number) / len(SLOT_TYPES) ** 0.5
        # an empty slot has zeros
        most = torch.segment_reduce(latent, "max", lengths=objects.number, initial=0.0)
        return cast("Tensor", self.whole(torch.cat([total, most, event], dim=1))[:, 0])


class DeepSetsClassifier(ModuleClassifier):
    """Deep Sets fitted by weighted cross-entropy; the score is the log-odds."""

    name = "deep_sets"
    defaults = DeepSets
    settings: DeepSets

    def empty(self, inputs: int) -> EventModule:
        """Deep Sets before their fit."""
        return _DeepSets(inputs, self.settings)
