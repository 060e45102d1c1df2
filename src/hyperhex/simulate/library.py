"""Showers by number: what a particle leaves in the stack, the same whoever asks for it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import HyperhexError
from hyperhex.kernels.shower.matter import (
    ABSORBED,
    BEFORE,
    BEHIND,
    BESIDE,
    ELECTRON_STEPS,
    HADRON_STEPS,
    INVISIBLE,
    LOST,
    N_BOOKS,
    OUTSIDE,
    PHOTON_STEPS,
    Matter,
    Pile,
)
from hyperhex.kernels.shower.primaries import Beam, primaries
from hyperhex.kernels.shower.transport import showers

__all__ = ["CHARGES", "Showers", "add_electromagnetic", "draw", "simulate", "simulate_given"]

CHARGES = {"photon": 0.0, "electron": -1.0, "positron": 1.0}

_PILE = 4096


@dataclass(frozen=True)
class Showers:
    """Showers and where their energy went; sums over each shower give its energy.

    deposits (n, layers, cells), energy, absorbed (in passive matter), outside (in silicon beyond
    the patch), leakage (through front, back and side), invisible (with neutrinos or into nuclei),
    each (n,) [GeV]; impact (n, 2) [cm]; steps (n, 3) of photons, electrons and hadrons. A meson or
    muon brings its mass along with its energy.
    """

    deposits: NDArray[np.float64]
    energy: NDArray[np.float64]
    impact: NDArray[np.float64]
    absorbed: NDArray[np.float64]
    outside: NDArray[np.float64]
    leakage: NDArray[np.float64]
    invisible: NDArray[np.float64]
    steps: NDArray[np.float64]

    @classmethod
    def of_books(
        cls,
        starts: NDArray[np.float64],
        deposits: NDArray[np.float64],
        books: NDArray[np.float64],
    ) -> Showers:
        """Showers of primary particles (n, 9), from what the transport booked (n, N_BOOKS)."""
        return cls(
            deposits=deposits,
            energy=starts[:, 6].copy(),
            impact=starts[:, :2].copy(),
            absorbed=books[:, ABSORBED],
            outside=books[:, OUTSIDE],
            leakage=books[:, BEFORE] + books[:, BEHIND] + books[:, BESIDE],
            invisible=books[:, INVISIBLE],
            steps=books[:, [PHOTON_STEPS, ELECTRON_STEPS, HADRON_STEPS]],
        )

    @property
    def accounted(self) -> NDArray[np.float64]:
        """All energy of each shower, wherever it went (n,) [GeV]."""
        passive = self.absorbed + self.outside + self.leakage + self.invisible
        total: NDArray[np.float64] = self.deposits.sum((1, 2)) + passive
        return total


def simulate(
    matter: Matter,
    n_layers: int,
    particle: str,
    energies: tuple[float, float],
    seed: int,
    numbers: NDArray[np.uint64],
    *,
    angle: float = 0.0,
    flat: bool = False,
) -> Showers:
    """Showers of these numbers: energies log-uniform or flat, impact in the central cell.

    `angle` is that of the particles to the normal [rad].
    """
    starts = draw(matter, CHARGES[particle], energies, seed, numbers, angle=angle, flat=flat)
    return simulate_given(matter, n_layers, starts, seed, numbers)


def draw(
    matter: Matter,
    kind: float,
    energies: tuple[float, float],
    seed: int,
    numbers: NDArray[np.uint64],
    *,
    angle: float,
    flat: bool,
) -> NDArray[np.float64]:
    """Primary particles (n, 9) of showers of these numbers; `kind` is their charge or species."""
    starts = np.empty((len(numbers), 9))
    beam = Beam(*energies, flat, kind, angle, matter.pitch)
    primaries(starts, beam, np.uint64(seed), numbers, np.empty(2, dtype=np.uint64))
    return starts


def simulate_given(
    matter: Matter,
    n_layers: int,
    starts: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
) -> Showers:
    """Showers of given particles (n, 9), rows as in `hyperhex.kernels.shower.matter`."""
    deposits = np.zeros((len(starts), n_layers, matter.cells.max() + 1))
    books = np.zeros((len(starts), N_BOOKS))
    add_electromagnetic(
        matter, starts, np.arange(1, len(starts) + 1), seed, numbers, deposits, books
    )
    return Showers.of_books(starts, deposits, books)


def add_electromagnetic(
    matter: Matter,
    starts: NDArray[np.float64],
    ends: NDArray[np.int64],
    seed: int,
    numbers: NDArray[np.uint64],
    deposits: NDArray[np.float64],
    books: NDArray[np.float64],
) -> None:
    """Follow photons, electrons and positrons: starts[ends[i-1]:ends[i]] belong to shower i.

    Adds to deposits (n, layers, cells) and books (n, N_BOOKS) [GeV].
    """
    pile = Pile(np.empty((_PILE, 9)), np.zeros(1, dtype=np.int64))
    state = np.empty(2, dtype=np.uint64)
    showers(matter, starts.copy(), ends, np.uint64(seed), numbers, deposits, books, pile, state)
    if books[:, LOST].any():
        msg = (
            f"showers {numbers[books[:, LOST] > 0]} filled the pile of {_PILE} waiting particles;"
            " raise the cuts of simulate.transport or lower simulate.energy"
        )
        raise HyperhexError(msg)
