"""Random numbers of one shower: a counter that is hashed, so that any shower can be made alone.

SplitMix64 (Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014): the
n-th number is a hash of `key + n gamma`, with a key and an odd gamma of each stream's own. A state
is two words, (counter, gamma). It is not meant for cryptography; it passes BigCrush.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import uncounted

__all__ = ["State", "begin", "exponential", "hashed", "normal", "uniform", "unit_circle"]

State = NDArray[np.uint64]

# every constant is a uint64: Numba turns `uint64 op int64` into a float
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)
_ONE = np.uint64(1)
_S11 = np.uint64(11)
_S27 = np.uint64(27)
_S30 = np.uint64(30)
_S31 = np.uint64(31)
_TO_UNIT = 2.0**-53


@uncounted
def hashed(word: np.uint64) -> np.uint64:
    """The word with its 64 bits mixed (variant 13 of D. Stafford's finalisers)."""
    word = (word ^ (word >> _S30)) * _FIRST
    word = (word ^ (word >> _S27)) * _SECOND
    return word ^ (word >> _S31)


@uncounted
def begin(state: State, seed: np.uint64, number: np.uint64) -> None:
    """Set a state to the stream of a shower's number in a run's seed."""
    key = hashed(seed + _GOLDEN) ^ (number * _GOLDEN)
    state[0] = hashed(key)
    state[1] = hashed(key + _GOLDEN) | _ONE


@uncounted
def uniform(state: State) -> float:
    """Draw a number uniform in (0, 1), both ends excluded."""
    state[0] += state[1]
    return (np.float64(hashed(state[0]) >> _S11) + 0.5) * _TO_UNIT


@uncounted
def exponential(state: State) -> float:
    """Draw an exponential number of mean one."""
    return -math.log(uniform(state))


@uncounted
def normal(state: State) -> float:
    """Draw a standard normal number (Box and Muller 1958)."""
    radius = math.sqrt(2.0 * exponential(state))
    return radius * math.cos(2.0 * math.pi * uniform(state))


@uncounted
def unit_circle(state: State) -> tuple[float, float]:
    """Draw (cos, sin) of a uniform angle without trigonometry (von Neumann 1951)."""
    while True:
        a = 2.0 * uniform(state) - 1.0
        b = 2.0 * uniform(state) - 1.0
        square = a * a + b * b
        if 1e-12 < square < 1.0:
            scale = 1.0 / math.sqrt(square)
            return a * scale, b * scale
