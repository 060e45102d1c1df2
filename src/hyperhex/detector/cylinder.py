"""The barrel of the detector: hexagonal cells in (eta, phi), closed in phi."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import ceil, pi

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.hexagonal.cylinder import nearest_cells
from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3
from hyperhex.kernels.hexagonal.neighbours import cylinder_neighbourhood

__all__ = ["Cylinder"]


@dataclass(frozen=True)
class Cylinder:
    """Hexagons of equal size in (eta, phi), a whole number `around` of them in every row.

    Rows of constant eta are sqrt(3)/2 pitch apart, odd rows shifted by half a pitch; cell =
    row * around + column. A point with |eta| <= `eta_max` belongs to the nearest centre.
    """

    around: int
    eta_max: float

    @property
    def pitch(self) -> float:
        """Distance between the centres of neighbours [rad]."""
        return 2.0 * pi / self.around

    @property
    def row_spacing(self) -> float:
        """Distance between rows in eta."""
        return self.pitch * HALF_SQRT3

    @property
    def n_rows(self) -> int:
        """Fewest rows whose bands cover |eta| <= eta_max."""
        return max(1, ceil(2.0 * self.eta_max / self.row_spacing))

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return self.n_rows * self.around

    @cached_property
    def eta(self) -> NDArray[np.float64]:
        """Centres in eta, shape (n_cells,)."""
        rows = np.arange(self.n_rows) - 0.5 * (self.n_rows - 1)
        return np.repeat(rows * self.row_spacing, self.around)

    @cached_property
    def phi(self) -> NDArray[np.float64]:
        """Centres in phi from -pi to pi, shape (n_cells,) [rad]."""
        columns = np.arange(self.around) + 0.5 * (np.arange(self.n_rows)[:, None] % 2)
        return (columns * self.pitch - pi).ravel()

    def index(self, eta: ArrayLike, phi: ArrayLike) -> NDArray[np.int32]:
        """Cells of points (n,), -1 beyond eta_max."""
        return nearest_cells(
            np.asarray(eta, np.float64).ravel(),
            np.asarray(phi, np.float64).ravel(),
            self.around,
            self.n_rows,
            self.eta_max,
        )

    def offset(
        self, cell: NDArray[np.int32], eta: ArrayLike, phi: ArrayLike
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Differences in eta and phi of points from the centres of cells, phi the short way."""
        dphi = (np.asarray(phi) - self.phi[cell] + pi) % (2.0 * pi) - pi
        return np.asarray(eta) - self.eta[cell], dphi

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Neighbours counter-clockwise from +phi, shape (n_cells, 6), -1 beyond the last row."""
        return np.ascontiguousarray(self.neighbourhood(1)[:, 1:])

    def neighbourhood(self, rings: int) -> NDArray[np.int32]:
        """Each cell and its neighbours ring by ring, -1 beyond the rows, (n_cells, 1 + 3R(R+1))."""
        table: NDArray[np.int32] = cylinder_neighbourhood(self.around, self.n_rows, rings)
        return table
