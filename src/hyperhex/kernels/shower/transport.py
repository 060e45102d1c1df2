"""Transport of photons, electrons and positrons through a stack of slabs, one shower at a time.

Class II condensed history (Berger 1963): hard radiation and knock-on electrons one by one, softer
ones as continuous loss, elastic scattering by a random hinge (Fernandez-Varea et al., Nucl.
Instrum. Methods B 73 (1993) 447). A step that meets a plane ends there: boundaries are exact.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined, uncounted
from hyperhex.kernels.counter import State, begin, exponential, normal, uniform
from hyperhex.kernels.shower.flight import (
    Place,
    Track,
    cross,
    ends_here,
    fly,
    hinge,
    lepton_value,
    photon_value,
    struck_charge,
    to_plane,
)
from hyperhex.kernels.shower.interactions import (
    annihilate,
    annihilate_at_rest,
    compton,
    knock_on,
    materialise,
    photoelectric,
    radiate,
)
from hyperhex.kernels.shower.matter import (
    ATTENUATION,
    ELECTRON_STEPS,
    HARD,
    KNOCKS,
    LOSS,
    PAIR,
    PAIR_OR_COMPTON,
    PHOTON_STEPS,
    QUIET_LOSS,
    RADIATION,
    RADIATION_OR_KNOCK,
    SCATTERING,
    STEP,
    VARIANCE,
    Matter,
    Pile,
    Tally,
    deposit,
    grid_place,
    push,
)

__all__ = ["showers"]


@inlined
def _next_collision(matter: Matter, tally: Tally, state: State, track: Track) -> bool:
    """Fly a photon through slabs until its free paths are used up; False if it leaves."""
    point, fraction = grid_place(track[6])
    paths = exponential(state)
    while True:
        tally.books[PHOTON_STEPS] += 1.0
        slab = int(track[8])
        distance = to_plane(matter, slab, track)
        material = matter.materials[slab]
        if material >= 0:
            total = photon_value(matter, material, point, fraction, ATTENUATION)
            if total * distance > paths:
                fly(track, paths / total)
                return True
            paths -= total * distance
        fly(track, distance)
        if cross(matter, tally, track):
            return False


@inlined
def follow_photon(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Follow a photon until it is absorbed, leaves, or falls below its cut."""
    while track[6] > matter.photon_cut:
        point, fraction = grid_place(track[6])
        if not _next_collision(matter, tally, state, track):
            return
        material = matter.materials[int(track[8])]
        choice = uniform(state)
        if choice < photon_value(matter, material, point, fraction, PAIR):
            Z = struck_charge(matter, state, material)
            materialise(matter, tally, pile, state, track, Z)
            return
        if choice >= photon_value(matter, material, point, fraction, PAIR_OR_COMPTON):
            photoelectric(matter, tally, pile, state, track)
            return
        compton(matter, tally, pile, state, track)
    deposit(matter, tally, int(track[8]), track[0], track[1], track[6])


@inlined
def _straggled(matter: Matter, state: State, place: Place, track: Track, length: float) -> float:
    """Energy lost along a length in a sensor [GeV], with the fluctuations that make a Landau peak.

    Knock-on electrons between the straggling cut and the transport's own are drawn one by one from
    1/w^2 and stay here; the rest fluctuates as a normal number of variance (2 pi re^2 m n/b^2) cut.
    """
    spread = math.sqrt(lepton_value(matter, place, VARIANCE) * length)
    loss = lepton_value(matter, place, QUIET_LOSS) * length + spread * normal(state)
    largest = min(matter.knock_on_cut, 0.5 * track[6] if track[7] < 0.0 else track[6])
    least = matter.straggling_cut
    if largest > least:
        expected = lepton_value(matter, place, KNOCKS) * length
        passed = exponential(state)
        while passed < expected:
            loss += least / (1.0 - uniform(state) * (1.0 - least / largest))
            passed += exponential(state)
    return max(0.0, loss)


@inlined
def _stop(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Leave the remaining energy here; a positron annihilates."""
    deposit(matter, tally, int(track[8]), track[0], track[1], track[6])
    if track[7] > 0.0:
        annihilate_at_rest(matter, tally, pile, state, track)


@inlined
def _interact(
    matter: Matter,
    tally: Tally,
    pile: Pile,
    state: State,
    track: Track,
    place: Place,
) -> bool:
    """Do one hard interaction; False if the particle is gone."""
    choice = uniform(state)
    if choice < lepton_value(matter, place, RADIATION):
        if track[6] > matter.photon_cut:
            Z = struck_charge(matter, state, place[0])
            radiate(matter, tally, pile, state, track, Z)
        return True
    if choice < lepton_value(matter, place, RADIATION_OR_KNOCK):
        most = 0.5 * track[6] if track[7] < 0.0 else track[6]
        if most > matter.knock_on_cut:
            knock_on(matter, tally, pile, state, track)
        return True
    annihilate(matter, tally, pile, state, track)
    return False


@inlined
def follow_electron(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Follow an electron or positron until it stops, leaves or annihilates."""
    side = 0 if track[7] < 0.0 else 1
    paths = exponential(state)
    while track[6] > matter.electron_cut:
        tally.books[ELECTRON_STEPS] += 1.0
        slab = int(track[8])
        material = matter.materials[slab]
        if material < 0:
            fly(track, to_plane(matter, slab, track))
            if cross(matter, tally, track):
                return
            continue
        point, fraction = grid_place(track[6])
        place = (material, side, point, fraction)
        if ends_here(matter, track, track[6], track[7]):
            break
        hard = lepton_value(matter, place, HARD)
        scattering = lepton_value(matter, place, SCATTERING)
        slope = lepton_value(matter, place, LOSS)
        step = lepton_value(matter, place, STEP)
        collides = paths <= step * hard
        if collides:
            step = paths / hard
        travelled, crosses = hinge(matter, state, track, slab, step, step * scattering)
        if matter.sensors[slab] >= 0:
            loss = _straggled(matter, state, place, track, travelled)
        else:
            loss = slope * travelled
        loss = min(loss, track[6])
        deposit(matter, tally, slab, track[0], track[1], loss)
        track[6] -= loss
        paths -= hard * travelled
        if crosses:
            if cross(matter, tally, track):
                return
        elif collides and track[6] > matter.electron_cut:
            if not _interact(matter, tally, pile, state, track, place):
                return
            paths = exponential(state)
    _stop(matter, tally, pile, state, track)


@inlined
def empty(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Follow all particles of the pile and all that comes from them; adds to the tally."""
    while pile.height[0] > 0:
        pile.height[0] -= 1
        for i in range(9):
            track[i] = pile.tracks[pile.height[0], i]
        if track[7] == 0.0:
            follow_photon(matter, tally, pile, state, track)
        else:
            follow_electron(matter, tally, pile, state, track)


@uncounted
def showers(
    matter: Matter,
    starts: NDArray[np.float64],
    ends: NDArray[np.int64],
    seed: np.uint64,
    numbers: NDArray[np.uint64],
    deposits: NDArray[np.float64],
    books: NDArray[np.float64],
    pile: Pile,
    state: State,
) -> None:
    """Showers, each of the particles starts[ends[i-1]:ends[i]] and from the stream of its number.

    Adds to deposits (n, layers, cells) [GeV] and books (n, N_BOOKS); uses up the starts (k, 9). The
    pile and the state are room to work in.
    """
    first = 0
    for i in range(len(ends)):
        begin(state, seed, numbers[i])
        tally = Tally(deposits[i], books[i])
        for k in range(first, ends[i]):
            track = starts[k]
            pile.height[0] = 0
            push(pile, tally, track, (track[3], track[4], track[5]), track[6], track[7])
            empty(matter, tally, pile, state, track)
        first = ends[i]
