"""Missing energy, HT and angles of an event, and the region in which the search takes place."""

from __future__ import annotations

from dataclasses import dataclass
from math import pi

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Region

__all__ = ["Totals", "effective_number", "in_region", "min_dphi", "missing", "scalar_sum"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Totals:
    """Sums over an event, each (n_events,): GeV and rad."""

    met: Floats
    met_phi: Floats
    ht: Floats
    min_dphi: Floats


def missing(
    parts: list[tuple[NDArray[np.int32], Floats, Floats]], events: int
) -> tuple[Floats, Floats]:
    """Missing transverse energy and its direction, minus the vector sum of all that is visible.

    Each part is event (n,), pT (n,) [GeV], which may be negative for a correction, and phi (n,).
    """
    x = -sum(np.bincount(event, pt * np.cos(phi), events) for event, pt, phi in parts)
    y = -sum(np.bincount(event, pt * np.sin(phi), events) for event, pt, phi in parts)
    return np.hypot(x, y), np.arctan2(y, x)


def scalar_sum(event: NDArray[np.int32], pt: Floats, events: int) -> Floats:
    """Scalar sum of pT per event, (n_events,) [GeV]."""
    return np.bincount(event, pt, events).astype(np.float64)


def min_dphi(
    event: NDArray[np.int32], pt: Floats, phi: Floats, met_phi: Floats, leading: int
) -> Floats:
    """Least angle of the `leading` jets to the missing energy, (n_events,) [rad]; pi if none."""
    order = np.lexsort((-pt, event))
    rank = np.arange(len(order)) - np.searchsorted(event[order], event[order])
    chosen = order[rank < leading]
    apart = np.abs((phi[chosen] - met_phi[event[chosen]] + pi) % (2 * pi) - pi)
    least = np.full(len(met_phi), pi)
    np.minimum.at(least, event[chosen], apart)
    return least


def in_region(totals: Totals, region: Region) -> NDArray[np.bool_]:
    """Events of the region, (n_events,)."""
    inside = (totals.ht >= region.ht) & (totals.met >= region.met)
    inside &= totals.min_dphi > region.min_dphi
    if region.ht_max is not None:
        inside &= totals.ht < region.ht_max
    if region.met_max is not None:
        inside &= totals.met < region.met_max
    return inside


def effective_number(weight: Floats) -> float:
    """Effective number of events, (sum w)^2 / sum w^2."""
    squares = float(np.sum(weight**2))
    return float(np.sum(weight)) ** 2 / squares if squares > 0 else 0.0
