"""Cells of a shower drawn when the energy and the number of hit cells of each layer are known.

In a layer of energy E [MIP] of which h cells are hit, with fractions p_c of the energy expected in
the cells, particles cross cell c at the rate lambda_c = p_c E / m, m being the mean energy of one
crossing. The first crossing of c comes at the time t_c = x_c / lambda_c, x_c exponential, and the
cells that are hit are those with the smallest t_c: a race, as in weighted sampling without
replacement (Efraimidis & Spirakis 2006). One that is reached before the time 1 is crossed once and
a Poisson number of times more, of mean lambda_c - x_c, the others once; the energy of so many
crossings is drawn from tables. A share of the cells is not raced for: they are neighbours of cells
that are hit, since a particle that crosses the border of two cells hits both.

Where few cells are hit, several such energies are drawn and those with the sum nearest to E are
kept. What is left is made good by the cells with much energy, in which a crossing more or less does
not show: the energy y above the threshold becomes y + k y^2 / (y + b), with k for the sum to be E.

Random numbers are those of a counter for each shower, so that a shower does not depend on what is
drawn with it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from hyperhex.kernels.compiled import ANY_ORDER, compiled, inlined
from hyperhex.kernels.counter import State, begin
from hyperhex.kernels.race import ATTEMPTS_AT_ONCE, companions, first_of
from hyperhex.kernels.variates import binomial, exponentials, standard_normal, uniforms

__all__ = [
    "DRAWS",
    "KNOTS_PER_ROOT",
    "LARGEST_STEP",
    "MEANS_PER_ROOT",
    "NEAR",
    "SOFT",
    "HitTables",
    "Hits",
    "carry",
    "draw_hits",
]

Floats = NDArray[np.float32]

KNOTS_PER_ROOT = 96
MEANS_PER_ROOT = 8
LARGEST_STEP = -0.8
SOFT = 20.0  # [MIP] what has much energy, b
DRAWS = 32
NEAR = 0.02
_LEAST = 1e-3
_REGISTER = 16


@dataclass(frozen=True)
class HitTables:
    """What is known of single crossings, by kind of the cell and layer.

    The kind is the zone of the cell in the patch, n_zones of them for layers with few hits, as many
    again for layers with more, and so on.

    Attributes
    ----------
    sums : quantiles of the energy of one crossing and a Poisson number more, of mean (j / 8)^2 for
        row j, at the exponential variable -ln(1 - u) = (k / 96)^2 for knot k, so that the least
        energies are told apart too, (n_kinds, n_layers, n_means, n_knots) [MIP]
    moments : mean and variance of the energy of one, (n_kinds, n_layers, 2) [MIP, MIP^2]
    shared : share of the hit cells that are neighbours of another, (n_layers,)
    zones : zone of each cell, (n_cells,)
    crowds : hits of a layer from which on the cells are of the next kinds, (n_kinds / n_zones - 1,)
    neighbours : neighbours of each cell, -1 for none, (n_cells, 6)
    threshold : least energy of a hit cell [MIP]
    draws : how many energies are drawn for a layer, so many times those of its cells as they go
        into it
    """

    sums: Floats
    moments: NDArray[np.float64]
    shared: NDArray[np.float64]
    zones: NDArray[np.int64]
    crowds: NDArray[np.int64]
    neighbours: NDArray[np.int64]
    threshold: float
    draws: int = DRAWS


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

    @classmethod
    def of(cls, cells: Floats) -> Hits:
        """Hits of showers (n, n_layers, n_cells)."""
        rows = cells.reshape(len(cells), -1)
        shower, cell = np.nonzero(rows)
        first = np.searchsorted(shower, np.arange(len(rows) + 1))
        return cls(first, cell.astype(np.int32), rows[shower, cell])

    def dense(self, n_layers: int, n_cells: int) -> Floats:
        """Energies of all cells, (n, n_layers, n_cells), zero where there is no hit."""
        cells = np.zeros((len(self.first) - 1, n_layers, n_cells), np.float32)
        _scatter(self.first, self.cell, self.energy, cells.reshape(len(cells), n_layers * n_cells))
        return cells


def draw_hits(
    weights: Floats,
    energy: Floats,
    hits: NDArray[np.int32],
    tables: HitTables,
    seed: int,
    rows: NDArray[np.int64] | None = None,
) -> Hits:
    """Hits of showers.

    `weights` (n, n_layers, n_cells) are in proportion to the energy that is expected in the cells
    of a layer, or (m, n_cells), and `rows` (n, n_layers) says which of them are a layer's;
    `energy` [MIP] and number of hit cells `hits`, (n, n_layers). The hits of a layer sum to its
    energy, and there are as many as told; the energy must be at least the threshold times the hits.
    """
    n_cells = weights.shape[-1]
    if (most := hits.max(initial=0)) > n_cells:
        msg = f"{most} hits in a layer of {n_cells} cells, expected at most as many"
        raise ValueError(msg)
    if rows is None:
        rows = np.arange(hits.size).reshape(hits.shape)
    number = hits.sum(axis=1, dtype=np.int64)
    first = np.concatenate([np.zeros(1, np.int64), np.cumsum(number)])
    found = Hits(first, np.empty(first[-1], np.int32), np.empty(first[-1], np.float32))
    _draw_showers(
        weights.reshape(-1, n_cells),
        rows,
        energy,
        hits,
        tables.sums,
        tables.moments.astype(np.float32),
        tables.shared,
        tables.zones,
        tables.crowds,
        tables.neighbours,
        np.float32(tables.threshold),
        tables.draws,
        np.uint64(seed),
        found.cell,
        found.energy,
    )
    return found


@compiled
def carry(
    first: NDArray[np.int64],
    cell: NDArray[np.int32],
    energy: Floats,
    carried: NDArray[np.int32],
    operation: NDArray[np.int64],
    scale: Floats,
) -> None:
    """Move the hits of each shower by its operation, and multiply their energies, in place.

    `carried` (n_operations, n_layers * n_cells) is where each operation has each cell; `operation`
    and `scale` (n,).
    """
    for shower in range(len(operation)):
        places, times = carried[operation[shower]], scale[shower]
        for one in range(first[shower], first[shower + 1]):
            cell[one] = places[cell[one]]
            energy[one] *= times


@compiled
def _scatter(
    first: NDArray[np.int64], cell: NDArray[np.int32], energy: Floats, cells: Floats
) -> None:
    for shower in range(len(cells)):
        for one in range(first[shower], first[shower + 1]):
            cells[shower, cell[one]] = energy[one]


@partial(compiled, fastmath=ANY_ORDER)
def _draw_showers(
    weights: Floats,
    rows: NDArray[np.int64],
    energy: Floats,
    hits: NDArray[np.int32],
    sums: Floats,
    moments: Floats,
    shared: NDArray[np.float64],
    zones: NDArray[np.int64],
    crowds: NDArray[np.int64],
    neighbours: NDArray[np.int64],
    threshold: np.float32,
    draws: int,
    seed: np.uint64,
    cell: NDArray[np.int32],
    drawn_energy: Floats,
) -> None:
    n_cells = weights.shape[1]
    room = -(-n_cells // _REGISTER) * _REGISTER
    state = np.zeros(2, np.uint64)
    race = np.empty(room, np.float32)
    times = np.full(room, np.inf, np.float32)
    order = times.view(np.int32)
    taken = np.zeros(n_cells + 1, np.bool_)
    taken[n_cells] = True
    attempts = np.empty(ATTEMPTS_AT_ONCE * n_cells, np.float32)
    place = np.zeros(n_cells + 1, np.int32)
    more = np.empty(n_cells, np.float32)
    row = np.empty(n_cells, np.int32)
    kept = np.empty(n_cells, np.float32)
    drawn = np.empty(n_cells, np.float32)
    n_zones = len(moments) // (len(crowds) + 1)
    rates = np.empty(n_zones, np.float32)
    done = 0
    for shower in range(len(hits)):
        begin(state, seed, np.uint64(shower))
        for layer in range(hits.shape[1]):
            hit = hits[shower, layer]
            if hit == 0:
                continue
            weight = weights[rows[shower, layer]]
            exponentials(race, state)
            total = np.float32(0.0)
            for c in range(n_cells):
                total += weight[c]
                times[c] = race[c] / (weight[c] + np.float32(1e-30))
            crowd = 0
            for least in crowds:
                crowd += int(hit >= least)
            kinds = slice(crowd * n_zones, (crowd + 1) * n_zones)
            own_sums, own_moments = sums[kinds], moments[kinds]
            for zone in range(n_zones):
                rates[zone] = energy[shower, layer] / (total * own_moments[zone, layer, 0])
            raced = hit - binomial(hit - 1, shared[layer], state)
            start = np.float32(np.float32(1.0) / rates[-1]).view(np.int32)
            first_of(place, order, n_cells, raced, start)
            for one in range(raced):
                c = place[one]
                more[one] = max(weight[c] * rates[zones[c]] - race[c], np.float32(0.0))
            for one in range(raced, hit):
                more[one] = np.float32(0.0)
            found = companions(place, raced, hit, neighbours, taken, attempts, state)
            if found < hit:
                for one in range(found):
                    times[place[one]] = np.inf
                first_of(place[found:], order, n_cells, hit - found, start)
            wanted = max(energy[shower, layer] - threshold * np.float32(hit), np.float32(_LEAST))
            _rows(row, more, kept, hit, sums.shape[2], state)
            told = place, more, row
            known = zones, own_sums, own_moments, layer
            turns = max(1, draws // hit) if hit > 1 else 1
            _energies(kept, drawn, told, known, hit, turns, wanted, threshold, race, state)
            _make_good(kept, hit, wanted)
            for one in range(hit):
                cell[done + one] = layer * n_cells + place[one]
                drawn_energy[done + one] = threshold + kept[one]
            done += hit


@inlined
def _rows(
    row: NDArray[np.int32], more: Floats, room: Floats, hit: int, n_means: int, state: State
) -> None:
    """Row of the tables of each cell, -1 where there is none.

    Of the two means about its own one at random, so that the mean of both is its own.
    """
    uniforms(room[:hit], state)
    for one in range(hit):
        mean = more[one] * np.float32(MEANS_PER_ROOT * MEANS_PER_ROOT)
        below = np.int32(math.sqrt(mean))
        share = (mean - np.float32(below * below)) / np.float32(2 * below + 1)
        above = np.int32(room[one] < share)
        row[one] = below + above if below < n_means - 1 else np.int32(-1)


@partial(inlined, fastmath=ANY_ORDER)
def _energies(
    kept: Floats,
    drawn: Floats,
    told: tuple[NDArray[np.int32], Floats, NDArray[np.int32]],
    known: tuple[NDArray[np.int64], Floats, Floats, int],
    hit: int,
    turns: int,
    wanted: np.float32,
    threshold: np.float32,
    exponential: Floats,
    state: State,
) -> None:
    """Energies above the threshold of cells that are crossed; of several turns, those that fit.

    `told` are place, mean number of crossings after the first and row of each cell; `known` the
    zones of the cells, the tables, and the layer; `exponential` is room for random numbers.
    """
    place, more, row = told
    zones, sums, moments, layer = known
    last = np.float32(sums.shape[3] - 1.001)
    nearest = np.float32(np.inf)
    for _ in range(turns):
        exponentials(exponential[:hit], state)
        total = np.float32(0.0)
        for one in range(hit):
            zone = zones[place[one]]
            if row[one] < 0:
                mean, variance = moments[zone, layer]
                energy = _many(more[one], mean, variance, state)
            else:
                where = np.float32(math.sqrt(exponential[one])) * np.float32(KNOTS_PER_ROOT)
                where = min(where, last)
                knot = np.int32(where)
                quantiles = sums[zone, layer, row[one]]
                low, high = quantiles[knot], quantiles[knot + 1]
                energy = low + (where - np.float32(knot)) * (high - low)
            drawn[one] = max(energy - threshold, np.float32(_LEAST))
            total += drawn[one]
        apart = max(total / wanted, wanted / total) - np.float32(1.0)
        if apart < nearest:
            nearest = apart
            for one in range(hit):
                kept[one] = drawn[one]
        if apart < np.float32(NEAR):
            break


@inlined
def _many(more: np.float32, mean: np.float32, variance: np.float32, state: State) -> np.float32:
    """Energy of one crossing and a Poisson number more, of a mean that is not tabled.

    A gamma variable of the same mean and variance (Wilson & Hilferty 1931).
    """
    total = (np.float32(1.0) + more) * mean
    spread = (np.float32(1.0) + more) * variance + more * mean * mean
    ninth = spread / (np.float32(9.0) * total * total)
    root = np.float32(1.0) - ninth + np.float32(standard_normal(state) * math.sqrt(ninth))
    return np.float32(total * root * root * root)


@partial(inlined, fastmath=ANY_ORDER)
def _make_good(kept: Floats, hit: int, wanted: np.float32) -> None:
    """Change energies for their sum to be what is wanted."""
    soft, total, movable = np.float32(SOFT), np.float32(0.0), np.float32(0.0)
    for one in range(hit):
        total += kept[one]
        movable += kept[one] * kept[one] / (kept[one] + soft)
    step = (wanted - total) / movable
    if step < np.float32(LARGEST_STEP):
        for one in range(hit):
            kept[one] *= wanted / total
    else:
        for one in range(hit):
            kept[one] *= np.float32(1.0) + step * kept[one] / (kept[one] + soft)
