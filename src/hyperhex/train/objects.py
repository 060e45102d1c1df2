"""Flat inputs seen as a set of objects, for networks that do not care about their order.

Most slots of most events are empty, so objects are kept as a list, one event's behind those of the
one before, and go into a table with a place for each only where a network mixes them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch
from torch import Tensor, nn

from hyperhex.errors import TrainingError
from hyperhex.train.features import EVENT_VALUES, NAMES, SLOT_TYPES, SLOT_VALUES
from hyperhex.train.module import Standard

__all__ = ["EVENT_WIDTH", "OBJECT_WIDTH", "Lists", "ObjectSet", "Objects", "Table", "places"]

_VALUES = len(SLOT_VALUES)
_FLAT = len(SLOT_TYPES) * _VALUES
EVENT_WIDTH = len(EVENT_VALUES)
OBJECT_WIDTH = _VALUES + max(SLOT_TYPES) + 1


@dataclass(frozen=True)
class Lists:
    """As many vectors as an event has: `vectors` (total, width), `number` of each event (n,)."""

    vectors: Tensor
    number: Tensor

    def __getitem__(self, rows: Tensor) -> Lists:
        """Lists of some events."""
        number = self.number[rows]
        return Lists(self.vectors[places(self.starts[rows], number)], number)

    @cached_property
    def starts(self) -> Tensor:
        """Where the list of each event begins, (n,)."""
        return self.number.cumsum(0) - self.number


class Table:
    """Where the vectors of `Lists` lie in a table of (n, most), empty places last."""

    def __init__(self, number: Tensor) -> None:
        self.events, self.most = len(number), max(1, int(number.max()))
        self.places = places(torch.arange(self.events) * self.most, number)

    def spread(self, vectors: Tensor, empty: float = 0.0) -> Tensor:
        """Table (n, most, width) of vectors (total, width)."""
        table = vectors.new_full((self.events * self.most, vectors.shape[1]), empty)
        return table.index_copy(0, self.places, vectors).reshape(self.events, self.most, -1)

    def collected(self, table: Tensor) -> Tensor:
        """Vectors (total, width) of a table (n, most, width)."""
        return table.flatten(0, 1).index_select(0, self.places)


class ObjectSet(NamedTuple):
    """Objects of events: what a network takes of each, and what they are in physical units."""

    values: Lists  # OBJECT_WIDTH wide, standardised, with the type as one-hot
    raw: Lists  # log(1 + E), log(1 + pT) [GeV], eta, dphi to the missing momentum
    event: Tensor  # (n, EVENT_WIDTH), standardised


class Objects(nn.Module):
    """Takes flat inputs apart into objects and quantities of the whole event.

    An object's values are standardised over the objects that are there.
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
        there = self._present(events)[0].vectors.double()
        self.mean = there.mean(dim=0).float()
        self.scale = there.std(dim=0).clamp_min(1e-6).float()
        self.whole.learn(events[:, _FLAT:])

    def forward(self, events: Tensor) -> ObjectSet:
        """Objects of events, (n, inputs)."""
        raw, types = self._present(events)
        values = torch.cat([(raw.vectors - self.mean) / self.scale, types], dim=1)
        return ObjectSet(Lists(values, raw.number), raw, self.whole(events[:, _FLAT:]))

    def _present(self, events: Tensor) -> tuple[Lists, Tensor]:
        """Values of the objects that are there, and their types as one-hot."""
        slots = events[:, :_FLAT].reshape(len(events), len(SLOT_TYPES), _VALUES)
        present = slots[..., 1] > 0
        types = self.types.expand(len(events), -1, -1)[present]
        return Lists(slots[present], present.sum(dim=1)), types


def places(starts: Tensor, number: Tensor) -> Tensor:
    """`number[i]` whole numbers from `starts[i]` on for each i, one after the other, (total,)."""
    before = number.cumsum(0) - number
    return torch.repeat_interleave(starts - before, number) + torch.arange(int(number.sum()))
