"""Flat inputs seen as a set of objects, for networks that do not care about their order."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from hyperhex.errors import TrainingError
from hyperhex.train.features import EVENT_VALUES, NAMES, SLOT_TYPES, SLOT_VALUES
from hyperhex.train.module import Standard

__all__ = ["EVENT_WIDTH", "OBJECT_WIDTH", "ObjectSet", "Objects"]

_VALUES = len(SLOT_VALUES)
_FLAT = len(SLOT_TYPES) * _VALUES
EVENT_WIDTH = len(EVENT_VALUES)
OBJECT_WIDTH = _VALUES + max(SLOT_TYPES) + 1


class ObjectSet(NamedTuple):
    """Objects of events: what a network takes of each, and what they are in physical units."""

    values: Tensor  # (n, slots, OBJECT_WIDTH), standardised, with the type as one-hot
    present: Tensor  # (n, slots), whether there is an object
    raw: Tensor  # (n, slots, 4): log(1 + E), log(1 + pT) [GeV], eta, dphi to the missing momentum
    event: Tensor  # (n, EVENT_WIDTH), standardised


class Objects(nn.Module):
    """Takes flat inputs apart into objects and quantities of the whole event.

    An object's values are standardised over the objects that are there; a slot without an object
    has zeros.
    """

    def __init__(self, inputs: int) -> None:
        super().__init__()
        if inputs != len(NAMES):
            msg = f"{inputs} inputs given, expected the {len(NAMES)} of train.features"
            raise TrainingError(msg)
        self.mean: Tensor
        self.scale: Tensor
        self.types: Tensor
        self.register_buffer("mean", torch.zeros(_VALUES))
        self.register_buffer("scale", torch.ones(_VALUES))
        types = nn.functional.one_hot(torch.tensor(SLOT_TYPES)).float()
        self.register_buffer("types", types, persistent=False)
        self.whole = Standard(EVENT_WIDTH)

    def learn(self, events: Tensor) -> None:
        """Take mean and spread from events, (n, inputs)."""
        raw = self._raw(events)
        there = raw[raw[..., 1] > 0].double()
        self.mean = there.mean(dim=0).float()
        self.scale = there.std(dim=0).clamp_min(1e-6).float()
        self.whole.learn(events[:, _FLAT:])

    def forward(self, events: Tensor) -> ObjectSet:
        """Objects of events, (n, inputs)."""
        raw = self._raw(events)
        present = raw[..., 1] > 0
        types = self.types.expand(len(events), -1, -1)
        values = torch.cat([(raw - self.mean) / self.scale, types], dim=-1)
        return ObjectSet(
            torch.where(present[..., None], values, torch.zeros_like(values)),
            present,
            raw,
            self.whole(events[:, _FLAT:]),
        )

    def _raw(self, events: Tensor) -> Tensor:
        return events[:, :_FLAT].reshape(len(events), len(SLOT_TYPES), _VALUES)
