"""The event record: lists of objects as in the Dark Machines challenge (arXiv:2105.14027)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ANTIMUON",
    "B_JET",
    "COMPONENTS",
    "ELECTRON",
    "JET",
    "MUON",
    "NOTHING",
    "OBJECT_NAMES",
    "PHOTON",
    "POSITRON",
    "SLOTS",
    "Objects",
    "fill_slots",
    "join",
]

SLOTS = 20
COMPONENTS = ("E", "pt", "eta", "phi")
NOTHING, JET, B_JET, ELECTRON, POSITRON, MUON, ANTIMUON, PHOTON = range(8)
OBJECT_NAMES = ("none", "jet", "b-jet", "e-", "e+", "mu-", "mu+", "photon")


@dataclass(frozen=True)
class Objects:
    """Reconstructed objects, each array (n,): energy and pT [GeV], angles [rad]."""

    event: NDArray[np.int32]
    kind: NDArray[np.uint8]
    energy: NDArray[np.float64]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]


def join(parts: list[Objects]) -> Objects:
    """All objects in one list."""
    return Objects(
        *(
            np.concatenate([getattr(part, name) for part in parts])
            for name in Objects.__dataclass_fields__
        )
    )


def fill_slots(objects: Objects, events: int) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """The hardest objects of each event, by falling pT: (events, SLOTS, 4) and their kinds.

    Components are E, pT [GeV], eta, phi; empty slots hold zeros and the kind 0.
    """
    order = np.lexsort((-objects.pt, objects.event))
    event = objects.event[order]
    rank = np.arange(len(event)) - np.searchsorted(event, event)
    kept = rank < SLOTS
    order, event, rank = order[kept], event[kept], rank[kept]
    values = np.zeros((events, SLOTS, len(COMPONENTS)), np.float32)
    kinds = np.zeros((events, SLOTS), np.uint8)
    columns = (objects.energy, objects.pt, objects.eta, objects.phi)
    values[event, rank] = np.stack(columns, axis=1)[order]
    kinds[event, rank] = objects.kind[order]
    return values, kinds
