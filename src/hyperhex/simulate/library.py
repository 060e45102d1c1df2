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
    LOST,
    N_BOOKS,
    OUTSIDE,
    Matter,
    Pile,
)
from hyperhex.kernels.shower.primaries import primaries
from hyperhex.kernels.shower.transport import showers

__all__ = ["CHARGES", "Showers", "simulate", "simulate_given"]

CHARGES = {"photon": 0.0, "electron": -1.0, "positron": 1.0}

_PILE = 4096


@dataclass(frozen=True)
class Showers:
    """Showers and where their energy went; sums over each shower give its energy.

    deposits (n, layers, cells), energy, absorbed (in passive matter), outside (in silicon beyond
    the patch), leakage (through front, back and side), each (n,) [GeV]; impact (n, 2) [cm].
    """

    deposits: NDArray[np.float64]
    energy: NDArray[np.float64]
    impact: NDArray[np.float64]
    absorbed: NDArray[np.float64]
    outside: NDArray[np.float64]
    leakage: NDArray[np.float64]


def simulate(
    matter: Matter,
    n_layers: int,
    particle: str,
    energies: tuple[float, float],
    seed: int,
    numbers: NDArray[np.uint64],
) -> Showers:
    """Showers of these numbers: energies log-uniform in a range, impact in the central cell."""
    starts = np.empty((len(numbers), 9))
    state = np.empty(2, dtype=np.uint64)
    primaries(starts, np.uint64(seed), numbers, energies, CHARGES[particle], matter.pitch, state)
    return simulate_given(matter, n_layers, starts, seed, numbers)


def simulate_given(
    matter: Matter,
    n_layers: int,
    starts: NDArray[np.float64],
    seed: int,
    numbers: NDArray[np.uint64],
) -> Showers:
    """Showers of given particles (n, 9), rows as in `hyperhex.kernels.shower.matter`."""
    n_cells = int(np.sum(matter.cells >= 0))
    deposits = np.zeros((len(starts), n_layers, n_cells))
    books = np.zeros((len(starts), N_BOOKS))
    pile = Pile(np.empty((_PILE, 9)), np.zeros(1, dtype=np.int64))
    state = np.empty(2, dtype=np.uint64)
    showers(matter, starts.copy(), np.uint64(seed), numbers, deposits, books, pile, state)
    if books[:, LOST].any():
        msg = (
            f"showers {numbers[books[:, LOST] > 0]} filled the pile of {_PILE} waiting particles;"
            " raise the cuts of simulate.transport or lower simulate.energy"
        )
        raise HyperhexError(msg)
    return Showers(
        deposits=deposits,
        energy=starts[:, 6].copy(),
        impact=starts[:, :2].copy(),
        absorbed=books[:, ABSORBED],
        outside=books[:, OUTSIDE],
        leakage=books[:, BEFORE] + books[:, BEHIND] + books[:, BESIDE],
    )
