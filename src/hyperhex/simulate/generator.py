"""Collisions of hadrons with nuclei and decays in flight, by PythiaCascade.

Sjostrand and Utheim, Eur. Phys. J. C 82 (2022) 21, arXiv:2108.03481. PythiaCascade gives the cross-
sections and the mean number of nucleons that are hit. It hides the random numbers of its collisions
(`rndm` seeds its decays alone), so the collisions themselves are made by its recipe with generators
of our own, which are seeded anew for each shower: no shower depends on what was made before.
"""

from __future__ import annotations

import math
import os
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import HyperhexError

__all__ = [
    "LEAST_ENERGY",
    "Product",
    "collide",
    "cross_sections",
    "decay",
    "seed_generator",
    "uniform",
]

LEAST_ENERGY = 0.3  # kinetic energy below which hadrons do not collide [GeV]

# what lives shorter than c tau = 1 mm decays where it is made
_PROMPT = 1.0
_DIFFRACTION = 0.5  # PythiaCascade's own default of how often a later target is diffracted
_ON_TARGET = 4  # the generator's number of that process
_PROTON, _NEUTRON = 0.93827, 0.93957
_TRIES = 3
_MOBILE = tuple(f"{code}:mayDecay = on" for code in (13, 211, 321, 130))
_POINTS = 48
_HIGHEST = 1100.0


class Product(NamedTuple):
    """A particle that a collision or a decay leaves: PDG code, momentum, energy, mass [GeV]."""

    code: int
    px: float
    py: float
    pz: float
    energy: float
    mass: float


def seed_generator(seed: int) -> None:
    """Begin all random numbers anew; seeds are 1 to 900 000 000."""
    _collisions().rndm.init(seed)
    _decays().rndm.init(seed)


def uniform() -> float:
    """Draw a number uniform in (0, 1) from the stream of the decays."""
    return float(_decays().rndm.flat())


def collide(
    code: int, momentum: tuple[float, float, float], mass: float, Z: int, nucleus: int
) -> list[Product] | None:
    """Products of an inelastic collision with a nucleus at rest; None if the generator makes none.

    Collisions with one nucleon after the other, a geometric number with the mean of PythiaCascade;
    the product that goes on fastest along the first direction meets the next nucleon (sec. 3.2 of
    the paper). Between 0.5 and 2 GeV the generator gives up now and then; a few are tried.
    """
    cascade, four = _cascade(), _four(momentum, mass)
    if not cascade.sigmaSetuphN(code, four, mass):
        return None
    mean = cascade.nCollAvg(nucleus)
    for _ in range(_TRIES):
        products = _sequence(Product(code, *momentum, four.e(), mass), Z, nucleus, 1.0 - 1.0 / mean)
        if products:
            return _decayed(products)
    return None


def decay(code: int, momentum: tuple[float, float, float], mass: float) -> list[Product] | None:
    """Products of a decay; None if the generator makes none."""
    # the generator of decays would leave what lives longer than its limit as it is
    collisions, four = _collisions(), _four(momentum, mass)
    for _ in range(_TRIES):
        collisions.event.reset()
        first = collisions.event.append(code, 1, 0, 0, *momentum, four.e(), mass)
        if collisions.moreDecays(first):
            return _decayed(_final(collisions.event))
    return None


def _sequence(first: Product, Z: int, nucleus: int, more: float) -> list[Product]:
    """Products of collisions with nucleons of one nucleus; none if the generator fails."""
    left: list[Product] = []
    projectile = first
    protons, neutrons = Z, nucleus - Z
    size = math.sqrt(first.px**2 + first.py**2 + first.pz**2)
    line = first.px / size, first.py / size, first.pz / size
    while protons + neutrons > 0:
        charged = uniform() * (protons + neutrons) < protons
        protons, neutrons = protons - charged, neutrons - (not charged)
        # diffraction of the nucleon is made more likely after the first collision
        diffractive = projectile is not first and uniform() < _DIFFRACTION
        made = _nucleon_collision(projectile, 2212 if charged else 2112, diffractive=diffractive)
        if not made:
            return []
        fastest = max(made, key=lambda one: _hadronic_momentum(one, line))
        if uniform() > more or not _can_collide(fastest):
            return left + made
        left += [one for one in made if one is not fastest]
        projectile = fastest
    return [*left, projectile]


def _nucleon_collision(one: Product, nucleon: int, *, diffractive: bool) -> list[Product]:
    """Products of a collision with a nucleon at rest, in the laboratory; none if it fails."""
    import pythia8mc

    collisions = _collisions()
    target = pythia8mc.Vec4(0.0, 0.0, 0.0, _PROTON if nucleon == 2212 else _NEUTRON)
    projectile = pythia8mc.Vec4(one.px, one.py, one.pz, one.energy)
    collisions.setBeamIDs(one.code, nucleon)
    collisions.setKinematics((projectile + target).mCalc())
    if not collisions.next(_ON_TARGET if diffractive else 0):
        return []
    to_laboratory = pythia8mc.RotBstMatrix()
    to_laboratory.fromCMframe(projectile, target)
    event = collisions.event
    event.rotbst(to_laboratory)
    return _final(event)


def _hadronic_momentum(one: Product, line: tuple[float, float, float]) -> float:
    """Momentum of a hadron along a line; none of other particles."""
    if abs(one.code) < 100:
        return -math.inf
    return one.px * line[0] + one.py * line[1] + one.pz * line[2]


def _can_collide(one: Product) -> bool:
    """Whether a hadron is above the threshold even with the mass of its shell."""
    if abs(one.code) < 100:
        return False
    mass = max(one.mass, _decays().particleData.m0(one.code))
    square = one.px**2 + one.py**2 + one.pz**2
    return math.sqrt(square + mass * mass) - mass > LEAST_ENERGY


def _decayed(products: list[Product]) -> list[Product]:
    """Products after the decays of what lives too shortly to be followed."""
    decays = _decays()
    decays.event.reset()
    for one in products:
        decays.event.append(one.code, 1, 0, 0, *one[1:])
    decays.moreDecays()
    return _final(decays.event)


@cache
def cross_sections(
    code: int, mass: float, nucleus: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Inelastic cross-sections [mb] with a tabulated nucleus at kinetic energies [GeV]."""
    energies = np.geomspace(LEAST_ENERGY, _HIGHEST, _POINTS)
    generator = _cascade()
    sigma = np.zeros(_POINTS)
    for i, T in enumerate(energies):
        p = math.sqrt(T * (T + 2.0 * mass))
        if generator.sigmaSetuphN(code, _four((0.0, 0.0, p), mass), mass):
            sigma[i] = max(0.0, generator.sigmahA(nucleus))
    return energies, sigma


@cache
def _cascade() -> Any:
    """Cross-sections and numbers of collisions; it takes a second to start."""
    import pythia8mc

    with _quiet():
        cascade = pythia8mc.PythiaCascade()
        begun = cascade.init(LEAST_ENERGY, _DIFFRACTION, _setup(), True, _PROMPT, True, True)
    return _checked(cascade, begun)


@cache
def _collisions() -> Any:
    """Generator of collisions of any hadron with a nucleon at any energy, without decays."""
    settings = (
        f"include = {_setup()}",
        "Beams:allowVariableEnergy = on",
        "Beams:allowIDAswitch = on",
        "SoftQCD:inelastic = on",
        "LowEnergyQCD:inelastic = on",
        "HadronLevel:Decay = off",
        *_MOBILE,
        # boosts at high energies are not exact
        "Check:epTolErr = 0.01",
        "Check:epTolWarn = 0.0001",
        "Check:mTolErr = 0.01",
    )
    return _started(settings, highest=True)


@cache
def _decays() -> Any:
    """Generator of decays: at once what lives shortly, others when asked."""
    limit = ("ParticleDecays:limitTau0 = on", f"ParticleDecays:tau0Max = {_PROMPT}")
    return _started(("ProcessLevel:all = off", *_MOBILE, *limit), highest=False)


def _started(settings: Iterable[str], *, highest: bool) -> Any:
    """A generator with settings; at the highest energy of its tables if `highest`."""
    import pythia8mc

    pythia = pythia8mc.Pythia("", False)
    pythia.readString("Print:quiet = on")
    pythia.readString("Random:setSeed = on")
    for setting in settings:
        pythia.readString(setting)
    if highest:
        pythia.settings.parm("Beams:eCM", pythia.settings.parm("Beams:eCMMaxMPI"))
    with _quiet():
        begun = pythia.init()
    return _checked(pythia, begun)


def _setup() -> str:
    """File that spares the generator minutes of starting.

    The path that the wheel has compiled in is that of the machine where it was built.
    """
    data = Path(sysconfig.get_path("data"))
    return str(data / "share" / "Pythia8" / "setups" / "InitDefaultMPI.cmnd")


def _checked(generator: Any, begun: bool) -> Any:
    if not begun:
        msg = f"Pythia does not start with {_setup()}; install pythia8mc again, which brings it"
        raise HyperhexError(msg)
    return generator


def _four(momentum: tuple[float, float, float], mass: float) -> Any:
    import pythia8mc

    px, py, pz = momentum
    return pythia8mc.Vec4(px, py, pz, math.sqrt(px * px + py * py + pz * pz + mass * mass))


def _final(event: Any) -> list[Product]:
    """Particles of an event that are left in the end."""
    return [
        Product(one.id(), one.px(), one.py(), one.pz(), one.e(), one.m())
        for one in event
        if one.isFinal()
    ]


@contextmanager
def _quiet() -> Iterator[None]:
    """Send to nowhere what the library prints on its start."""
    sys.stdout.flush()
    before = os.dup(1)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 1)
        yield
    finally:
        os.dup2(before, 1)
        os.close(before)
        os.close(nowhere)
