"""A hexagonal patch of hexagonal cells, with its neighbours and the symmetries of the lattice."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.hexagonal import lattice
from hyperhex.kernels.hexagonal.neighbours import neighbourhood
from hyperhex.kernels.hexagonal.symmetry import symmetry_tables

__all__ = ["Patch"]


@dataclass(frozen=True)
class Patch:
    """R rings of hexagonal cells about a central one, ring by ring, counter-clockwise.

    A smaller patch is a prefix of a larger one.

    Parameters
    ----------
    rings : number of rings about the central cell, R >= 0
    pitch : flat-to-flat width of a cell, the distance of neighbouring centres [cm]
    """

    rings: int
    pitch: float

    def __post_init__(self) -> None:
        if self.rings < 0 or not self.pitch > 0:
            msg = (
                f"a patch has rings >= 0 and pitch > 0, not rings={self.rings}, pitch={self.pitch}"
            )
            raise ValueError(msg)

    @property
    def n_cells(self) -> int:
        """Number of cells, 1 + 3 R (R + 1)."""
        return 1 + 3 * self.rings * (self.rings + 1)

    @cached_property
    def axial(self) -> NDArray[np.int64]:
        """Axial coordinates (q, r) of the cells, (n_cells, 2)."""
        return lattice.axial_rings(self.rings)

    @cached_property
    def positions(self) -> NDArray[np.float64]:
        """Centres (x, y) of the cells, (n_cells, 2) [cm]."""
        return lattice.centre_of_axial(self.axial, self.pitch)

    @cached_property
    def ring(self) -> NDArray[np.int64]:
        """Ring of each cell, its distance from the centre in cells, (n_cells,)."""
        q, r = self.axial.T
        distance: NDArray[np.int64] = np.stack([np.abs(q), np.abs(r), np.abs(q + r)]).max(axis=0)
        return distance

    @cached_property
    def table(self) -> NDArray[np.int32]:
        """Index of cell (q, r) at [q + R, r + R], -1 where there is none, (2R+1, 2R+1)."""
        table = np.full((2 * self.rings + 1,) * 2, -1, dtype=np.int32)
        q, r = self.axial.T + self.rings
        table[q, r] = np.arange(self.n_cells)
        return table

    @cached_property
    def neighbours(self) -> NDArray[np.int64]:
        """The six neighbours of each cell, counter-clockwise from +x, -1 outside, (n_cells, 6)."""
        return self.neighbourhood(1)[:, 1:].astype(np.int64)

    def neighbourhood(self, rings: int) -> NDArray[np.int32]:
        """Each cell, then its neighbours ring by ring, -1 outside, (n_cells, 1 + 3R(R+1))."""
        table: NDArray[np.int32] = neighbourhood(self.axial, rings)
        return table

    @cached_property
    def symmetries(self) -> NDArray[np.int64]:
        """The twelve symmetries of the hexagon (D6) as permutations of cells, (12, n_cells).

        `deposits[..., symmetries[k]]` is the shower moved by `symmetry_matrices[k]`: its cell i
        holds what fell into the cell that k moves to i. Identity first, then the turns by 60
        degrees, then the six reflections.
        """
        return symmetry_tables(self.axial)

    @cached_property
    def symmetry_matrices(self) -> NDArray[np.float64]:
        """The same twelve operations on points (x, y), orthogonal, (12, 2, 2)."""
        angles = np.arange(6) * np.pi / 3
        cos, sin = np.cos(angles), np.sin(angles)
        turns = np.stack([np.stack([cos, -sin], -1), np.stack([sin, cos], -1)], axis=1)
        return np.concatenate([turns, np.diag([1.0, -1.0]) @ turns])

    def index(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int64]:
        """Cell that holds the point (x, y) [cm], -1 outside the patch; any shape, also scalars."""
        x, y = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
        return self._find(lattice.axial_of_points(x, y, self.pitch))[()]

    def _find(self, axial: NDArray[np.int64]) -> NDArray[np.int64]:
        """Find the indices of cells given by axial coordinates (..., 2), -1 outside."""
        q, r = axial[..., 0] + self.rings, axial[..., 1] + self.rings
        inside = (q >= 0) & (q < len(self.table)) & (r >= 0) & (r < len(self.table))
        found = self.table[np.where(inside, q, 0), np.where(inside, r, 0)]
        return np.where(inside, found, -1).astype(np.int64)
