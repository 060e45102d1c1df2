"""Cones in (eta, phi): sums and nearest neighbours among the members of the same event."""

from __future__ import annotations

from math import pi, sqrt

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled

__all__ = ["closest", "cone_sums", "distance"]

Floats = NDArray[np.float64]
Rows = NDArray[np.int64]


@compiled
def distance(eta_1: float, phi_1: float, eta_2: float, phi_2: float) -> float:
    """Distance dR = sqrt(d_eta^2 + d_phi^2) with d_phi in [-pi, pi) [rad]."""
    dphi = (phi_1 - phi_2 + pi) % (2.0 * pi) - pi
    return sqrt((eta_1 - eta_2) ** 2 + dphi**2)


@compiled
def _fill_sums(
    event: NDArray[np.int32],
    eta: Floats,
    phi: Floats,
    first: Rows,
    other_eta: Floats,
    other_phi: Floats,
    values: Floats,
    radius: float,
    sums: Floats,
) -> None:
    for i in range(len(event)):
        for j in range(first[event[i]], first[event[i] + 1]):
            if distance(eta[i], phi[i], other_eta[j], other_phi[j]) < radius:
                sums[i] += values[j]


def cone_sums(
    event: NDArray[np.int32],
    eta: Floats,
    phi: Floats,
    first: Rows,
    other_eta: Floats,
    other_phi: Floats,
    values: Floats,
    radius: float,
) -> Floats:
    """Sums of `values` over the others within `radius` of each axis (n,) of the same event.

    The others of event e are rows first[e] to first[e + 1].
    """
    sums = np.zeros(len(event), np.float64)
    _fill_sums(event, eta, phi, first, other_eta, other_phi, values, radius, sums)
    return sums


@compiled
def _fill_closest(
    event: NDArray[np.int32],
    eta: Floats,
    phi: Floats,
    first: Rows,
    other_eta: Floats,
    other_phi: Floats,
    row: Rows,
    nearest: Floats,
) -> None:
    for i in range(len(event)):
        for j in range(first[event[i]], first[event[i] + 1]):
            apart = distance(eta[i], phi[i], other_eta[j], other_phi[j])
            if apart < nearest[i]:
                row[i] = j
                nearest[i] = apart


def closest(
    event: NDArray[np.int32],
    eta: Floats,
    phi: Floats,
    first: Rows,
    other_eta: Floats,
    other_phi: Floats,
) -> tuple[Rows, Floats]:
    """Row (-1 if none) and distance (infinite if none) of the nearest other of the same event."""
    row = np.full(len(event), -1, np.int64)
    nearest = np.full(len(event), np.inf, np.float64)
    _fill_closest(event, eta, phi, first, other_eta, other_phi, row, nearest)
    return row, nearest
