"""Cells of a shower drawn when the energy and the number of hit cells of each layer are known.

In a layer of energy E [MIP] of which h cells are hit, with fractions p_c of the energy expected in
the cells, particles cross cell c at the rate lambda_c = p_c E / m, m being the mean energy of one
crossing. The first crossing of c comes at the time t_c = x_c / lambda_c, x_c exponential, and the
cells that are hit are those with the smallest t_c: a race, as in weighted sampling without
replacement (Efraimidis & Spirakis 2006). One that is reached before the time 1 is crossed
1 + Poisson(lambda_c - x_c) times, the others once; the energy of so many crossings is drawn from
tables. A share of the cells is not raced for: they are neighbours of cells that are hit, since a
particle that crosses the border of two cells hits both.

Where few cells are hit, several such energies are drawn and those with the sum nearest to E are
kept. What is left is made good by the cells with much energy, in which a crossing more or less does
not show: the energy y above the threshold becomes y + k y^2 / (y + b), with k for the sum to be E.

Random numbers are those of a counter for each shower, so that a shower does not depend on what is
drawn with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import compiled, inlined
from hyperhex.kernels.counter import State, begin, hashed, uniform

__all__ = [
    "DRAWS",
    "KNOTS_PER_UNIT",
    "LARGEST_STEP",
    "MOST_DRAWS",
    "NEAR",
    "PLACES",
    "SOFT",
    "HitTables",
    "Hits",
    "draw_hits",
]

Floats = NDArray[np.float32]

KNOTS_PER_UNIT = 32
LARGEST_STEP = -0.8
SOFT = 20.0  # [MIP] what has much energy, b
DRAWS = 64
MOST_DRAWS = 16
NEAR = 0.02
PLACES = 4
_FEW = 12.0
_MOST = 64
_LEAST = 1e-3

_ONE = np.uint64(1)
_LOW = np.uint64(0xFFFFFFFF)
_LOW16 = np.uint64(0xFFFF)
_S16 = np.uint64(16)
_S32 = np.uint64(32)


@dataclass(frozen=True)
class HitTables:
    """What is known of single crossings, by zone of the patch and layer.

    Attributes
    ----------
    sums : quantiles of the energy of 1, 2, ... crossings at the exponential variable t = -ln(1 - u)
        on a grid of 1/32, (n_zones, n_layers, largest number, n_knots) [MIP]
    moments : mean and variance of the energy of one, (n_zones, n_layers, 2) [MIP, MIP^2]
    shared : share of the hit cells that are neighbours of another, (n_layers,)
    zones : zone of each cell, (n_cells,)
    neighbours : neighbours of each cell, -1 for none, (n_cells, 6)
    threshold : least energy of a hit cell [MIP]
    """

    sums: Floats
    moments: NDArray[np.float64]
    shared: NDArray[np.float64]
    zones: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    threshold: float


@dataclass(frozen=True)
class Hits:
    """Hit cells of showers one after the other.

    Attributes
    ----------
    first : where the hits of each shower begin, and the end of the last, (n + 1,)
    cell : place of each hit in a shower's (n_layers, n_cells), layers one after the other
    energy : of each hit [MIP]
    """

    first: NDArray[np.int64]
    cell: NDArray[np.int32]
    energy: Floats

    def dense(self, n_layers: int, n_cells: int) -> Floats:
        """Energies of all cells, (n, n_layers, n_cells), zero where there is no hit."""
        cells = np.zeros((len(self.first) - 1, n_layers, n_cells), np.float32)
        shower = np.repeat(np.arange(len(cells)), np.diff(self.first))
        cells.reshape(len(cells), n_layers * n_cells)[shower, self.cell] = self.energy
        return cells


def draw_hits(
    weights: Floats, energy: Floats, hits: NDArray[np.int32], tables: HitTables, seed: int
) -> Hits:
    """Hits of showers.

    `weights` (n, n_layers, n_cells) are in proportion to the energy that is expected in the cells
    of a layer; `energy` [MIP] and number of hit cells `hits`, (n, n_layers). The hits of a layer
    sum to its energy, and there are as many as told; the energy must be at least the threshold
    times the hits.
    """
    if (most := hits.max(initial=0)) > weights.shape[2]:
        msg = f"{most} hits in a layer of {weights.shape[2]} cells, expected at most as many"
        raise ValueError(msg)
    number = hits.sum(axis=1, dtype=np.int64)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(number)])
    found = Hits(first, np.empty(first[-1], np.int32), np.empty(first[-1], np.float32))
    _draw_showers(
        weights,
        energy,
        hits,
        tables.sums,
        tables.moments,
        tables.shared,
        tables.zones,
        tables.neighbours,
        tables.threshold,
        np.uint64(seed),
        found.cell,
        found.energy,
    )
    return found


@compiled
def _draw_showers(
    weights: Floats,
    energy: Floats,
    hits: NDArray[np.int32],
    sums: Floats,
    moments: NDArray[np.float64],
    shared: NDArray[np.float64],
    zones: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    threshold: float,
    seed: np.uint64,
    cell: NDArray[np.int32],
    drawn_energy: Floats,
) -> None:
    n_cells = weights.shape[2]
    state = np.zeros(2, np.uint64)
    race = np.empty(n_cells, np.float32)
    times = np.empty(n_cells, np.float32)
    order = times.view(np.int32)
    taken = np.zeros(n_cells, np.bool_)
    place = np.empty(n_cells + 1, np.int64)
    number = np.empty(n_cells, np.float64)
    zone = np.empty(n_cells, np.int64)
    kept = np.empty(n_cells, np.float64)
    drawn = np.empty(n_cells, np.float64)
    bits = race.view(np.int32)
    done = 0
    for shower in range(len(weights)):
        begin(state, seed, np.uint64(shower))
        for layer in range(weights.shape[1]):
            hit = hits[shower, layer]
            if hit == 0:
                continue
            weight = weights[shower, layer]
            _exponentials(race, bits, state)
            total = np.float32(0.0)
            for c in range(n_cells):
                total += weight[c]
                times[c] = race[c] / (weight[c] + np.float32(1e-30))
            rate = energy[shower, layer] / total
            first = hit - _shares(hit, shared[layer], state)
            last = _last_of(order, first)
            counted = 0
            for c in range(n_cells):
                place[counted] = c
                counted += order[c] <= last
            first = min(first, counted)
            for one in range(first):
                c = place[one]
                more = weight[c] * rate / moments[zones[c], layer, 0] - race[c]
                number[one] = 1.0 + (_poisson(more, state) if more > 0.0 else 0.0)
                taken[c] = True
            for one in range(first, hit):
                c = _beside(place, first, neighbours, taken, times, state)
                place[one], number[one] = c, 1
                taken[c] = True
            for one in range(hit):
                zone[one] = zones[place[one]]
                taken[place[one]] = False
            wanted = max(energy[shower, layer] - threshold * hit, _LEAST)
            crossed = number, zone, sums[:, layer], moments[:, layer]
            _energies(kept, drawn, crossed, hit, wanted, threshold, (race, bits, state))
            _make_good(kept, hit, wanted)
            for one in range(hit):
                cell[done] = layer * n_cells + place[one]
                drawn_energy[done] = threshold + kept[one]
                done += 1


@inlined
def _exponentials(values: Floats, bits: NDArray[np.int32], state: State) -> None:
    """Fill `values` with exponential numbers of mean one, 23 bits each; `bits` is a view of them.

    The counter is hashed by 32-bit words (lowbias32, C. Wellons) and ln u is a polynomial about
    3/2 of the mantissa, so that the loops are those of vector registers.
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
    for c in range(len(values)):
        word32 = bits[c]
        exponent = np.float32((word32 >> np.int32(23)) - np.int32(127))
        bits[c] = (word32 & np.int32(0x007FFFFF)) | np.int32(0x3F800000)
        y = (values[c] - np.float32(1.5)) * np.float32(1.0 / 1.5)
        series = np.float32(1.0 / 7.0) - y * np.float32(0.125)
        series = np.float32(1.0 / 6.0) - y * series
        series = np.float32(0.2) - y * series
        series = np.float32(0.25) - y * series
        series = np.float32(1.0 / 3.0) - y * series
        series = np.float32(0.5) - y * series
        series = y * (np.float32(1.0) - y * series)
        log_mantissa = np.float32(math.log(1.5)) + series
        values[c] = -(exponent * np.float32(math.log(2.0)) + log_mantissa)


@inlined
def _last_of(order: NDArray[np.int32], number: int) -> np.int32:
    """Value that so many are not above, by bisection: comparing all costs less than sorting some.

    Numbers of 32 bits that are positive are in the order of their bits.
    """
    low, high = np.int32(0), np.int32(0x7F800000)
    while high - low > 1:
        middle = np.int32(low + ((high - low) >> np.int32(1)))
        below = np.int32(0)
        for c in range(len(order)):
            below += np.int32(order[c] <= middle)
        if below == number:
            return middle
        if below < number:
            low = middle
        else:
            high = middle
    return high


@inlined
def _shares(hit: int, share: float, state: State) -> int:
    """Binomial number of hit cells that are neighbours of the others, of which one is left.

    Four chances of 16 bits from each word.
    """
    limit = np.uint64(share * 65536.0)
    found = 0
    for start in range(0, hit - 1, 4):
        state[0] += state[1]
        word = hashed(state[0])
        for _ in range(min(4, hit - 1 - start)):
            if (word & _LOW16) < limit:
                found += 1
            word >>= _S16
    return found


@inlined
def _poisson(mean: float, state: State) -> float:
    """Poisson number by inversion; a mean of more than 12 itself, which fluctuates in `_many`."""
    if mean > _FEW:
        return mean
    # the chance of none is at least 1 - mean
    left = uniform(state)
    if left >= mean:
        return 0.0
    chance = math.exp(-mean)
    left = 1.0 - left - chance
    number = 0.0
    while left > 0.0 and number < _MOST:
        number += 1.0
        chance *= mean / number
        left -= chance
    return number


@inlined
def _normal(state: State) -> float:
    """Sum of four uniform numbers of 32 bits, of two words, as a standard normal number."""
    state[0] += state[1]
    first = hashed(state[0])
    state[0] += state[1]
    second = hashed(state[0])
    total = np.float64(first & _LOW) + np.float64(first >> _S32)
    total += np.float64(second & _LOW) + np.float64(second >> _S32)
    return (total * 2.0**-32 - 2.0) * 1.7320508075688772


@inlined
def _beside(
    place: NDArray[np.int64],
    number: int,
    neighbours: NDArray[np.int64],
    taken: NDArray[np.bool_],
    times: Floats,
    state: State,
) -> int:
    """Cell without a hit beside one of the first `number` places, or else the next of the race."""
    for _ in range(PLACES):
        beside = neighbours[place[int(uniform(state) * number)], int(uniform(state) * 6.0)]
        if beside >= 0 and not taken[beside]:
            return beside
    following = -1
    for c in range(len(taken)):
        if not taken[c] and (following < 0 or times[c] < times[following]):
            following = c
    return following


@inlined
def _energies(
    kept: NDArray[np.float64],
    drawn: NDArray[np.float64],
    crossed: tuple[NDArray[np.float64], NDArray[np.int64], Floats, NDArray[np.float64]],
    hit: int,
    wanted: float,
    threshold: float,
    random: tuple[Floats, NDArray[np.int32], State],
) -> None:
    """Energies above the threshold of cells that are crossed; of several, those that fit.

    `crossed` are how often and the zone of each cell, and the tables of its layer; `random` room
    for exponential numbers, and the state.
    """
    number, zone, sums, moments = crossed
    exponential, bits, state = random
    draws = min(MOST_DRAWS, max(1, DRAWS // hit)) if hit > 1 else 1
    last = np.float32(sums.shape[2] - 1.001)
    nearest = np.inf
    for _ in range(draws):
        _exponentials(exponential[:hit], bits[:hit], state)
        total = 0.0
        for one in range(hit):
            where, times = zone[one], number[one]
            if times > sums.shape[1] or times != math.floor(times):
                energy = _many(times, moments[where, 0], moments[where, 1], state)
            else:
                place = min(exponential[one] * np.float32(KNOTS_PER_UNIT), last)
                knot = int(place)
                row = sums[where, int(times) - 1]
                energy = row[knot] + (place - knot) * (row[knot + 1] - row[knot])
            drawn[one] = max(energy - threshold, _LEAST)
            total += drawn[one]
        apart = max(total / wanted, wanted / total) - 1.0
        if apart < nearest:
            nearest = apart
            for one in range(hit):
                kept[one] = drawn[one]
        if apart < NEAR:
            break


@inlined
def _many(number: float, mean: float, variance: float, state: State) -> float:
    """Energy of more crossings than are tabled, as a gamma variable (Wilson & Hilferty 1931).

    A whole number is as it is; one that is not is the mean of a Poisson number, but for the first.
    """
    spread = number * variance
    if number != math.floor(number):
        spread += (number - 1.0) * mean * mean
    total = number * mean
    ninth = spread / (9.0 * total * total)
    root = 1.0 - ninth + _normal(state) * math.sqrt(ninth)
    return total * root * root * root


@inlined
def _make_good(kept: NDArray[np.float64], hit: int, wanted: float) -> None:
    """Change energies for their sum to be what is wanted."""
    total, movable = 0.0, 0.0
    for one in range(hit):
        total += kept[one]
        movable += kept[one] * kept[one] / (kept[one] + SOFT)
    step = (wanted - total) / movable
    for one in range(hit):
        if step < LARGEST_STEP:
            kept[one] *= wanted / total
        else:
            kept[one] *= 1.0 + step * kept[one] / (kept[one] + SOFT)
