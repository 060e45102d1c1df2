"""The hexagonal lattice on which the cells of a camera stand, found from their positions."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from hyperhex.kernels.hexagonal.lattice import HALF_SQRT3, axial_of_points

__all__ = ["MOST_RESIDUAL", "Fit", "fit_lattice"]

Floats = NDArray[np.float64]

# real cameras stay below 0.009 of a pitch, and layouts that are no lattices go to 0.5
MOST_RESIDUAL = 0.05
# cells from whose nearest neighbours the pitch is first taken
SAMPLE = 64


class Fit(NamedTuple):
    """Lattice fitted to cells: position = origin + turn(rotation) centre_of_axial(axial, pitch)."""

    pitch: float  #: distance of neighbours, in the unit of the positions
    rotation: float  #: counter-clockwise angle of the lattice, in (-pi/6, pi/6] [rad]
    origin: tuple[float, float]  #: position of cell (0, 0), the one nearest to the mean position
    axial: NDArray[np.int64]  #: (n, 2) coordinates of the cells
    residual: float  #: greatest distance of a cell from its place, in pitches


def fit_lattice(x: ArrayLike, y: ArrayLike) -> Fit:
    """The hexagonal lattice that fits positions (n,) best, n >= 2, whatever its residual.

    Pitch and angle of the nearest neighbours begin it; least squares over the cells about the
    middle, then over ever more of them, improve it, so that small errors do not add up to a cell.
    A mirrored, stretched or sheared lattice is not looked for: its residual tells.

    >>> from hyperhex.kernels.hexagonal.lattice import axial_rings, centre_of_axial
    >>> x, y = centre_of_axial(axial_rings(3), 5.0).T
    >>> fit = fit_lattice(x + 1.0, y)
    >>> round(fit.pitch, 9), abs(round(fit.rotation, 9)), fit.residual < 1e-12
    (5.0, 0.0, True)
    """
    place = np.asarray(x, np.float64) + 1j * np.asarray(y, np.float64)
    if place.ndim != 1 or len(place) < 2 or not np.isfinite(place).all():
        msg = f"positions of shape {place.shape} given, expected two or more finite ones (n,)"
        raise ValueError(msg)
    middle = place[np.argmin(np.abs(place - place.mean()))]
    distance = np.abs(place - middle)
    turn = _nearest_step(place, distance)
    origin = middle
    reach = 2.5 * abs(turn)
    while True:
        inside = distance <= reach
        turn, origin = _improved(place[inside], turn, origin)
        if inside.all():
            break
        reach *= 1.5
    axial = _axial(place, turn, origin)
    residual = np.abs(place - origin - turn * _complex(axial)).max() / abs(turn)
    rotation = math.remainder(math.atan2(turn.imag, turn.real), math.pi / 3.0)
    axial = _turned(place, abs(turn), rotation, origin)
    return Fit(abs(turn), rotation, (origin.real, origin.imag), axial, float(residual))


def _nearest_step(place: NDArray[np.complex128], distance: Floats) -> complex:
    """Step to a neighbour: the usual nearest distance, and the mean angle modulo 60 degrees."""
    sample = np.argsort(distance, kind="stable")[:SAMPLE]
    steps = place[None, :] - place[sample, None]
    steps[np.arange(len(sample)), sample] = np.inf
    nearest = steps[np.arange(len(sample)), np.abs(steps).argmin(axis=1)]
    pitch = float(np.median(np.abs(nearest)))
    if not pitch > 0.0:
        msg = "positions of which most coincide given, expected one position a cell"
        raise ValueError(msg)
    angle = np.angle(np.sum((nearest / pitch) ** 6)) / 6.0
    return complex(pitch * np.exp(1j * angle))


def _complex(axial: NDArray[np.int64]) -> NDArray[np.complex128]:
    """Centres of cells of pitch 1 in the complex plane."""
    q, r = axial[:, 0], axial[:, 1]
    centre: NDArray[np.complex128] = q + 0.5 * r + 1j * HALF_SQRT3 * r
    return centre


def _axial(place: NDArray[np.complex128], turn: complex, origin: complex) -> NDArray[np.int64]:
    about = (place - origin) / turn
    return axial_of_points(about.real, about.imag, 1.0)


def _improved(
    place: NDArray[np.complex128], turn: complex, origin: complex
) -> tuple[complex, complex]:
    """Least squares of place = origin + turn * centre, the cells being the nearest ones."""
    centre = _complex(_axial(place, turn, origin))
    mean_centre, mean_place = centre.mean(), place.mean()
    about = centre - mean_centre
    norm = np.vdot(about, about).real
    if norm == 0.0:
        return turn, origin
    better = complex(np.vdot(about, place - mean_place) / norm)
    if not 0.8 < abs(better) / abs(turn) < 1.25:
        # no lattice: keep what there is, the residual will tell
        better = turn
    return better, complex(mean_place - better * mean_centre)


def _turned(
    place: NDArray[np.complex128], pitch: float, rotation: float, origin: complex
) -> NDArray[np.int64]:
    return _axial(place, pitch * complex(math.cos(rotation), math.sin(rotation)), origin)
