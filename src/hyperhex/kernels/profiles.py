"""Lateral profiles added to logits, and their exponentials: what cells are expected to have.

Beside them the derivatives of the shares of the cells of a layer.

A profile is a table of logarithms at knots of ln h, h being the hits of the layer, of the logarithm
of their mean energy, and of the distance of a cell from where the particle entered, with linear
interpolation between the knots, as `hyperhex.fastsim.template` has it. This is its fast form:
distances are found once for all layers.
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import ANY_ORDER, compiled, inlined
from hyperhex.kernels.elementary import exp32
from hyperhex.kernels.product import ROWS_A_TILE, product_tile
from hyperhex.kernels.vectors import VECTOR_BYTES

__all__ = ["correct", "departures_back", "mean_at", "share_back", "shared_out", "weigh"]

Floats = NDArray[np.float32]

_CELLS = 2 * VECTOR_BYTES // 4  # of a tile
_product = product_tile(ROWS_A_TILE, 2)


@compiled
def weigh(
    departures: Floats,
    rows: NDArray[np.int64],
    groups: NDArray[np.int64],
    energy: Floats,
    number: Floats,
    impact: Floats,
    hits: Floats,
    shares: Floats,
    distances: Floats,
    radial: Floats,
    positions: Floats,
) -> Floats:
    """Weights exp(departure + profile) of cells, (m, n_cells).

    `departures` (m, n_groups) are of the cells of a group, `groups` (n_cells,); `rows`
    (n, n_layers) says which of the m are a layer's, -1 for one that is left out; `energy` [MIP] and
    `number` of hits of the layers (n, n_layers), `impact` (n, 2) and `positions` (n_cells, 2) [cm];
    knots `hits` (k,) of ln h, `shares` (j,) of ln of the mean energy [MIP], `distances` (d,) [cm];
    `radial` (k, j, n_layers, d). The largest exponent is 80. In a layer without hits all weights
    are 1.
    """
    (showers, n_layers), n_cells = rows.shape, len(groups)
    weights = np.empty((len(departures), n_cells), np.float32)
    knots, profiles, hats, apart, places, ends = _room(distances, n_layers, impact, positions)
    profile = np.empty(len(distances), np.float32)
    for shower in range(showers):
        _set_hats(hats, apart, ends, impact[shower], places, distances)
        for layer in range(n_layers):
            hit = number[shower, layer]
            if hit > np.float32(0.0):
                _between_knots(
                    profile, hit, energy[shower, layer], hits, shares, radial[:, :, layer]
                )
                for d in range(len(profile)):
                    knots[d, layer] = profile[d]
        _between_distances(profiles, knots, hats, ends)
        for layer in range(n_layers):
            own = rows[shower, layer]
            if own < 0:
                continue
            row, told, added = weights[own], departures[own], profiles[layer]
            if number[shower, layer] == np.float32(0.0):
                row[:] = np.float32(1.0)
                continue
            for c in range(n_cells):
                row[c] = told[groups[c]]
            for c in range(n_cells):
                row[c] = exp32(row[c] + added[c])
    return weights


@compiled
def correct(
    weights: Floats,
    rows: NDArray[np.int64],
    energy: Floats,
    number: Floats,
    impact: Floats,
    hits: Floats,
    shares: Floats,
    distances: Floats,
    radial: Floats,
    positions: Floats,
) -> None:
    """Multiply weights (m, n_cells) by the exponentials of profiles, in place.

    All others are as of `weigh`, but between the knots of distance the factors are linear, not
    their logarithms; layers without hits stay as they are.
    """
    (showers, n_layers), n_cells = rows.shape, weights.shape[1]
    knots, profiles, hats, apart, places, ends = _room(distances, n_layers, impact, positions)
    factor = np.empty(len(distances), np.float32)
    for shower in range(showers):
        _set_hats(hats, apart, ends, impact[shower], places, distances)
        for layer in range(n_layers):
            hit = number[shower, layer]
            if hit > np.float32(0.0):
                _between_knots(
                    factor, hit, energy[shower, layer], hits, shares, radial[:, :, layer]
                )
                for d in range(len(factor)):
                    factor[d] = exp32(factor[d])
                for d in range(len(factor)):
                    knots[d, layer] = factor[d]
        _between_distances(profiles, knots, hats, ends)
        for layer in range(n_layers):
            own = rows[shower, layer]
            if own >= 0 and number[shower, layer] > np.float32(0.0):
                row, times = weights[own], profiles[layer]
                for c in range(n_cells):
                    row[c] *= times[c]


@partial(compiled, fastmath=ANY_ORDER)
def shared_out(weights: Floats) -> Floats:
    """Divide the weights of layers (m, n_cells) by their sum, in place; those sums (m,)."""
    sums = np.empty(len(weights), np.float32)
    for layer in range(len(weights)):
        row, total = weights[layer], np.float32(0.0)
        for c in range(len(row)):
            total += row[c]
        times = np.float32(1.0) / total
        for c in range(len(row)):
            row[c] *= times
        sums[layer] = total
    return sums


@partial(compiled, fastmath=ANY_ORDER)
def share_back(slopes: Floats, shares: Floats, sums: Floats) -> Floats:
    """Gradient of the weights of layers from that of their shares w / sum w, all (m, n_cells).

    `sums` (m,) are those of the weights.
    """
    found = np.empty_like(slopes)
    for layer in range(len(slopes)):
        row, share, mean = slopes[layer], shares[layer], np.float32(0.0)
        for c in range(len(row)):
            mean += row[c] * share[c]
        times = np.float32(1.0) / sums[layer]
        for c in range(len(row)):
            found[layer, c] = (row[c] - mean) * times
    return found


@partial(compiled, fastmath=ANY_ORDER)
def departures_back(
    slopes: Floats, shares: Floats, groups: NDArray[np.int64], n_groups: int
) -> Floats:
    """Gradient of the departures of `weigh` from that of the shares of the weights.

    `slopes` and `shares` (m, n_cells), `groups` (n_cells,); result (m, n_groups).
    """
    found = np.zeros((len(slopes), n_groups), np.float32)
    moved = np.empty(slopes.shape[1], np.float32)
    for layer in range(len(slopes)):
        row, share, mean = slopes[layer], shares[layer], np.float32(0.0)
        for c in range(len(row)):
            mean += row[c] * share[c]
        for c in range(len(row)):
            moved[c] = (row[c] - mean) * share[c]
        for c in range(len(row)):
            found[layer, groups[c]] += moved[c]
    return found


@compiled
def _room(
    distances: Floats, n_layers: int, impact: Floats, positions: Floats
) -> tuple[Floats, Floats, Floats, Floats, Floats, NDArray[np.int64]]:
    """Room for the values of layers at knots and in cells, and for the weights of the knots.

    Layers and cells are rounded up to those of a tile. The last row of the first stays zero. Then
    room for numbers of cells, x and y of the cells, and which knots a tile of cells lies between
    for all impact points.
    """
    full_layers = -(-n_layers // ROWS_A_TILE) * ROWS_A_TILE
    tiles = -(-len(positions) // _CELLS)
    ends = np.empty((tiles, 2), np.int64)
    places = np.zeros((2, tiles * _CELLS), np.float32)
    places[:, : len(positions)] = positions.T
    reach = np.float32(0.0)
    for shower in range(len(impact)):
        reach = max(reach, _length(impact[shower, 0], impact[shower, 1]))
    for tile in range(tiles):
        near, far = np.float32(np.inf), np.float32(0.0)
        for c in range(tile * _CELLS, min((tile + 1) * _CELLS, len(positions))):
            away = _length(positions[c, 0], positions[c, 1])
            near, far = min(near, away - reach), max(far, away + reach)
        first, last = 0, len(distances) - 1
        while first < last and distances[first + 1] <= near:
            first += 1
        while last > first and distances[last - 1] >= far:
            last -= 1
        ends[tile, 0], ends[tile, 1] = first, last + 1
    return (
        np.zeros((len(distances) + 1, full_layers), np.float32),
        np.zeros((full_layers, tiles * _CELLS), np.float32),
        np.zeros((len(distances), tiles * _CELLS), np.float32),
        np.zeros((2, tiles * _CELLS), np.float32),
        places,
        ends,
    )


@inlined
def _length(x: np.float32, y: np.float32) -> np.float32:
    return np.float32(math.sqrt(x * x + y * y))


@inlined
def _set_hats(
    hats: Floats,
    room: Floats,
    ends: NDArray[np.int64],
    impact: Floats,
    places: Floats,
    distances: Floats,
) -> None:
    """Fill the weights of the knots for the distances of cells from a point, (n_knots, n_cells).

    That of a knot is the share of the way to it from the one before less that to the one behind.
    """
    none, one = np.float32(0.0), np.float32(1.0)
    apart, before = room[0], room[1]
    x, y = places[0], places[1]
    for c in range(len(x)):
        apart[c] = _length(x[c] - impact[0], y[c] - impact[1])
        before[c] = one
    last, first_tile, end_tile = len(distances) - 1, 0, 0
    for d in range(len(distances)):
        knot = distances[d]
        # behind the last knot there is none
        steep = one / (distances[d + 1] - knot) if d < last else none
        while end_tile < len(ends) and ends[end_tile, 0] <= d:
            end_tile += 1
        while first_tile < end_tile and ends[first_tile, 1] <= d:
            first_tile += 1
        cells = slice(first_tile * _CELLS, end_tile * _CELLS)
        away, hat, part = apart[cells], hats[d, cells], before[cells]
        for c in range(len(away)):
            share = min(max((away[c] - knot) * steep, none), one)
            hat[c] = part[c] - share
            part[c] = share


@inlined
def _between_distances(rows: Floats, knots: Floats, hats: Floats, ends: NDArray[np.int64]) -> None:
    """Fill with the values of layers in cells (n_layers, n_cells) from those at the knots.

    Cells come ring by ring, so that few of the knots matter in a tile of them.
    """
    values, weights, out, none = knots.reshape(-1), hats.reshape(-1), rows.reshape(-1), knots[-1]
    n_layers, n_cells = rows.shape
    for tile in range(len(ends)):
        first, terms = ends[tile, 0], ends[tile, 1] - ends[tile, 0]
        c = tile * _CELLS
        for layer in range(0, n_layers, ROWS_A_TILE):
            _product(
                values, first * n_layers + layer, n_layers, weights, first * n_cells + c, n_cells,
                terms, none, layer, out, layer * n_cells + c, n_cells, 0,
            )  # fmt: skip


@inlined
def _between_knots(
    profile: Floats,
    hit: np.float32,
    energy: np.float32,
    hits: Floats,
    shares: Floats,
    tables: Floats,
) -> None:
    """Fill with what tables (k, j, d) have for a layer with so many hits of such energy."""
    k, more = _between(np.float32(math.log(hit)), hits)
    j, part = _between(np.float32(math.log(energy / hit)), shares)
    few, many = tables[k], tables[k + 1]
    for d in range(len(profile)):
        low = few[j, d] + part * (few[j + 1, d] - few[j, d])
        high = many[j, d] + part * (many[j + 1, d] - many[j, d])
        profile[d] = low + more * (high - low)


@inlined
def mean_at(
    hit: np.float32, energy: np.float32, hits: Floats, shares: Floats, table: Floats
) -> np.float32:
    """What a table (k, j) has for a layer with so many hits of such energy [MIP] together."""
    k, more = _between(np.float32(math.log(hit)), hits)
    j, part = _between(np.float32(math.log(energy / hit)), shares)
    low = table[k, j] + part * (table[k, j + 1] - table[k, j])
    high = table[k + 1, j] + part * (table[k + 1, j + 1] - table[k + 1, j])
    return np.float32(low + more * (high - low))


@inlined
def _between(value: np.float32, knots: Floats) -> tuple[int, np.float32]:
    """Knot below a value and the share of the way to the next; the ends beyond them."""
    knot = 0
    for k in range(1, len(knots) - 1):
        knot += value >= knots[k]
    part = (value - knots[knot]) / (knots[knot + 1] - knots[knot])
    return knot, np.float32(min(max(part, np.float32(0.0)), np.float32(1.0)))
