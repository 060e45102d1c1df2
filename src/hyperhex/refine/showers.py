"""Showers with what a test beam knows about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

__all__ = ["Showers", "join", "split"]


@dataclass(frozen=True)
class Showers:
    """Showers of particles of known kind, energy and impact point.

    cells: (n, n_layers, n_cells) [MIP], zero below the threshold; energy: (n,) [GeV];
    impact: (n, 2) in the central cell [cm]; particle: (n,) index.
    """

    cells: NDArray[np.floating]
    energy: NDArray[np.floating]
    impact: NDArray[np.floating]
    particle: NDArray[np.integer]

    def __len__(self) -> int:
        return len(self.energy)

    def pick(self, chosen: NDArray[np.integer] | NDArray[np.bool_]) -> Showers:
        """Some of the showers."""
        return Showers(*(getattr(self, field.name)[chosen] for field in fields(self)))

    def with_cells(self, cells: NDArray[np.floating]) -> Showers:
        """The same particles with other deposits."""
        return Showers(cells, self.energy, self.impact, self.particle)


def join(parts: Sequence[Showers]) -> Showers:
    """All showers in one."""
    names = [field.name for field in fields(Showers)]
    return Showers(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))


def split(
    showers: Showers, held_out: float, stream: np.random.Generator
) -> tuple[Showers, Showers]:
    """Showers to learn from and, a random share `held_out`, showers to judge by."""
    order = stream.permutation(len(showers))
    cut = len(showers) - max(1, round(held_out * len(showers)))
    return showers.pick(np.sort(order[:cut])), showers.pick(np.sort(order[cut:]))
