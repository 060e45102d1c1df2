"""Random numbers of 32 bits, many at a time, from the counter of a shower."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State, hashed
from hyperhex.kernels.elementary import log32

__all__ = ["binomial", "exponentials", "standard_normal", "uniforms"]

Floats = NDArray[np.float32]

_ONE = np.uint64(1)
_LOW = np.uint64(0xFFFFFFFF)
_LOW16 = np.uint64(0xFFFF)
_S16 = np.uint64(16)
_S32 = np.uint64(32)


@inlined
def uniforms(values: Floats, state: State) -> None:
    """Fill `values` with numbers uniform in (0, 1), 23 bits each.

    The counter is hashed by 32-bit words (lowbias32, C. Wellons), so that the loop is one of
    vector registers.
    """
    state[0] += state[1]
    word = hashed(state[0])
    key = np.uint32(word & _LOW)
    step = np.uint32((word >> _S32) | _ONE)
    for c in range(len(values)):
        mixed = np.uint32(key + np.uint32(c) * step)
        mixed = np.uint32((mixed ^ (mixed >> np.uint32(16))) * np.uint32(0x7FEB352D))
        mixed = np.uint32((mixed ^ (mixed >> np.uint32(15))) * np.uint32(0x846CA68B))
        mixed = np.uint32(mixed ^ (mixed >> np.uint32(16)))
        values[c] = (np.float32(mixed >> np.uint32(9)) + np.float32(0.5)) * np.float32(2.0**-23)


@inlined
def exponentials(values: Floats, state: State) -> None:
    """Fill `values` with exponential numbers of mean one."""
    uniforms(values, state)
    for c in range(len(values)):
        values[c] = -log32(values[c])


@inlined
def binomial(number: int, chance: float, state: State) -> int:
    """How many of `number` come true, each with a chance, of 16 bits; four from each word."""
    limit = np.uint64(chance * 65536.0)
    found = 0
    for start in range(0, number, 4):
        state[0] += state[1]
        word = hashed(state[0])
        for _ in range(min(4, number - start)):
            found += int((word & _LOW16) < limit)
            word >>= _S16
    return found


@inlined
def standard_normal(state: State) -> float:
    """Sum of four uniform numbers of 32 bits, of two words, as a standard normal number."""
    state[0] += state[1]
    first = hashed(state[0])
    state[0] += state[1]
    second = hashed(state[0])
    total = np.float64(first & _LOW) + np.float64(first >> _S32)
    total += np.float64(second & _LOW) + np.float64(second >> _S32)
    return (total * 2.0**-32 - 2.0) * 1.7320508075688772
