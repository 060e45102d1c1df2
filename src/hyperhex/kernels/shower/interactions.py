"""One interaction of a particle in flight: its products go on the pile, what is below cut stays."""

from __future__ import annotations

import math

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, exponential, uniform, unit_circle
from hyperhex.kernels.shower.constants import ELECTRON_MASS
from hyperhex.kernels.shower.direction import turned
from hyperhex.kernels.shower.electrons import (
    draw_annihilation,
    draw_bhabha,
    draw_bremsstrahlung,
    draw_moller,
)
from hyperhex.kernels.shower.flight import Track, ends_here
from hyperhex.kernels.shower.matter import Matter, Pile, Tally, deposit, push
from hyperhex.kernels.shower.photons import draw_compton, draw_pair

__all__ = [
    "annihilate",
    "annihilate_at_rest",
    "compton",
    "knock_on",
    "materialise",
    "photoelectric",
    "radiate",
]

Direction = tuple[float, float, float]


@inlined
def stays(matter: Matter, track: Track, energy: float, charge: float) -> bool:
    """Whether a product leaves its energy here: below its cut, or stopped in this slab anyway."""
    if charge == 0.0:
        return energy <= matter.photon_cut
    if charge > 0.0:
        # a positron must live to annihilate
        return False
    return energy <= matter.electron_cut or ends_here(matter, track, energy, charge)


@inlined
def emit(
    matter: Matter,
    tally: Tally,
    pile: Pile,
    track: Track,
    direction: Direction,
    energy: float,
    charge: float,
) -> None:
    """Add a product to the pile, or leave its energy here."""
    if stays(matter, track, energy, charge):
        deposit(matter, tally, int(track[8]), track[0], track[1], energy)
    else:
        push(pile, tally, track, direction, energy, charge)


@inlined
def _narrow(state: State, energy: float) -> float:
    """Cosine of the angle of radiation or of a pair's electron to its parent, of order m/E.

    theta = u m/E, u exp(-a u) with a = 0.625 (1 in 4) or 1.875: Tsai, Rev. Mod. Phys. 46 (1974)
    815, as parametrised in the Geant4 physics reference manual.
    """
    a = 0.625 if uniform(state) < 0.25 else 1.875
    theta = (exponential(state) + exponential(state)) / a * ELECTRON_MASS / energy
    return max(-1.0, 1.0 - 0.5 * theta * theta)


@inlined
def materialise(
    matter: Matter, tally: Tally, pile: Pile, state: State, track: Track, Z: float
) -> None:
    """Pair production; the positron carries the pair's masses until it annihilates."""
    energy, ux, uy, uz = track[6], track[3], track[4], track[5]
    e = draw_pair(state, energy, Z)
    first = max(0.0, e * energy - ELECTRON_MASS)
    second = energy - 2.0 * ELECTRON_MASS - first
    a, b = unit_circle(state)
    one = turned(ux, uy, uz, _narrow(state, e * energy), a, b)
    other = turned(ux, uy, uz, _narrow(state, (1.0 - e) * energy), -a, -b)
    charge = 1.0 if uniform(state) < 0.5 else -1.0
    emit(matter, tally, pile, track, one, first, charge)
    emit(matter, tally, pile, track, other, second, -charge)


@inlined
def compton(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Compton scattering on an electron at rest; `track` becomes the scattered photon."""
    energy, ux, uy, uz = track[6], track[3], track[4], track[5]
    e, cos = draw_compton(state, energy)
    scattered = e * energy
    T = energy - scattered
    a, b = unit_circle(state)
    if stays(matter, track, T, -1.0):
        deposit(matter, tally, int(track[8]), track[0], track[1], T)
    else:
        p = math.sqrt(T * (T + 2.0 * ELECTRON_MASS))
        forward = min(1.0, (energy - scattered * cos) / p)
        push(pile, tally, track, turned(ux, uy, uz, forward, -a, -b), T, -1.0)
    track[3], track[4], track[5] = turned(ux, uy, uz, cos, a, b)
    track[6] = scattered


@inlined
def photoelectric(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Absorption by an atom: an electron takes the energy, the binding energy is neglected.

    Its angle is that of Sauter's leading factor, sin^2/(1 - b cos)^4 ~ m/E for fast electrons.
    """
    energy = track[6]
    if stays(matter, track, energy, -1.0):
        deposit(matter, tally, int(track[8]), track[0], track[1], energy)
        return
    a, b = unit_circle(state)
    cos = _narrow(state, energy + ELECTRON_MASS)
    direction = turned(track[3], track[4], track[5], cos, a, b)
    push(pile, tally, track, direction, energy, -1.0)


@inlined
def radiate(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track, Z: float) -> None:
    """Bremsstrahlung of a photon above its cut; the electron keeps its direction."""
    E = track[6] + ELECTRON_MASS
    k = draw_bremsstrahlung(state, E, Z, matter.photon_cut)
    a, b = unit_circle(state)
    direction = turned(track[3], track[4], track[5], _narrow(state, E), a, b)
    push(pile, tally, track, direction, k, 0.0)
    track[6] -= k


@inlined
def _recoil(T: float, share: float) -> float:
    """Cosine of a fast electron's angle after it took `share` of T from a collision."""
    two = 2.0 * ELECTRON_MASS
    return math.sqrt(min(1.0, share * (T + two) / (T * share + two)))


@inlined
def knock_on(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Moller or Bhabha scattering with an electron above the cut; angles from kinematics."""
    T, ux, uy, uz = track[6], track[3], track[4], track[5]
    if track[7] < 0.0:
        struck = draw_moller(state, T, matter.knock_on_cut)
    else:
        struck = draw_bhabha(state, T, matter.knock_on_cut)
    a, b = unit_circle(state)
    direction = turned(ux, uy, uz, _recoil(T, struck / T), -a, -b)
    emit(matter, tally, pile, track, direction, struck, -1.0)
    track[6] = T - struck
    track[3], track[4], track[5] = turned(ux, uy, uz, _recoil(T, 1.0 - struck / T), a, b)


@inlined
def annihilate(matter: Matter, tally: Tally, pile: Pile, state: State, track: Track) -> None:
    """Annihilation in flight into two photons, back to back in the frame of their centre."""
    T, ux, uy, uz = track[6], track[3], track[4], track[5]
    g = 1.0 + T / ELECTRON_MASS
    e = draw_annihilation(state, T)
    s = math.sqrt(g * g - 1.0)
    a, b = unit_circle(state)
    for share, sign in ((e, 1.0), (1.0 - e, -1.0)):
        cos = min(1.0, max(-1.0, (share * (g + 1.0) - 1.0) / (share * s)))
        direction = turned(ux, uy, uz, cos, sign * a, sign * b)
        emit(matter, tally, pile, track, direction, share * (T + 2.0 * ELECTRON_MASS), 0.0)


@inlined
def annihilate_at_rest(
    matter: Matter, tally: Tally, pile: Pile, state: State, track: Track
) -> None:
    """Annihilation of a stopped positron into two photons of energy m, back to back, isotropic."""
    cos = 2.0 * uniform(state) - 1.0
    a, b = unit_circle(state)
    ux, uy, uz = turned(0.0, 0.0, 1.0, cos, a, b)
    emit(matter, tally, pile, track, (ux, uy, uz), ELECTRON_MASS, 0.0)
    emit(matter, tally, pile, track, (-ux, -uy, -uz), ELECTRON_MASS, 0.0)
