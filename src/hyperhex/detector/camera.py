"""Cameras of any pixel positions: hexagonal lattices, recognised or refused, and general graphs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.hexagonal.cleaning import tailcuts
from hyperhex.kernels.hexagonal.clusters import islands
from hyperhex.kernels.hexagonal.hillas import Hillas, hillas
from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3
from hyperhex.kernels.hexagonal.layout import MOST_RESIDUAL, Fit, fit_lattice
from hyperhex.kernels.hexagonal.lookup import lookup
from hyperhex.kernels.hexagonal.neighbours import dense_table, neighbourhood
from hyperhex.kernels.hexagonal.symmetry import symmetric_operations, symmetry_tables

__all__ = ["Camera", "IrregularCamera"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class _Pixels:
    """Pixels at positions (n, 2), in any unit of length; images are (m, n), pixels last."""

    positions: Floats

    def __post_init__(self) -> None:
        positions = np.array(self.positions, np.float64)
        if positions.ndim != 2 or positions.shape[1] != 2 or len(positions) < 2:
            msg = f"positions of shape {positions.shape} given, expected (n, 2) of 2 pixels or more"
            raise ValueError(msg)
        positions.setflags(write=False)
        object.__setattr__(self, "positions", positions)

    @property
    def n_cells(self) -> int:
        """Number of pixels."""
        return len(self.positions)

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Neighbours of each pixel, (n_cells, k), -1 for none."""
        raise NotImplementedError

    @property
    def area(self) -> float | Floats:
        """Area of the pixels, one for all or (n_cells,)."""
        raise NotImplementedError

    def clean(
        self,
        images: NDArray[Any],
        picture: ArrayLike,
        boundary: ArrayLike,
        *,
        keep_isolated: bool = False,
        min_picture_neighbours: int = 0,
    ) -> NDArray[np.bool_]:
        """Pixels of images (m, n_cells) that two-threshold cleaning keeps: see `tailcuts`."""
        kept: NDArray[np.bool_] = tailcuts(
            images,
            self.neighbours,
            picture,
            boundary,
            keep_isolated=keep_isolated,
            min_picture_neighbours=min_picture_neighbours,
        )
        return kept

    def islands(self, mask: NDArray[np.bool_]) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
        """Connected parts of masks (m, n_cells): labels, -1 outside, and numbers (m,)."""
        labels, number = islands(mask, self.neighbours)
        return labels, number

    def hillas(self, images: NDArray[Any], mask: NDArray[np.bool_] | None = None) -> Hillas:
        """Hillas parameters of images (m, n_cells), of the pixels in the mask."""
        x, y = self.positions.T
        return hillas(images, x, y, area=self.area, mask=mask)


@dataclass(frozen=True, eq=False)
class Camera(_Pixels):
    """Pixels on a hexagonal lattice of any pitch, rotation and outline, in any order.

    The lattice is found from the positions. Positions that are not on one within `most_residual`
    pitches are refused with a ValueError: they are an `IrregularCamera`.
    """

    most_residual: float = MOST_RESIDUAL

    def __post_init__(self) -> None:
        super().__post_init__()
        fit = self.lattice
        if not fit.residual <= self.most_residual:
            worst = int(np.argmax(np.abs(self.positions - self._places()).sum(axis=1)))
            msg = (
                f"{self.n_cells} positions given that are off the best hexagonal lattice, of pitch"
                f" {fit.pitch:.4g}, by up to {fit.residual:.3f} pitches (pixel {worst}),"
                f" expected at most {self.most_residual}: take IrregularCamera for a layout that"
                f" is no lattice"
            )
            raise ValueError(msg)
        # raises where two pixels stand on one place
        self._dense  # noqa: B018

    @cached_property
    def lattice(self) -> Fit:
        """Pitch, rotation, origin, axial coordinates of the pixels and residual of the lattice."""
        return fit_lattice(*self.positions.T)

    @property
    def pitch(self) -> float:
        """Distance of neighbouring pixels."""
        return self.lattice.pitch

    @property
    def axial(self) -> NDArray[np.int64]:
        """Axial coordinates (q, r) of the pixels, (n_cells, 2)."""
        return self.lattice.axial

    @property
    def area(self) -> float:
        """Area of a hexagon."""
        return HALF_SQRT3 * self.pitch**2

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """The six neighbours, counter-clockwise from the lattice's axis, -1 outside."""
        return np.ascontiguousarray(self.neighbourhood(1)[:, 1:])

    def neighbourhood(self, rings: int) -> NDArray[np.int32]:
        """Each pixel, then its neighbours ring by ring, -1 outside, (n_cells, 1 + 3R(R+1))."""
        table: NDArray[np.int32] = neighbourhood(self.axial, rings)
        return table

    def index(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int32]:
        """Pixels that hold points (n,), -1 outside; float32 points are placed in float32."""
        table, q0, r0 = self._dense
        kind = np.result_type(np.asarray(x), np.asarray(y), np.float32)
        x, y = np.asarray(x, kind), np.asarray(y, kind)
        fit = self.lattice
        cells: NDArray[np.int32] = lookup(
            x, y, fit.pitch, table, q0, r0, rotation=fit.rotation, origin=fit.origin
        )
        return cells

    @cached_property
    def operations(self) -> tuple[int, ...]:
        """Turns and reflections that map the camera onto itself: see `kernels.symmetry`."""
        return symmetric_operations(self.axial)

    @cached_property
    def symmetries(self) -> NDArray[np.int64]:
        """The twelve symmetries of the hexagon as permutations, (12, n_cells), or a ValueError."""
        return symmetry_tables(self.axial)

    @cached_property
    def _dense(self) -> tuple[NDArray[np.int32], int, int]:
        return dense_table(self.axial)

    def _places(self) -> Floats:
        """Places of the lattice where the pixels should stand, (n_cells, 2)."""
        fit = self.lattice
        q, r = fit.axial.T
        turn = fit.pitch * complex(math.cos(fit.rotation), math.sin(fit.rotation))
        place = complex(*fit.origin) + turn * (q + 0.5 * r + 1j * HALF_SQRT3 * r)
        return np.stack([place.real, place.imag], axis=1)


@dataclass(frozen=True, eq=False)
class IrregularCamera(_Pixels):
    """Pixels anywhere: rings of several sizes, strings of a telescope in ice, a square lattice.

    Neighbours are joined by an edge of the Delaunay triangulation that is no longer than `reach`
    times the distance from either end, whichever is greater, to its nearest pixel: at 1.4 a square
    lattice has no diagonals, and no edges join the far ends of the outline. `math.inf` keeps all.

    Parameters
    ----------
    positions : (n, 2), in any unit
    pixel_area : areas, one for all or (n,), in that unit squared; by default the square of the
        distance to the nearest pixel
    reach : longest edges
    """

    pixel_area: ArrayLike | None = None
    reach: float = 1.4

    @property
    def area(self) -> Floats:
        """Areas of the pixels, (n_cells,)."""
        given = self._nearest**2 if self.pixel_area is None else self.pixel_area
        return np.broadcast_to(np.asarray(given, np.float64), (self.n_cells,))

    @cached_property
    def neighbours(self) -> NDArray[np.int32]:
        """Neighbours counter-clockwise from +x, (n_cells, most), -1 where there are fewer."""
        pairs = self._edges()
        step = self.positions[pairs[:, 1]] - self.positions[pairs[:, 0]]
        angle = np.arctan2(step[:, 1], step[:, 0]) % (2.0 * math.pi)
        pairs = pairs[np.lexsort((angle, pairs[:, 0]))]
        number = np.bincount(pairs[:, 0], minlength=self.n_cells)
        first = np.cumsum(number) - number
        table = np.full((self.n_cells, max(1, int(number.max()))), -1, np.int32)
        table[pairs[:, 0], np.arange(len(pairs)) - first[pairs[:, 0]]] = pairs[:, 1]
        return table

    def index(self, x: ArrayLike, y: ArrayLike) -> NDArray[np.int32]:
        """Nearest pixels of points (n,), -1 where it is farther than 3/4 of the way to its next."""
        points = np.stack([np.asarray(x, np.float64), np.asarray(y, np.float64)], axis=1)
        distance, cell = self._tree.query(points)
        outside = distance > 0.75 * self._nearest[cell]
        return np.where(outside, -1, cell).astype(np.int32)

    @cached_property
    def _tree(self) -> Any:
        from scipy.spatial import cKDTree

        return cKDTree(self.positions)

    @cached_property
    def _nearest(self) -> Floats:
        """Distance of each pixel to the nearest other one."""
        distance: Floats = self._tree.query(self.positions, k=2)[0][:, 1]
        return distance

    def _edges(self) -> NDArray[np.int64]:
        """Pairs of neighbours in both directions, (edges, 2)."""
        from scipy.spatial import Delaunay, QhullError

        try:
            triangles = Delaunay(self.positions).simplices
        except (QhullError, ValueError) as error:
            msg = f"{self.n_cells} positions given, expected 3 or more that are not on a line"
            raise ValueError(msg) from error
        sides = np.concatenate([triangles[:, [a, b]] for a, b in ((0, 1), (1, 2), (2, 0))])
        pairs = np.unique(np.concatenate([sides, sides[:, ::-1]]), axis=0).astype(np.int64)
        length = np.hypot(*(self.positions[pairs[:, 0]] - self.positions[pairs[:, 1]]).T)
        near = length <= self.reach * self._nearest[pairs].max(axis=1)
        joined: NDArray[np.int64] = pairs[near]
        return joined
