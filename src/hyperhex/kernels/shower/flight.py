"""Flight of a particle through slabs: tables at its energy, planes ahead, the hinge of a step."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, uniform
from hyperhex.kernels.shower.direction import scattered
from hyperhex.kernels.shower.electrons import draw_deflection
from hyperhex.kernels.shower.matter import RANGE, Matter, Tally, grid_place, leave

__all__ = [
    "Place",
    "Track",
    "cross",
    "ends_here",
    "enter",
    "fly",
    "hinge",
    "lepton_value",
    "photon_value",
    "struck_charge",
    "to_plane",
]

Track = NDArray[np.float64]
Place = tuple[int, int, int, float]

_GRAZING = 1e-9


@inlined
def to_plane(matter: Matter, slab: int, track: Track) -> float:
    """Distance along the direction to the plane that bounds the slab [cm]."""
    if abs(track[5]) < _GRAZING:
        # so that the distance stays finite
        track[5] = _GRAZING
    plane = matter.planes[slab + 1] if track[5] > 0.0 else matter.planes[slab]
    return (plane - track[2]) / track[5]


@inlined
def lepton_value(matter: Matter, place: Place, column: int) -> float:
    """Value of a lepton table, linear in the energy; place is (material, side, point, fraction)."""
    material, side, point, fraction = place
    low = matter.leptons[material, side, point, column]
    return low + fraction * (matter.leptons[material, side, point + 1, column] - low)


@inlined
def photon_value(matter: Matter, material: int, point: int, fraction: float, column: int) -> float:
    """Value of a photon table, linear in the energy."""
    low = matter.photons[material, point, column]
    return low + fraction * (matter.photons[material, point + 1, column] - low)


@inlined
def struck_charge(matter: Matter, state: State, material: int) -> float:
    """Charge Z of the nucleus whose field a photon or an electron meets.

    Elements are drawn by their shares in 1/X0, whatever the energy.
    """
    # a pure element costs no random number
    if matter.shares[material, 0] >= 1.0:
        return matter.Z[material, 0]
    choice = uniform(state)
    last = 0
    while matter.shares[material, last] <= choice:
        last += 1
    return matter.Z[material, last]


@inlined
def fly(track: Track, distance: float) -> None:
    """Move along the direction."""
    track[0] += distance * track[3]
    track[1] += distance * track[4]
    track[2] += distance * track[5]


@inlined
def enter(matter: Matter, track: Track) -> bool:
    """Enter the next slab from the plane ahead; True if there the stack or the world ends."""
    slab = int(track[8])
    # exactly on the plane, whatever rounding made of the flight
    track[2] = matter.planes[slab + 1] if track[5] > 0.0 else matter.planes[slab]
    slab += 1 if track[5] > 0.0 else -1
    track[8] = slab
    aside = track[0] * track[0] + track[1] * track[1] > matter.radius * matter.radius
    return aside or slab < 0 or slab >= len(matter.materials)


@inlined
def cross(matter: Matter, tally: Tally, track: Track) -> bool:
    """Enter the next slab from the plane ahead; True if the particle leaves the stack there."""
    if not enter(matter, track):
        return False
    leave(tally, int(track[8]), len(matter.materials), track[6], track[7])
    return True


@inlined
def hinge(
    matter: Matter, state: State, track: Track, slab: int, step: float, lengths: float
) -> tuple[float, bool]:
    """Take a step of so many transport mean free paths; returns (cm travelled, met a plane).

    The particle flies a random part of the step, turns once, and flies the rest.
    """
    first = uniform(state) * step
    distance = to_plane(matter, slab, track)
    if first >= distance:
        fly(track, distance)
        return distance, True
    fly(track, first)
    deflection = draw_deflection(state, lengths)
    track[3], track[4], track[5] = scattered(state, track[3], track[4], track[5], deflection)
    distance = to_plane(matter, slab, track)
    if step - first >= distance:
        fly(track, distance)
        return first + distance, True
    fly(track, step - first)
    return step, False


@inlined
def ends_here(matter: Matter, track: Track, T: float, charge: float) -> bool:
    """Whether an electron of this energy can be absorbed: its range ends in this passive slab."""
    slab = int(track[8])
    material = matter.materials[slab]
    if matter.rejection <= T or material < 0 or matter.sensors[slab] >= 0:
        return False
    depth = min(track[2] - matter.planes[slab], matter.planes[slab + 1] - track[2])
    point, fraction = grid_place(T)
    place = (material, 0 if charge < 0.0 else 1, point, fraction)
    return lepton_value(matter, place, RANGE) < depth
