"""Which cells of a layer are hit: the first of a race, and companions beside them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import inlined
from hyperhex.kernels.counter import State
from hyperhex.kernels.variates import uniforms

__all__ = ["ATTEMPTS", "ATTEMPTS_AT_ONCE", "companions", "first_of"]

ATTEMPTS = 16
"""How many neighbours are tried for each companion; few layers are so dense that more would do."""

ATTEMPTS_AT_ONCE = 4
"""How many of them are drawn together, for all companions of a layer."""

_BEYOND = np.int32(0x7F800000)  # the bits of infinity
_OCTAVE = np.int32(1 << 23)


@inlined
def first_of(
    place: NDArray[np.int32],
    order: NDArray[np.int32],
    n_cells: int,
    number: int,
    guess: np.int32,
) -> None:
    """Find the places of the `number` smallest; room for one more is written to.

    `order` are the bits of positive numbers of 32 bits, which are in the order of the numbers.
    """
    last = _last_of(order, number, guess)
    counted = 0
    for c in range(n_cells):
        place[counted] = c
        counted += order[c] <= last


@inlined
def _last_of(order: NDArray[np.int32], number: int, guess: np.int32) -> np.int32:
    """Value that `number` values are not above, or that the last of them is equal to.

    From a guess by octaves until it is enclosed, then by false position: to compare all of them a
    few times costs less than to sort some.
    """
    low, high = np.int32(0), _BEYOND
    few, many = np.int32(0), np.int32(len(order))
    middle = min(max(guess, np.int32(1)), np.int32(_BEYOND - 1))
    while high - low > 1:
        below = np.int32(0)
        for c in range(len(order)):
            below = np.int32(below + np.int32(order[c] <= middle))
        if below == number:
            return middle
        if below < number:
            low, few = middle, below
        else:
            high, many = middle, below
        if high == _BEYOND and low < _BEYOND - _OCTAVE:
            middle = np.int32(low + _OCTAVE)
        elif low == 0 and high > _OCTAVE:
            middle = np.int32(high - _OCTAVE)
        else:
            part = np.float32(number - few) / np.float32(many - few)
            part = min(max(part, np.float32(0.1)), np.float32(0.9))
            middle = np.int32(low + np.int32(np.float32(high - low) * part))
            middle = min(max(middle, np.int32(low + 1)), np.int32(high - 1))
    return high


@inlined
def companions(
    place: NDArray[np.int32],
    first: int,
    hit: int,
    neighbours: NDArray[np.int64],
    taken: NDArray[np.bool_],
    room: NDArray[np.float32],
    state: State,
) -> int:
    """Fill `place` from `first` to `hit` with cells without a hit beside one of the first places.

    There are `ATTEMPTS` for each; in a layer that is all but full some find none even so. Returns
    where the places end. `taken` (n_cells + 1,) is false but for its end, which stands for no cell,
    and is left so; `room` is for random numbers, `ATTEMPTS_AT_ONCE` of each companion.
    """
    if first == hit:
        return hit
    nowhere = np.int64(len(taken) - 1)
    for one in range(first):
        taken[place[one]] = True
    number, sides = ATTEMPTS_AT_ONCE * (hit - first), np.float32(6 * first)
    found = first
    for _ in range(ATTEMPTS // ATTEMPTS_AT_ONCE):
        uniforms(room[:number], state)
        for attempt in range(number):
            side = np.int32(room[attempt] * sides)
            beside = neighbours[place[side // 6], side % 6]
            beside = nowhere if beside < 0 else beside
            # written whether it is free or not: a branch that nobody can foretell costs more
            place[found] = beside
            found += not taken[beside]
            taken[beside] = True
            if found == hit:
                break
        if found == hit:
            break
    for one in range(found):
        taken[place[one]] = False
    return found
