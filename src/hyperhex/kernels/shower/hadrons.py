"""Charged and neutral hadrons and muons on their way from one interaction to the next.

They lose energy by ionisation, scatter, and knock electrons on, which are left to the transport of
electrons; what becomes of them when they collide, decay or stop is decided elsewhere. The condensed
history is that of electrons: a random hinge, and steps that end at the planes.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined, uncounted
from hyperhex.kernels.counter import State, exponential, normal, uniform, unit_circle
from hyperhex.kernels.shower.constants import ELECTRON_MASS
from hyperhex.kernels.shower.direction import turned
from hyperhex.kernels.shower.flight import Track, enter, fly, hinge, to_plane
from hyperhex.kernels.shower.interactions import emit
from hyperhex.kernels.shower.matter import (
    HADRON_STEPS,
    Matter,
    Pile,
    Tally,
    deposit,
    grid_place,
    leave,
)

__all__ = [
    "COLLIDED",
    "COLLISIONS",
    "DECAYED",
    "DEFLECTION",
    "IONISATION",
    "KNOCKED",
    "LEFT",
    "N_HADRON",
    "QUIET",
    "SMALL_KNOCKS",
    "STOPPED",
    "UNKNOCKED",
    "Hadrons",
    "follow_hadrons",
    "largest_transfer",
]

# Columns of the hadron tables: rates of collisions with nuclei and of knock-on electrons above the
# cut [1/cm]; loss by softer ones [GeV/cm]; inverse transport mean free path [1/cm]; for straggling
# the rate of small knock-ons [1/cm], the variance of still softer loss [GeV2/cm] and its mean
# [GeV/cm].
COLLISIONS, KNOCKED, IONISATION, DEFLECTION = range(4)
SMALL_KNOCKS, QUIET, UNKNOCKED, N_HADRON = range(4, 8)

# What becomes of a particle.
LEFT, COLLIDED, DECAYED, STOPPED = range(4)

_LARGEST_LOSS = 0.2  # share of the energy in a step
_LARGEST_TURN = 0.5  # transport mean free paths in a step


class Hadrons(NamedTuple):
    """Species of particles and their tables.

    tables (species, materials, points, N_HADRON) on the points of `energy_grid`; masses [GeV],
    charges, lives c tau [cm], stops: kinetic energy below which a particle is not followed [GeV],
    contents: energy that a particle at rest can still release [GeV], each (species,).
    """

    tables: NDArray[np.float64]
    masses: NDArray[np.float64]
    charges: NDArray[np.float64]
    lives: NDArray[np.float64]
    stops: NDArray[np.float64]
    contents: NDArray[np.float64]


@inlined
def largest_transfer(T: float, mass: float) -> float:
    """Largest energy that a heavy particle can give to an electron [GeV].

    2 m b^2 g^2/(1 + 2 g m/M + (m/M)^2): PDG, Passage of particles through matter, eq. 34.4.
    """
    g = 1.0 + T / mass
    ratio = ELECTRON_MASS / mass
    return 2.0 * ELECTRON_MASS * (g * g - 1.0) / (1.0 + 2.0 * g * ratio + ratio * ratio)


@inlined
def _value(hadrons: Hadrons, species: int, material: int, T: float, column: int) -> float:
    """Value of a hadron table, linear in the energy."""
    point, fraction = grid_place(T)
    low = hadrons.tables[species, material, point, column]
    return low + fraction * (hadrons.tables[species, material, point + 1, column] - low)


@inlined
def _lost(
    matter: Matter,
    hadrons: Hadrons,
    state: State,
    species: int,
    material: int,
    T: float,
    length: float,
) -> float:
    """Energy lost along a length in a sensor [GeV], straggled as that of electrons is."""
    variance = _value(hadrons, species, material, T, QUIET) * length
    loss = _value(hadrons, species, material, T, UNKNOCKED) * length
    loss += math.sqrt(variance) * normal(state)
    largest = min(matter.knock_on_cut, largest_transfer(T, hadrons.masses[species]))
    least = matter.straggling_cut
    if largest > least:
        expected = _value(hadrons, species, material, T, SMALL_KNOCKS) * length
        passed = exponential(state)
        while passed < expected:
            loss += least / (1.0 - uniform(state) * (1.0 - least / largest))
            passed += exponential(state)
    return max(0.0, loss)


@inlined
def _knock(
    matter: Matter, tally: Tally, sparks: Pile, state: State, track: Track, mass: float
) -> None:
    """Knock an electron above the cut on: d sigma/d w ~ (1 - b^2 w/w_max)/w^2, as in PDG 34.2.3."""
    T = track[6]
    most = largest_transfer(T, mass)
    least = matter.knock_on_cut
    if most <= least:
        return
    beta2 = 1.0 - 1.0 / (1.0 + T / mass) ** 2
    while True:
        w = least / (1.0 - uniform(state) * (1.0 - least / most))
        if uniform(state) < 1.0 - beta2 * w / most:
            break
    p = math.sqrt(T * (T + 2.0 * mass))
    momentum = math.sqrt(w * (w + 2.0 * ELECTRON_MASS))
    cos = min(1.0, w * (T + mass + ELECTRON_MASS) / (momentum * p))
    a, b = unit_circle(state)
    direction = turned(track[3], track[4], track[5], cos, a, b)
    emit(matter, tally, sparks, track, direction, w, -1.0)
    track[6] = T - w


@inlined
def _escape(matter: Matter, hadrons: Hadrons, tally: Tally, track: Track, species: int) -> int:
    """Book the energy of a particle that left."""
    slab, n_slabs = int(track[8]), len(matter.materials)
    leave(tally, slab, n_slabs, track[6] + hadrons.contents[species], 0.0)
    return LEFT


@inlined
def _pass(
    matter: Matter, hadrons: Hadrons, track: Track, paths: float, decay: float
) -> tuple[int, float, float]:
    """Fly straight to the next plane at most: (fate or -1, paths left, distance flown)."""
    slab, species = int(track[8]), int(track[7])
    material = matter.materials[slab]
    rate = 0.0
    if material >= 0:
        rate = _value(hadrons, species, material, track[6], COLLISIONS)
    distance = to_plane(matter, slab, track)
    reach = min(distance, decay)
    if rate * reach > paths:
        fly(track, paths / rate)
        return COLLIDED, 0.0, paths / rate
    fly(track, reach)
    fate = DECAYED if decay < distance else -1
    return fate, paths - rate * reach, reach


@inlined
def _step(
    matter: Matter,
    hadrons: Hadrons,
    tally: Tally,
    sparks: Pile,
    state: State,
    track: Track,
    paths: float,
    decay: float,
) -> tuple[int, float, float, bool]:
    """Take a step of a charged particle: (fate or -1, paths left, distance, whether at a plane)."""
    slab, species, T = int(track[8]), int(track[7]), track[6]
    material = matter.materials[slab]
    slope = _value(hadrons, species, material, T, IONISATION)
    scattering = _value(hadrons, species, material, T, DEFLECTION)
    collisions = _value(hadrons, species, material, T, COLLISIONS)
    rate = collisions + _value(hadrons, species, material, T, KNOCKED)
    step = min(_LARGEST_LOSS * T / slope, _LARGEST_TURN / scattering, decay)
    happens = paths <= step * rate
    if happens:
        step = paths / rate
    travelled, crosses = hinge(matter, state, track, slab, step, step * scattering)
    if matter.sensors[slab] >= 0:
        loss = _lost(matter, hadrons, state, species, material, T, travelled)
    else:
        loss = slope * travelled
    loss = min(loss, T)
    deposit(matter, tally, slab, track[0], track[1], loss)
    track[6] = T - loss
    paths -= rate * travelled
    if crosses:
        return -1, paths, travelled, True
    if happens:
        if uniform(state) * rate < collisions:
            return COLLIDED, 0.0, travelled, False
        _knock(matter, tally, sparks, state, track, hadrons.masses[species])
        return -1, exponential(state), travelled, False
    return DECAYED if step == decay else -1, paths, travelled, False


@inlined
def follow_hadron(
    matter: Matter, hadrons: Hadrons, tally: Tally, sparks: Pile, state: State, track: Track
) -> int:
    """Follow one particle until it leaves, collides, decays or stops, and say which.

    What a charged particle loses on the way is deposited; `track` is where and what it is then.
    """
    species = int(track[7])
    mass, charged = hadrons.masses[species], hadrons.charges[species] != 0.0
    paths = exponential(state)
    life = exponential(state) * hadrons.lives[species]
    while True:
        tally.books[HADRON_STEPS] += 1.0
        slab, T = int(track[8]), track[6]
        if hadrons.stops[species] >= T:
            if charged:
                deposit(matter, tally, slab, track[0], track[1], T)
                track[6] = 0.0
            return STOPPED
        per_life = math.sqrt(T * (T + 2.0 * mass)) / mass
        decay = life * per_life
        if charged and matter.materials[slab] >= 0:
            fate, paths, flown, at_plane = _step(
                matter, hadrons, tally, sparks, state, track, paths, decay
            )
        else:
            fate, paths, flown = _pass(matter, hadrons, track, paths, decay)
            at_plane = fate < 0
        if fate >= 0:
            return fate
        life -= flown / per_life
        if at_plane and enter(matter, track):
            return _escape(matter, hadrons, tally, track, species)


@uncounted
def follow_hadrons(
    matter: Matter,
    hadrons: Hadrons,
    deposits: NDArray[np.float64],
    books: NDArray[np.float64],
    sparks: Pile,
    state: State,
    tracks: NDArray[np.float64],
    fates: NDArray[np.int64],
) -> None:
    """Follow particles (n, 9), whose rows hold their species instead of a charge, to their fates.

    Adds to the deposits (layers, cells) and books of their shower [GeV] and to the knock-on
    electrons that wait.
    """
    tally = Tally(deposits, books)
    for i in range(len(tracks)):
        fates[i] = follow_hadron(matter, hadrons, tally, sparks, state, tracks[i])
