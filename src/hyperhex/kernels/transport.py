"""Transport of photons, electrons and positrons through a stack of slabs, one shower at a time.

Class II condensed history (Berger 1963): hard radiation and knock-on electrons one by one, softer
ones as continuous loss, elastic scattering by a random hinge (Fernandez-Varea et al., Nucl. Instrum.
Methods B 73 (1993) 447). A step that meets a plane ends there, so boundaries are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled
from hyperhex.kernels.constants import ELECTRON_MASS
from hyperhex.kernels.counter import State, begin, exponential, normal, uniform, unit_circle
from hyperhex.kernels.electrons import draw_deflection
from hyperhex.kernels.interactions import (
    annihilate,
    annihilate_at_rest,
    compton,
    knock_on,
    materialise,
    photoelectric,
    radiate,
)
from hyperhex.kernels.matter import (
    N_BOOKS,
    STEPS,
    Matter,
    Pile,
    Tally,
    deposit,
    grid_place,
    leave,
    push,
    turned,
)

__all__ = ["shower", "showers"]

Place = tuple[int, int, int, float]

_GRAZING = 1e-9
_PILE = 4096


@compiled
def _to_plane(matter: Matter, slab: int, z: float, uz: float) -> float:
    """Distance along the direction to the plane that bounds the slab [cm]."""
    plane = matter.planes[slab + 1] if uz > 0.0 else matter.planes[slab]
    return (plane - z) / uz


@compiled
def _lepton(matter: Matter, place: Place, column: int) -> float:
    """Value of a lepton table, linear in the energy; place is (material, side, point, fraction)."""
    material, side, point, fraction = place
    low = matter.leptons[material, side, point, column]
    return low + fraction * (matter.leptons[material, side, point + 1, column] - low)


@compiled
def _photon(matter: Matter, material: int, point: int, fraction: float, column: int) -> float:
    """Value of a photon table, linear in the energy."""
    low = matter.photons[material, point, column]
    return low + fraction * (matter.photons[material, point + 1, column] - low)


@compiled
def follow_photon(
    matter: Matter, tally: Tally, pile: Pile, state: State, track: NDArray[np.float64]
) -> None:
    """Follow a photon to its end: it passes slabs until its free paths are used up."""
    n_slabs = len(matter.materials)
    limit2 = matter.radius * matter.radius
    while track[6] > matter.photon_cut:
        slab = int(track[8])
        x, y, z, ux, uy, uz = track[0], track[1], track[2], track[3], track[4], track[5]
        if abs(uz) < _GRAZING:
            uz = _GRAZING
        ahead = 1 if uz > 0.0 else -1
        point, fraction = grid_place(track[6])
        paths = exponential(state)
        while True:
            tally.books[STEPS] += 1.0
            distance = _to_plane(matter, slab, z, uz)
            material = matter.materials[slab]
            if material >= 0:
                total = _photon(matter, material, point, fraction, 0)
                if total * distance > paths:
                    break
                paths -= total * distance
            x += distance * ux
            y += distance * uy
            z = matter.planes[slab + 1] if ahead > 0 else matter.planes[slab]
            slab += ahead
            if slab < 0 or slab >= n_slabs:
                leave(tally, slab, n_slabs, track[6], 0.0)
                return
        distance = paths / total
        x += distance * ux
        y += distance * uy
        if x * x + y * y > limit2:
            leave(tally, slab, n_slabs, track[6], 0.0)
            return
        track[0], track[1], track[2], track[8] = x, y, z + distance * uz, slab
        choice = uniform(state)
        if choice < _photon(matter, material, point, fraction, 1):
            materialise(matter, tally, pile, state, track, matter.Z[material])
            return
        if choice >= _photon(matter, material, point, fraction, 2):
            photoelectric(matter, tally, pile, state, track)
            return
        compton(matter, tally, pile, state, track)
    deposit(matter, tally, int(track[8]), track[0], track[1], track[6])


@compiled
def _straggled(
    matter: Matter, state: State, place: Place, T: float, charge: float, length: float
) -> float:
    """Energy lost along a length in a sensor [GeV], with the fluctuations that make a Landau peak.

    Knock-on electrons between the straggling cut and the transport's own are drawn one by one from
    1/w^2 and stay here; the rest fluctuates as a normal number of variance (2 pi re^2 m n/b^2) cut.
    """
    loss = _lepton(matter, place, 8) * length + math.sqrt(
        _lepton(matter, place, 7) * length
    ) * normal(state)
    largest = min(matter.knock_on_cut, 0.5 * T if charge < 0.0 else T)
    least = matter.straggling_cut
    if largest > least:
        expected = _lepton(matter, place, 6) * length
        passed = exponential(state)
        while passed < expected:
            loss += least / (1.0 - uniform(state) * (1.0 - least / largest))
            passed += exponential(state)
    return max(0.0, loss)


@compiled
def _stop(
    matter: Matter, tally: Tally, pile: Pile, state: State, track: NDArray[np.float64]
) -> None:
    """Leave the remaining energy here; a positron annihilates."""
    deposit(matter, tally, int(track[8]), track[0], track[1], track[6])
    if track[7] > 0.0:
        annihilate_at_rest(matter, tally, pile, state, track)


@compiled
def _interact(
    matter: Matter,
    tally: Tally,
    pile: Pile,
    state: State,
    track: NDArray[np.float64],
    place: Place,
) -> bool:
    """Do one hard interaction; False if the particle is gone."""
    choice = uniform(state)
    if choice < _lepton(matter, place, 1):
        if track[6] > matter.photon_cut:
            radiate(matter, tally, pile, state, track, matter.Z[matter.materials[int(track[8])]])
        return True
    if choice < _lepton(matter, place, 2):
        most = 0.5 * track[6] if track[7] < 0.0 else track[6]
        if most > matter.knock_on_cut:
            knock_on(matter, tally, pile, state, track)
        return True
    annihilate(matter, tally, pile, state, track)
    return False


@compiled
def follow_electron(
    matter: Matter, tally: Tally, pile: Pile, state: State, track: NDArray[np.float64]
) -> None:
    """Follow an electron or positron until it stops, leaves or annihilates."""
    n_slabs = len(matter.materials)
    limit2 = matter.radius * matter.radius
    charge = track[7]
    side = 0 if charge < 0.0 else 1
    paths = exponential(state)
    while track[6] > matter.electron_cut:
        tally.books[STEPS] += 1.0
        slab = int(track[8])
        if abs(track[5]) < _GRAZING:
            track[5] = _GRAZING
        distance = _to_plane(matter, slab, track[2], track[5])
        material = matter.materials[slab]
        crosses = material < 0
        if not crosses:
            T = track[6]
            point, fraction = grid_place(T)
            place = (material, side, point, fraction)
            if T < matter.rejection and matter.sensors[slab] < 0:
                depth = min(track[2] - matter.planes[slab], matter.planes[slab + 1] - track[2])
                if _lepton(matter, place, 5) < depth:
                    break
            collisions = _lepton(matter, place, 0)
            scatterings = _lepton(matter, place, 4)
            slope = _lepton(matter, place, 3)
            step = min(matter.step_loss * T / slope, matter.step_scattering / scatterings)
            hard = paths <= step * collisions
            if hard:
                step = paths / collisions
            length = uniform(state) * step
            crosses = length >= distance
            if not crosses:
                track[0] += length * track[3]
                track[1] += length * track[4]
                track[2] += length * track[5]
                a, b = unit_circle(state)
                cos = 1.0 - draw_deflection(state, step * scatterings)
                track[3], track[4], track[5] = turned(track[3], track[4], track[5], cos, a, b)
                if abs(track[5]) < _GRAZING:
                    track[5] = _GRAZING
                distance = _to_plane(matter, slab, track[2], track[5])
                crosses = step - length >= distance
                travelled = length + min(distance, step - length)
                distance = min(distance, step - length)
            else:
                travelled = distance
            if matter.sensors[slab] >= 0:
                loss = _straggled(matter, state, place, T, charge, travelled)
            else:
                loss = slope * travelled
            loss = min(loss, T)
            deposit(matter, tally, slab, track[0], track[1], loss)
            track[6] = T - loss
            paths -= collisions * travelled
        track[0] += distance * track[3]
        track[1] += distance * track[4]
        if crosses:
            ahead = 1 if track[5] > 0.0 else -1
            track[2] = matter.planes[slab + 1] if ahead > 0 else matter.planes[slab]
            slab += ahead
            track[8] = slab
            outside = track[0] * track[0] + track[1] * track[1] > limit2
            if slab < 0 or slab >= n_slabs or outside:
                leave(tally, slab, n_slabs, track[6], charge)
                return
        else:
            track[2] += distance * track[5]
            if hard and track[6] > matter.electron_cut:
                if not _interact(matter, tally, pile, state, track, place):
                    return
                paths = exponential(state)
    _stop(matter, tally, pile, state, track)


@compiled
def shower(
    matter: Matter,
    tally: Tally,
    pile: Pile,
    state: State,
    start: NDArray[np.float64],
) -> None:
    """Follow a particle and all that comes from it; adds to the tally."""
    track = np.empty(9)
    pile.count[0] = 0
    push(pile, tally, start, (start[3], start[4], start[5]), start[6], start[7])
    while pile.count[0] > 0:
        pile.count[0] -= 1
        for i in range(9):
            track[i] = pile.tracks[pile.count[0], i]
        if track[7] == 0.0:
            follow_photon(matter, tally, pile, state, track)
        else:
            follow_electron(matter, tally, pile, state, track)


@compiled
def showers(
    matter: Matter,
    starts: NDArray[np.float64],
    seed: np.uint64,
    numbers: NDArray[np.uint64],
    deposits: NDArray[np.float64],
    books: NDArray[np.float64],
) -> None:
    """Showers of particles (n, 9), each from the stream of its own number.

    Fills deposits (n, layers, cells) [GeV] and books (n, N_BOOKS).
    """
    state = np.empty(2, dtype=np.uint64)
    pile = Pile(np.empty((_PILE, 9)), np.zeros(1, dtype=np.int64))
    for i in range(len(starts)):
        begin(state, seed, numbers[i])
        tally = Tally(deposits[i], books[i])
        shower(matter, tally, pile, state, starts[i])
