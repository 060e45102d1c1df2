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

__all__ = ["correct", "departures_back", "share_back", "shared_out", "weigh"]

Floats = NDArray[np.float32]


@compiled
def weigh(
    departures: Floats,
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
    """Weights exp(departure + profile) of cells, (n, n_layers, n_cells).

    `departures` (n, n_layers, n_groups) are of the cells of a group, `groups` (n_cells,);
    `energy` [MIP] and `number` of hits of the layers (n, n_layers), `impact` (n, 2) and `positions`
    (n_cells, 2) [cm]; knots `hits` (k,) of ln h, `shares` (j,) of ln of the mean energy [MIP],
    `distances` (d,) [cm]; `radial` (k, j, n_layers, d). The largest exponent is 80. In a layer
    without hits all weights are 1.
    """
    showers, n_layers, n_cells = len(departures), departures.shape[1], len(groups)
    weights = np.empty((showers, n_layers, n_cells), np.float32)
    profile = np.empty(len(distances), np.float32)
    apart = np.empty(n_cells, np.float32)
    below = np.empty(n_cells, np.int32)
    for shower in range(showers):
        _places(apart, below, impact[shower], positions, distances)
        for layer in range(n_layers):
            hit = number[shower, layer]
            if hit == np.float32(0.0):
                weights[shower, layer] = np.float32(1.0)
                continue
            _between_knots(profile, hit, energy[shower, layer], hits, shares, radial[:, :, layer])
            row, told = weights[shower, layer], departures[shower, layer]
            for c in range(n_cells):
                low, high = profile[below[c]], profile[below[c] + 1]
                row[c] = told[groups[c]] + low + apart[c] * (high - low)
            for c in range(n_cells):
                row[c] = exp32(row[c])
    return weights


@compiled
def correct(
    weights: Floats,
    energy: Floats,
    number: Floats,
    impact: Floats,
    hits: Floats,
    shares: Floats,
    distances: Floats,
    radial: Floats,
    positions: Floats,
) -> None:
    """Multiply weights (n, n_layers, n_cells) by the exponentials of profiles, in place.

    All others are as of `weigh`, but between the knots of distance the factors are linear, not
    their logarithms; layers without hits stay as they are.
    """
    factor = np.empty(len(distances), np.float32)
    apart = np.empty(weights.shape[2], np.float32)
    below = np.empty(weights.shape[2], np.int32)
    for shower in range(weights.shape[0]):
        _places(apart, below, impact[shower], positions, distances)
        for layer in range(weights.shape[1]):
            hit = number[shower, layer]
            if hit == np.float32(0.0):
                continue
            _between_knots(factor, hit, energy[shower, layer], hits, shares, radial[:, :, layer])
            for d in range(len(distances)):
                factor[d] = exp32(factor[d])
            row = weights[shower, layer]
            for c in range(len(row)):
                low, high = factor[below[c]], factor[below[c] + 1]
                row[c] *= low + apart[c] * (high - low)


@partial(compiled, fastmath=ANY_ORDER)
def shared_out(weights: Floats) -> Floats:
    """Divide weights (n, n_layers, n_cells) by their sum in each layer, in place; those sums."""
    sums = np.empty(weights.shape[:2], np.float32)
    for shower in range(weights.shape[0]):
        for layer in range(weights.shape[1]):
            row, total = weights[shower, layer], np.float32(0.0)
            for c in range(len(row)):
                total += row[c]
            times = np.float32(1.0) / total
            for c in range(len(row)):
                row[c] *= times
            sums[shower, layer] = total
    return sums


@partial(compiled, fastmath=ANY_ORDER)
def share_back(slopes: Floats, shares: Floats, sums: Floats) -> Floats:
    """Gradient of weights from that of their shares w / sum w, all (n, n_layers, n_cells).

    `sums` (n, n_layers) are those of the weights in a layer.
    """
    found = np.empty_like(slopes)
    for shower in range(slopes.shape[0]):
        for layer in range(slopes.shape[1]):
            row, share, mean = slopes[shower, layer], shares[shower, layer], np.float32(0.0)
            for c in range(len(row)):
                mean += row[c] * share[c]
            times = np.float32(1.0) / sums[shower, layer]
            for c in range(len(row)):
                found[shower, layer, c] = (row[c] - mean) * times
    return found


@partial(compiled, fastmath=ANY_ORDER)
def departures_back(
    slopes: Floats, shares: Floats, groups: NDArray[np.int64], n_groups: int
) -> Floats:
    """Gradient of the departures of `weigh` from that of the shares of the weights.

    `slopes` and `shares` (n, n_layers, n_cells), `groups` (n_cells,); result
    (n, n_layers, n_groups).
    """
    found = np.zeros((*slopes.shape[:2], n_groups), np.float32)
    moved = np.empty(slopes.shape[2], np.float32)
    for shower in range(slopes.shape[0]):
        for layer in range(slopes.shape[1]):
            row, share, mean = slopes[shower, layer], shares[shower, layer], np.float32(0.0)
            for c in range(len(row)):
                mean += row[c] * share[c]
            for c in range(len(row)):
                moved[c] = (row[c] - mean) * share[c]
            for c in range(len(row)):
                found[shower, layer, groups[c]] += moved[c]
    return found


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
def _places(
    apart: Floats, below: NDArray[np.int32], impact: Floats, positions: Floats, knots: Floats
) -> None:
    """Knots below the distances of cells from a point, and the share of the way to the next."""
    for c in range(len(apart)):
        x = positions[c, 0] - impact[0]
        y = positions[c, 1] - impact[1]
        apart[c] = math.sqrt(x * x + y * y)
    below[:] = np.int32(0)
    for k in range(1, len(knots) - 1):
        for c in range(len(apart)):
            below[c] += np.int32(apart[c] >= knots[k])
    for c in range(len(apart)):
        low, high = knots[below[c]], knots[below[c] + 1]
        share = (apart[c] - low) / (high - low)
        apart[c] = min(max(share, np.float32(0.0)), np.float32(1.0))


@inlined
def _between(value: np.float32, knots: Floats) -> tuple[int, np.float32]:
    """Knot below a value and the share of the way to the next; the ends beyond them."""
    knot = 0
    for k in range(1, len(knots) - 1):
        knot += value >= knots[k]
    part = (value - knots[knot]) / (knots[knot + 1] - knots[knot])
    return knot, np.float32(min(max(part, np.float32(0.0)), np.float32(1.0)))
