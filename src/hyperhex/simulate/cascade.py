"""Showers of hadrons and muons: from collision to collision, and at last the electromagnetic part.

Each generation of a shower is followed in one call of the kernel; the generator then says what its
collisions and decays leave. Photons and electrons wait until all hadronic showers of a call are
done and go to the electromagnetic kernel together.

Where this is approximate: nuclei keep `Element.nuclear_loss` of a collision and evaporate nothing;
elastic scattering on nuclei and collisions below 0.3 GeV are left out, and neutrons end there;
stopped negative particles vanish into a nucleus, stopped antiprotons without their pions; muons
lose no energy to radiation, which outweighs ionisation above some 200 GeV only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hyperhex import random
from hyperhex.errors import HyperhexError
from hyperhex.kernels.counter import begin
from hyperhex.kernels.shower.constants import ELECTRON_MASS
from hyperhex.kernels.shower.hadrons import (
    COLLIDED,
    LEFT,
    STOPPED,
    Hadrons,
    follow_hadrons,
)
from hyperhex.kernels.shower.matter import INVISIBLE, LOST, N_BOOKS, Matter, Pile
from hyperhex.simulate.elements import Element
from hyperhex.simulate.generator import (
    Product,
    collide,
    decay,
    seed_generator,
    uniform,
)
from hyperhex.simulate.library import Showers, add_electromagnetic, draw
from hyperhex.simulate.materials import MATERIALS
from hyperhex.simulate.species import SPECIES, build_hadrons
from hyperhex.simulate.stack import Stack
from hyperhex.simulate.tables import Cuts

__all__ = ["HADRONS", "Absorber", "HadronicShowers", "build_absorber", "simulate_hadrons"]

# particles by the names that commands use
HADRONS = {
    "mu-": 13,
    "mu+": -13,
    "pi+": 211,
    "pi-": -211,
    "K+": 321,
    "K-": -321,
    "K0L": 130,
    "p": 2212,
    "pbar": -2212,
    "n": 2112,
    "nbar": -2112,
}

_PLACES = {species.code: place for place, species in enumerate(SPECIES)}
_NEUTRINOS = {12, 14, 16}
_CHARGES = {22: 0.0, 11: -1.0, -11: 1.0}
_SPARKS = 65_536  # knock-on electrons of one shower that can wait

Row = list[float]


@dataclass(frozen=True)
class Absorber:
    """Matter with what hadrons need of it: their tables, and the nuclei of each material.

    `nuclei` lists for each material its elements and their cumulative shares of the collisions.
    """

    matter: Matter
    n_layers: int
    hadrons: Hadrons
    nuclei: tuple[tuple[tuple[Element, float], ...], ...]


@dataclass(frozen=True)
class HadronicShowers:
    """Showers of hadrons, and the energy of the photons and electrons in them (n,) [GeV]."""

    showers: Showers
    electromagnetic: NDArray[np.float64]


def build_absorber(stack: Stack, matter: Matter, cuts: Cuts) -> Absorber:
    """Tables of hadrons for the matter of a stack; takes seconds."""
    nuclei = []
    for name in stack.solids:
        # geometrical cross-sections, whatever the energy
        weights = [atoms * e.A ** (2.0 / 3.0) for e, atoms in MATERIALS[name].components]
        shares = np.cumsum(weights) / sum(weights)
        elements = [element for element, _ in MATERIALS[name].components]
        nuclei.append(tuple(zip(elements, shares.tolist(), strict=True)))
    hadrons = build_hadrons(stack.solids, cuts)
    return Absorber(matter, stack.n_layers, hadrons, tuple(nuclei))


def simulate_hadrons(
    absorber: Absorber,
    particle: str,
    energies: tuple[float, float],
    seed: int,
    numbers: NDArray[np.uint64],
    *,
    angle: float = 0.0,
    flat: bool = False,
) -> HadronicShowers:
    """Showers of hadrons or muons of these numbers, as `library.simulate` does of electrons."""
    species = _PLACES[HADRONS[particle]]
    matter = absorber.matter
    starts = draw(matter, float(species), energies, seed, numbers, angle=angle, flat=flat)
    deposits = np.zeros((len(starts), absorber.n_layers, int(matter.cells.max()) + 1))
    books = np.zeros((len(starts), N_BOOKS))
    electromagnetic = np.zeros(len(starts))
    waiting, ends = [], []
    for i, number in enumerate(numbers.tolist()):
        cascade = _Cascade(absorber, deposits[i], books[i], seed, number)
        cascade.run(starts[i])
        electromagnetic[i] = cascade.electromagnetic
        waiting.append(cascade.light())
        ends.append(len(waiting[-1]))
    light = np.concatenate(waiting)
    # another stream of each number than that of the hadrons
    other = random.integer(seed, "electromagnetic")
    add_electromagnetic(matter, light, np.cumsum(ends), other, numbers, deposits, books)
    return HadronicShowers(Showers.of_books(starts, deposits, books), electromagnetic)


@dataclass
class _Cascade:
    """One hadronic shower while it develops."""

    absorber: Absorber
    deposits: NDArray[np.float64]
    books: NDArray[np.float64]
    seed: int
    number: int
    electromagnetic: float = 0.0
    rows: list[Row] = field(default_factory=list)
    fresh: list[Row] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.sparks = Pile(_sparks(), np.zeros(1, dtype=np.int64))

    def run(self, start: NDArray[np.float64]) -> None:
        """Follow generation after generation until no hadron is left."""
        state = np.empty(2, dtype=np.uint64)
        begin(state, np.uint64(random.integer(self.seed, "hadrons")), np.uint64(self.number))
        seed_generator(random.pythia_seed(self.seed, self.number))
        matter, hadrons = self.absorber.matter, self.absorber.hadrons
        tracks = start[None].copy()
        while len(tracks):
            fates = np.empty(len(tracks), dtype=np.int64)
            room = (self.deposits, self.books, self.sparks, state, tracks, fates)
            follow_hadrons(matter, hadrons, *room)
            self.fresh = []
            for track, fate in zip(tracks.tolist(), fates.tolist(), strict=True):
                if fate != LEFT:
                    self._end(track, fate)
            tracks = np.array(self.fresh).reshape(-1, 9)
        if self.books[LOST]:
            msg = f"shower {self.number} knocked on more than {_SPARKS} electrons; raise the cuts"
            raise HyperhexError(msg)

    def light(self) -> NDArray[np.float64]:
        """Photons and electrons (k, 9) that wait to be followed."""
        made = np.array(self.rows).reshape(-1, 9)
        return np.concatenate([made, self.sparks.tracks[: self.sparks.height[0]]])

    def _end(self, track: Row, fate: int) -> None:
        """Replace a particle by what becomes of it; what is then missing is invisible."""
        species = SPECIES[int(track[7])]
        held = track[6] + species.content
        if fate == COLLIDED:
            products, left = self._collide(track)
        elif fate == STOPPED and (species.charge < 0.0 or math.isinf(species.life)):
            # captured by a nucleus, or a neutron too slow for the generator
            products, left = [], 0.0
        else:
            products, left = decay(species.code, _momentum(track), species.mass) or [], 1.0
        for product in products:
            held -= self._add(product, track, left)
        self.books[INVISIBLE] += held

    def _collide(self, track: Row) -> tuple[list[Product], float]:
        """Products of a collision and the share of their kinetic energy that the nucleus leaves."""
        species = SPECIES[int(track[7])]
        matter = self.absorber.matter
        material = int(matter.materials[int(track[8])])
        choice = uniform()
        element = next(one for one, share in self.absorber.nuclei[material] if choice <= share)
        found = collide(species.code, _momentum(track), species.mass, element.Z, element.nucleus)
        if found is None:
            # the generator could not: as if nothing had happened
            p = math.sqrt(track[6] * (track[6] + 2.0 * species.mass))
            ux, uy, uz = track[3:6]
            energy = track[6] + species.mass
            return [Product(species.code, p * ux, p * uy, p * uz, energy, species.mass)], 1.0
        kinetic = sum(one.energy - one.mass for one in found if one.code in _PLACES)
        if kinetic <= 0.0:
            return found, 1.0
        loss = -element.nuclear_loss * math.log(uniform())
        return found, max(0.0, 1.0 - loss / kinetic)

    def _add(self, product: Product, track: Row, left: float) -> float:
        """Let a product wait where its parent ended; the energy that it holds."""
        code, energy = product.code, product.energy
        T = max(0.0, energy - product.mass)
        if code in _CHARGES:
            self.rows.append(_row(product, track, T, _CHARGES[code]))
            self.electromagnetic += energy
            # a positron takes its pair's masses
            return T if code != -11 else T + 2.0 * ELECTRON_MASS
        if abs(code) in _NEUTRINOS:
            return 0.0
        if code in _PLACES:
            place = _PLACES[code]
            self.fresh.append(_row(product, track, left * T, float(place)))
            return left * T + SPECIES[place].content
        msg = f"the generator leaves a particle of code {code}, which nothing here can follow"
        raise HyperhexError(msg)


def _sparks() -> NDArray[np.float64]:
    return np.empty((_SPARKS, 9))


def _momentum(track: Row) -> tuple[float, float, float]:
    mass = SPECIES[int(track[7])].mass
    p = math.sqrt(track[6] * (track[6] + 2.0 * mass))
    return p * track[3], p * track[4], p * track[5]


def _row(product: Product, track: Row, T: float, kind: float) -> Row:
    """Row of a product at the place and in the slab of its parent's end."""
    _, px, py, pz, _, _ = product
    p = math.sqrt(px * px + py * py + pz * pz)
    direction = (px / p, py / p, pz / p) if p > 0.0 else (0.0, 0.0, 1.0)
    return [*track[:3], *direction, T, kind, track[8]]
