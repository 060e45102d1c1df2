"""What a worker does: one shard of a library of showers.

A module of its own, so that a worker imports no more than it needs for its first shower.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex import store
from hyperhex.config import Simulate
from hyperhex.kernels.shower.matter import Matter
from hyperhex.simulate.cascade import Absorber, simulate_hadrons
from hyperhex.simulate.library import simulate

__all__ = ["Part", "make", "simulate_part"]


@dataclass(frozen=True)
class Part:
    """What a worker needs for one shard."""

    draft: store.Draft
    made_in: Matter | Absorber
    n_layers: int
    particle: str
    section: Simulate
    seed: int
    index: int


def simulate_part(part: Part) -> int:
    """Simulate and write one shard; returns its number of showers."""
    rows = part.draft.bounds("shower", part.index)
    numbers = np.arange(rows.start, rows.stop, dtype=np.uint64)
    part.draft.write("shower", part.index, make(part, numbers))
    return len(numbers)


def make(part: Part, numbers: NDArray[np.uint64]) -> dict[str, NDArray[np.float64]]:
    """Arrays of the showers of these numbers."""
    section = part.section
    angle, flat = section.stack.angle, section.spectrum == "flat"
    more = {}
    if isinstance(part.made_in, Absorber):
        hadronic = simulate_hadrons(
            part.made_in, part.particle, section.energy, part.seed, numbers, angle=angle, flat=flat
        )
        made = hadronic.showers
        more = {
            "outside": made.outside,
            "invisible": made.invisible,
            "electromagnetic": hadronic.electromagnetic,
        }
    else:
        task = part.made_in, part.n_layers, part.particle, section.energy, part.seed, numbers
        made = simulate(*task, angle=angle, flat=flat)
    return {
        "deposits": made.deposits,
        "energy": made.energy,
        "impact": made.impact,
        "leakage": made.leakage,
        **more,
    }
