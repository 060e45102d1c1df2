"""What drives the score of a network: integrated gradients (arXiv:1703.01365, eq. 1).

The contribution of an input x_i is (x_i - b_i) times the mean of the score's gradient on the
straight line from a baseline b to the event. All of them sum to score(x) - score(b).

The baseline is the background's mean, of an event with the same objects: a slot that is empty in
the event is empty in its baseline, since no line leads from an object to none. What the presence of
objects is worth is then the score of the baseline itself, and counts as one more input.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyperhex.train.features import SLOT_TYPES, SLOT_VALUES
from hyperhex.train.module import EventModule

__all__ = ["OBJECTS", "Background", "contributions", "integrated_gradients"]

Floats = NDArray[np.float64]
Inputs = NDArray[np.float32]

# name of what the presence of objects adds
OBJECTS = "objects"
_FLAT = len(SLOT_TYPES) * len(SLOT_VALUES)
_PT = SLOT_VALUES.index("log_pt")
# points of the Gauss-Legendre rule on the line
_POINTS = 16
# most events at once, which bounds memory
_ROWS = 2048
# background events that say what the baselines score on average
_REFERENCE = 2000


@dataclass(frozen=True)
class Background:
    """Mean of the background: of each slot's objects, where there are some, and of the event.

    `slots` (slots, values), nan where the background has no object; `whole` (event values,);
    `reference` (events, inputs) are baselines of some of its events.
    """

    slots: Floats
    whole: Floats
    reference: Inputs

    @classmethod
    def of(cls, inputs: Inputs, weight: Floats) -> Background:
        """Background of `inputs` (n, inputs) and `weight` (n,), negative ones left out."""
        kept = weight > 0.0
        inputs, weight = inputs[kept], weight[kept]
        weights = weight[:, None] * _present(inputs)
        with np.errstate(invalid="ignore"):
            slots = np.einsum("ns,nsv->sv", weights, _slots(inputs)) / weights.sum(axis=0)[:, None]
        whole = weight @ inputs[:, _FLAT:] / weight.sum()
        # events of equal weight, drawn at equal steps of the summed weight
        steps = (np.arange(_REFERENCE) + 0.5) / _REFERENCE * weight.sum()
        rows = np.searchsorted(np.cumsum(weight), steps).clip(max=len(weight) - 1)
        found = cls(slots, whole, np.empty((0, inputs.shape[1]), dtype=np.float32))
        return cls(slots, whole, found.baseline(inputs[rows]))

    def baseline(self, inputs: Inputs) -> Inputs:
        """Mean event with the objects of each event, (n, inputs)."""
        slots = _slots(inputs)
        # what no background has is no different from itself
        mean = np.where(np.isnan(self.slots), slots, self.slots)
        there = np.where(_present(inputs)[..., None], mean, 0.0).reshape(len(inputs), _FLAT)
        whole = np.broadcast_to(self.whole, (len(inputs), len(self.whole)))
        return np.concatenate([there, whole], axis=1).astype(np.float32)


def contributions(model: EventModule, inputs: Inputs, background: Background) -> Floats:
    """Contribution of each input, and last of the objects' presence, (n, inputs + 1).

    They sum to the score less the mean score of the background's baselines.
    """
    events = torch.from_numpy(np.ascontiguousarray(inputs))
    baseline = torch.from_numpy(background.baseline(inputs))
    reference = _scores(model, torch.from_numpy(background.reference)).mean()
    presence = _scores(model, baseline) - reference
    gradients = integrated_gradients(model, events, baseline)
    return np.asarray(torch.cat([gradients, presence[:, None]], dim=1).numpy())


def integrated_gradients(model: EventModule, events: Tensor, baseline: Tensor) -> Tensor:
    """Contribution of each input between baseline and event, (n, inputs)."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    parts = []
    for event, start in zip(events.split(_ROWS), baseline.split(_ROWS), strict=True):  # type: ignore[no-untyped-call]
        step = event - start
        mean = torch.zeros_like(step, dtype=torch.float64)
        for node, weight in zip(nodes, weights, strict=True):
            place = (start + 0.5 * (1.0 + node) * step).requires_grad_()
            (gradient,) = torch.autograd.grad(model(*model.seen(place)).sum(), place)
            mean += 0.5 * weight * gradient
        parts.append(mean * step)
    return torch.cat(parts)


def _scores(model: EventModule, events: Tensor) -> Tensor:
    with torch.inference_mode():
        parts = [model(*model.seen(part)).double() for part in events.split(_ROWS)]  # type: ignore[no-untyped-call]
    return torch.cat(parts)


def _slots(inputs: Inputs) -> Inputs:
    return inputs[:, :_FLAT].reshape(len(inputs), len(SLOT_TYPES), len(SLOT_VALUES))


def _present(inputs: Inputs) -> NDArray[np.bool_]:
    return _slots(inputs)[..., _PT] > 0.0
