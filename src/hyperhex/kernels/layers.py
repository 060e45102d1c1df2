"""Energy and hits of the layers of showers, drawn one after the other: `LayerDensity`, compiled.

Showers lie in the lanes of vectors and a block of them passes all factors while the caches hold it.
Torch would start some twenty operations for each factor, which take longer than what they compute.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import ANY_ORDER, compiled, inlined
from hyperhex.kernels.elementary import exp32
from hyperhex.kernels.product import ROWS_A_TILE, product_tile
from hyperhex.kernels.vectors import VECTOR_BYTES

__all__ = ["Bounds", "Factors", "Given", "Tables", "draw_layers", "factors_of"]

Floats = NDArray[np.float32]


_PAIR = 2 * VECTOR_BYTES // 4  # showers
_BLOCK = 64  # showers, a multiple of a pair of any vectors

_product = product_tile(ROWS_A_TILE, 2)


class Factors(NamedTuple):
    """Networks of the factors: weights (factors, inputs, outputs), what is not seen being zero.

    Biases are (factors, outputs); `factors_of` makes them. Of the outputs of the last the first
    3 `components` mean something.
    """

    first: Floats
    first_bias: Floats
    second: Floats
    second_bias: Floats
    last: Floats
    last_bias: Floats
    components: int


class Tables(NamedTuple):
    """Scales and tables as of `LayerDensity` and `Conditions`.

    `hits` and `excess` are mean and deviation of inputs, (2, n_layers), `left` (4, n_layers),
    `quantiles` (n_layers, k, n_places) at the knots `crowd` (k,).
    """

    hits: Floats
    excess: Floats
    left: Floats
    quantiles: Floats
    crowd: Floats


class Bounds(NamedTuple):
    """Limits and constants of the density, as its module has them."""

    threshold: np.float32
    n_cells: np.float32
    slope: np.float32
    narrowest: np.float32
    narrowest_place: np.float32
    widest: np.float32
    farthest_total: np.float32
    farthest_place: np.float32
    blur: np.float32
    least: np.float32
    fewest_times: np.float32
    most_times: np.float32


class Given(NamedTuple):
    """What showers are drawn for, and the random numbers that they are drawn with.

    `particle` (5, n) are the inputs that all factors see; `response` (2, n) [MIP], mean of the
    energy of all layers and how much more it is for a drawn number of one; `more_hits`
    (n_layers, n) is added to 2 sqrt(h); `choice` and `away` (1 + 2 n_layers, n) say which component
    of the mixture of a factor, and how many of its widths from its mean.
    """

    particle: Floats
    response: Floats
    more_hits: Floats
    choice: Floats
    away: Floats


class _Room(NamedTuple):
    """Inputs, units and outputs of a factor's network, (k, block), and numbers of a block.

    `value` is what a factor draws; `whole` the energy above all thresholds, `left` what is left of
    it, or how many thresholds are, `behind` the hits of a layer and those behind it, `total` the
    sum of the energies [MIP].
    """

    inputs: Floats
    first: Floats
    second: Floats
    told: Floats
    value: Floats
    highest: Floats
    reached: Floats
    limit: Floats
    width: Floats
    whole: Floats
    left: Floats
    behind: Floats
    total: Floats


def factors_of(weights: Sequence[Floats], biases: Sequence[Floats], components: int) -> Factors:
    """Factors of three weights (factors, inputs, outputs) and biases (factors, 1, outputs).

    Their widths may be any: there are more outputs, of zero, for what registers hold to be full.
    """
    padded, rows = [], 1
    for weight, bias in zip(weights, biases, strict=True):
        more = (0, 0), (0, -weight.shape[1] % rows), (0, -weight.shape[2] % ROWS_A_TILE)
        padded.append((np.pad(weight, more), np.pad(bias[:, 0], (more[0], more[2]))))
        rows = ROWS_A_TILE
    first, second, last = padded
    return Factors(*first, *second, *last, components)


@compiled
def draw_layers(
    given: Given, factors: Factors, tables: Tables, bounds: Bounds
) -> tuple[Floats, Floats]:
    """Energy [MIP] and hits of layers, both (n, n_layers)."""
    number, n_layers = given.particle.shape[1], tables.hits.shape[1]
    energy = np.empty((number, n_layers), np.float32)
    hits = np.empty((number, n_layers), np.float32)
    inputs = np.zeros((factors.first.shape[1], _BLOCK), np.float32)
    first = np.zeros((factors.first.shape[2], _BLOCK), np.float32)
    second = np.zeros((factors.second.shape[2], _BLOCK), np.float32)
    told = np.zeros((factors.last.shape[2], _BLOCK), np.float32)
    numbers = np.zeros((9, _BLOCK), np.float32)
    drawn = numbers[0], numbers[1], numbers[2], numbers[3], numbers[4]
    sums = numbers[5], numbers[6], numbers[7], numbers[8]
    room = _Room(inputs, first, second, told, *drawn, *sums)
    for start in range(0, number, _BLOCK):
        end = min(start + _BLOCK, number)
        rows = slice(start, end)
        inputs[:] = np.float32(0.0)
        inputs[:5, : end - start] = given.particle[:, rows]
        part = Given(
            given.particle[:, rows],
            given.response[:, rows],
            given.more_hits[:, rows],
            given.choice[:, rows],
            given.away[:, rows],
        )
        _draw_block(energy[rows], hits[rows], room, part, factors, tables, bounds)
    return energy, hits


@inlined
def _draw_block(
    energy: Floats,
    hits: Floats,
    room: _Room,
    given: Given,
    factors: Factors,
    tables: Tables,
    bounds: Bounds,
) -> None:
    """Fill energy and hits of some showers, (n, n_layers)."""
    number, n_layers = energy.shape
    none = np.float32(0.0)
    _draw(room, 0, 5, given, factors, bounds, bounds.narrowest)
    for p in range(number):
        limit = bounds.farthest_total
        room.inputs[5, p] = min(max(room.value[p], -limit), limit)
        total = max(given.response[0, p] + given.response[1, p] * room.value[p], none)
        room.whole[p], room.left[p] = total, np.floor(total / bounds.threshold)
        room.behind[p], room.total[p] = none, none
    for layer in range(n_layers):
        _draw(room, 1 + layer, 6 + layer, given, factors, bounds, bounds.narrowest)
        _count(hits, room, given, tables, bounds, layer)
    for p in range(number):
        above = max(room.whole[p] - bounds.threshold * room.behind[p], none)
        room.whole[p], room.left[p] = above, above
    for layer in range(n_layers):
        _tell_what_is_left(room, tables, bounds, layer, number)
        every = len(room.inputs)
        _draw(room, 1 + n_layers + layer, every, given, factors, bounds, bounds.narrowest_place)
        _weigh(energy, hits, room, tables, bounds, layer)
    for p in range(number):
        times = room.whole[p] / max(room.total[p], bounds.least)
        times = min(max(times, bounds.fewest_times), bounds.most_times)
        for layer in range(n_layers):
            energy[p, layer] = times * energy[p, layer] + bounds.threshold * hits[p, layer]


@inlined
def _count(
    hits: Floats, room: _Room, given: Given, tables: Tables, bounds: Bounds, layer: int
) -> None:
    """Fill the hits of a layer, of which there may be as many as there are thresholds left."""
    half, two = np.float32(0.5), np.float32(2.0)
    mean, width = tables.hits[0, layer], tables.hits[1, layer]
    for p in range(len(hits)):
        root = half * (room.value[p] * width + mean + given.more_hits[layer, p])
        root = max(root, np.float32(0.0))
        found = min(np.float32(np.floor(root * root + half)), bounds.n_cells)
        found = min(found, room.left[p])
        room.left[p] -= found
        room.behind[p] += found
        hits[p, layer] = found
        room.inputs[6 + layer, p] = (two * np.float32(math.sqrt(found)) - mean) / width


@inlined
def _tell_what_is_left(
    room: _Room, tables: Tables, bounds: Bounds, layer: int, number: int
) -> None:
    """Set the input that is the energy of a hit of this layer and those behind it."""
    mean, deviation, low, high = tables.left[:, layer]
    place = 6 + 2 * tables.hits.shape[1] + layer
    for p in range(number):
        found = np.float32(0.0)
        if room.behind[p] > found:
            rest = max(room.left[p] + bounds.blur * room.whole[p], bounds.least)
            found = np.float32(math.log(rest / room.behind[p]))
        room.inputs[place, p] = (min(max(found, low), high) - mean) / deviation


@inlined
def _weigh(
    energy: Floats, hits: Floats, room: _Room, tables: Tables, bounds: Bounds, layer: int
) -> None:
    """Fill the energy of a layer above its thresholds."""
    none = np.float32(0.0)
    mean, width = tables.excess[0, layer], tables.excess[1, layer]
    place = 6 + hits.shape[1] + layer
    for p in range(len(hits)):
        hit, found = hits[p, layer], none
        if hit > none:
            logarithm = _quantile(room.value[p], hit, tables, layer, bounds.farthest_place)
            found = hit * exp32(logarithm)
        room.inputs[place, p] = (np.float32(math.log1p(found)) - mean) / width
        room.left[p] = max(room.left[p] - found, none)
        room.behind[p] -= hit
        room.total[p] += found
        energy[p, layer] = found


@inlined
def _draw(
    room: _Room,
    factor: int,
    terms: int,
    given: Given,
    factors: Factors,
    bounds: Bounds,
    narrowest: np.float32,
) -> None:
    """Fill the values of a factor, whose network sees no more than the first `terms` inputs."""
    full = -(-given.choice.shape[1] // _PAIR) * _PAIR
    first, second, told = room.first, room.second, room.told
    _layer(first, room.inputs, terms, factors.first[factor], factors.first_bias[factor], full)
    _leak(first, bounds.slope)
    _layer(second, first, len(first), factors.second[factor], factors.second_bias[factor], full)
    _leak(second, bounds.slope)
    _layer(told, second, len(second), factors.last[factor], factors.last_bias[factor], full)
    drawn = given.choice[factor], given.away[factor]
    _values(room, *drawn, factors.components, narrowest, bounds.widest)


@inlined
def _layer(
    out: Floats, values: Floats, terms: int, weight: Floats, bias: Floats, full: int
) -> None:
    """Linear layer, out (outputs, block) of values (inputs, block), for `full` showers."""
    a, b, flat = weight.reshape(-1), values.reshape(-1), out.reshape(-1)
    row = len(bias)
    for r in range(0, row, ROWS_A_TILE):
        for p in range(0, full, _PAIR):
            _product(a, r, row, b, p, _BLOCK, terms, bias, r, flat, r * _BLOCK + p, _BLOCK, 0)


@inlined
def _leak(values: Floats, slope: np.float32) -> None:
    """Rectifier that leaks, in place."""
    flat = values.reshape(-1)
    for k in range(len(flat)):
        flat[k] = max(flat[k], slope * flat[k])


@partial(inlined, fastmath=ANY_ORDER)
def _values(
    room: _Room,
    choice: Floats,
    away: Floats,
    components: int,
    narrowest: np.float32,
    widest: np.float32,
) -> None:
    """Fill the values with the mean of a component and so many of its widths away.

    What the network says are logits of the components, their means, and logarithms of their widths,
    which have limits; `choice`, uniform in (0, 1), decides which component, by their running sum.
    """
    told, value, highest = room.told, room.value, room.highest
    reached, limit, width = room.reached, room.limit, room.width
    for p in range(_BLOCK):
        highest[p], limit[p] = told[0, p], np.float32(0.0)
    for k in range(1, components):
        for p in range(_BLOCK):
            highest[p] = max(highest[p], told[k, p])
    for k in range(components):
        for p in range(_BLOCK):
            told[k, p] = exp32(told[k, p] - highest[p])
            limit[p] += told[k, p]
    for p in range(len(choice)):
        limit[p] *= choice[p]
    for p in range(_BLOCK):
        reached[p], value[p], width[p] = told[0, p], told[components, p], told[2 * components, p]
    for k in range(1, components):
        for p in range(_BLOCK):
            past = reached[p] < limit[p]
            value[p] = told[components + k, p] if past else value[p]
            width[p] = told[2 * components + k, p] if past else width[p]
            reached[p] += told[k, p]
    for p in range(_BLOCK):
        width[p] = exp32(min(max(width[p], narrowest), widest))
    for p in range(len(choice)):
        value[p] += width[p] * away[p]


@inlined
def _quantile(
    place: np.float32, hit: np.float32, tables: Tables, layer: int, farthest: np.float32
) -> np.float32:
    """Value at a place of the normal density, for a layer with so many hits."""
    crowd, last = tables.crowd, tables.quantiles.shape[2] - 1
    logarithm, knot = np.float32(math.log(hit)), 0
    for k in range(1, len(crowd) - 1):
        knot += logarithm >= crowd[k]
    part = (logarithm - crowd[knot]) / (crowd[knot + 1] - crowd[knot])
    part = min(max(part, np.float32(0.0)), np.float32(1.0))
    inside = min(max(place, -farthest), farthest)
    step = (inside + farthest) * (np.float32(last) / (np.float32(2.0) * farthest))
    below = min(np.int32(step), np.int32(last - 1))
    share = step - np.float32(below)
    few, many = tables.quantiles[layer, knot], tables.quantiles[layer, knot + 1]
    low = few[below] + share * (few[below + 1] - few[below])
    high = many[below] + share * (many[below + 1] - many[below])
    return low + part * (high - low)
