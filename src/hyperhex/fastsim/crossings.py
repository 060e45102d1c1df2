"""What single particles leave in cells, learned from cells that few of them cross.

Cells that are rarely hit show the energy of one crossing, and sums of several follow from it. Two
things are then set so that cells drawn about given means are those of the full simulation: the
share of hit cells that are neighbours of another (from the pairs of neighbours that are both hit,
far from the axis) and the weights of the single crossings by energy (from the spectrum of cells).
The weights are those of layers with about as many hits: among few hits there are clean tracks,
among many the soft ends of showers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.errors import TrainingError
from hyperhex.kernels.hits import DRAWS, KNOTS_PER_ROOT, MEANS_PER_ROOT, HitTables

__all__ = ["CROWDS", "KINDS", "Crossings", "find_crossings", "settle", "zones"]

CROWDS = np.array([16, 48])
"""Hits of a layer from which on its crossings are weighted apart."""

_MEANS = 4 * MEANS_PER_ROOT + 1
_KNOTS = 7 * KNOTS_PER_ROOT // 2
_BIN = 0.05
_BINS = 1 << 14
_LARGEST_HIT = 400.0
_ROUNDING = 1e-12
_SPARSE = (0.1, 0.3)
_LEAST_HITS = 300
_GROUPS = 6
_ZONES = 3
KINDS = _ZONES * (len(CROWDS) + 1)
"""How many kinds of cells have crossings of their own, as of `HitTables`."""

_NEAR = 2  # rings
_ALONE = 3  # hits of a layer
_FIRST_SHARE = 0.2

_FAR = 0.5  # of the rings, from where on neighbours are counted
_EDGES = np.array([0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.12, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 8])
_FEW = 20.0
_SHARES = 0.01, 0.7
_LARGEST_STEP = 2.0
_ROUNDS = 8

Draw = Callable[[HitTables, int], NDArray[np.float32]]
"""Cells (n, layers, cells) [MIP] drawn with tables, in a round, as many as the real ones."""


@dataclass(frozen=True)
class Crossings:
    """Energies of single crossings [MIP] with their weights, by kind and layer, and shared hits.

    `energies` are [zone][layer], `weights` [kind][layer], kinds as of `HitTables`; `edges` [MIP]
    those of the bins of the weights, `draws` as of `HitTables`.
    """

    energies: tuple[tuple[NDArray[np.float64], ...], ...]
    weights: tuple[tuple[NDArray[np.float64], ...], ...]
    shared: NDArray[np.float64]
    patch: Patch
    threshold: float
    edges: NDArray[np.float64] = field(repr=False)
    draws: int = DRAWS

    def tables(self) -> HitTables:
        """Tables from which cells are drawn."""
        energies = self.energies * (len(CROWDS) + 1)
        pairs = [list(zip(*rows, strict=True)) for rows in zip(energies, self.weights, strict=True)]
        return HitTables(
            np.array([[_sum_quantiles(*pair) for pair in row] for row in pairs], np.float32),
            np.array([[_moments(*pair) for pair in row] for row in pairs]),
            self.shared,
            zones(self.patch),
            CROWDS,
            np.ascontiguousarray(self.patch.neighbours, dtype=np.int64),
            self.threshold,
            self.draws,
        )


def zones(patch: Patch) -> NDArray[np.int64]:
    """Zone of each cell: 0 where the particle enters, 1 near there, 2 far, where all are softer."""
    return np.digitize(patch.ring, [1, _NEAR + 1])


def find_crossings(
    patch: Patch, deposits: NDArray, energy: NDArray, threshold: float, draws: int = DRAWS
) -> Crossings:
    """Single crossings in cells that are rarely hit, where two hardly ever meet.

    Sparse are the rings that, in showers of like energy, are hit in a layer with a probability
    below 0.1, or 0.3 where those are too few. Where there are few even so, those of the whole
    layer are taken, or of all layers. The cell where the particle enters is hardly ever sparse:
    what a track leaves there, in all the planes of a layer, is seen where at most three cells of
    the layer are hit. `deposits` (n, layers, cells) [MIP], thresholded; `energy` (n,) [GeV];
    `draws` as of `HitTables`.
    """
    groups = np.array_split(np.argsort(energy, kind="stable"), _GROUPS)
    n_layers = deposits.shape[1]
    limits = [
        [_sparse_hits(deposits[:, layer], groups, patch.ring, limit) for layer in range(n_layers)]
        for limit in _SPARSE
    ]
    everything = np.concatenate([hit for hit, _ in limits[-1]])
    if len(everything) < _LEAST_HITS:
        msg = (
            f"{len(everything)} single hits in {len(deposits)} showers are too few for their"
            f" spectrum, {_LEAST_HITS} needed; simulate more showers"
        )
        raise TrainingError(msg)

    def chosen(zone: int, layer: int) -> NDArray[np.float64]:
        found = [limit[layer] for limit in limits]
        near = [hit[(ring > _NEAR) == (zone == _ZONES - 1)] for hit, ring in found]
        choices = [*near, *(hit for hit, _ in found), everything]
        if zone == 0:
            centre = deposits[np.count_nonzero(deposits[:, layer], axis=1) <= _ALONE, layer, 0]
            choices = [centre[centre > 0], *choices]
        energies = next(hit for hit in choices if len(hit) >= _LEAST_HITS)
        return np.sort(np.minimum(energies, _LARGEST_HIT).astype(np.float64))

    energies = tuple(
        tuple(chosen(zone, layer) for layer in range(n_layers)) for zone in range(_ZONES)
    )
    same = tuple(tuple(np.ones_like(hit) for hit in row) for row in energies)
    weights = same * (len(CROWDS) + 1)
    edges = _EDGES * (threshold / _EDGES[0])
    shared = np.full(n_layers, _FIRST_SHARE)
    return Crossings(energies, weights, shared, patch, threshold, edges, draws)


def settle(crossings: Crossings, real: NDArray, draw: Draw) -> Crossings:
    """Crossings with which drawn cells have the pairs and the spectrum of real ones [MIP]."""
    of_real = _by_kind(crossings, real)
    for number in range(_ROUNDS):
        drawn = draw(crossings.tables(), number)
        pairs = [_pairs(crossings.patch, cells) for cells in (real, drawn)]
        step = np.clip((pairs[0] + 1.0) / (pairs[1] + 1.0), 1 / _LARGEST_STEP, _LARGEST_STEP)
        ratio = (of_real + _FEW) / (_by_kind(crossings, drawn) + _FEW)
        ratio = np.clip(ratio, 1 / _LARGEST_STEP, _LARGEST_STEP)
        weights = tuple(
            tuple(_reweighted(crossings, (kind, layer), own) for layer, own in enumerate(row))
            for kind, row in enumerate(ratio)
        )
        shared = np.clip(crossings.shared * step, *_SHARES)
        crossings = replace(crossings, weights=weights, shared=shared)
    return crossings


def _by_kind(crossings: Crossings, cells: NDArray) -> NDArray[np.float64]:
    """Numbers of cells in the bins of the weights, (n_kinds, n_layers, n_bins)."""
    zone, crowd = zones(crossings.patch), np.digitize(np.count_nonzero(cells, axis=2), CROWDS)
    found = [
        [
            np.histogram(cells[crowd[:, layer] == c][:, layer, zone == z], crossings.edges)[0]
            for layer in range(cells.shape[1])
        ]
        for c in range(len(CROWDS) + 1)
        for z in range(_ZONES)
    ]
    return np.asarray(found, np.float64)


def _reweighted(
    crossings: Crossings, place: tuple[int, int], ratio: NDArray
) -> NDArray[np.float64]:
    """Weights of a kind and layer times the ratio of the spectra, beyond the bins the last one."""
    kind, layer = place
    energies, weights = crossings.energies[kind % _ZONES][layer], crossings.weights[kind][layer]
    inside = np.searchsorted(crossings.edges, energies, side="right") - 1
    changed = weights * ratio[np.clip(inside, 0, len(ratio) - 1)]
    return np.asarray(changed / changed.mean())


def _pairs(patch: Patch, cells: NDArray) -> NDArray[np.float64]:
    """Pairs of neighbours that are both hit, far from the axis, per layer, (n_layers,)."""
    far = np.flatnonzero(patch.ring >= _FAR * patch.rings)
    hit = np.pad(cells > 0, ((0, 0), (0, 0), (0, 1)))
    total = np.zeros(cells.shape[1])
    for beside in patch.neighbours[far].T:
        # -1, no neighbour, is the last column, which is never hit
        total += (hit[:, :, far] & hit[:, :, beside]).sum(axis=(0, 2))
    return total


def _sparse_hits(
    deposits: NDArray, groups: Sequence[NDArray], ring: NDArray, limit: float
) -> tuple[NDArray, NDArray]:
    """Hit cells of a layer (n, cells) where the chance of a hit is below a limit: energy, ring."""
    found, rings = [np.empty(0, deposits.dtype)], [np.empty(0, np.int64)]
    for showers in groups:
        for r in np.unique(ring):
            cells = deposits[showers][:, ring == r]
            hit = cells[cells > 0]
            if len(hit) < limit * cells.size:
                found.append(hit)
                rings.append(np.full(len(hit), r))
    return np.concatenate(found), np.concatenate(rings)


def _moments(energies: NDArray, weights: NDArray) -> tuple[float, float]:
    mean = float(np.average(energies, weights=weights))
    return mean, float(np.average((energies - mean) ** 2, weights=weights))


def _quantiles(energies: NDArray, weights: NDArray, places: NDArray) -> NDArray[np.float64]:
    """Weighted quantiles of sorted values."""
    cumulative = np.cumsum(weights)
    return np.interp(places, (cumulative - 0.5 * weights) / cumulative[-1], energies)


def _sum_quantiles(energies: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """Quantiles of the energy of one crossing and a Poisson number more, (n_means, n_knots).

    By Fourier transforms: with that of a crossing's density f, it is f exp(m (f - 1)).
    """
    knots = -np.expm1(-((np.arange(_KNOTS) / KNOTS_PER_ROOT) ** 2))
    # an energy between two points of the grid is parted between them, so that the mean is kept
    points, parts = np.divmod(energies / _BIN, 1.0)
    shared = [(points, weights * (1.0 - parts)), (points + 1.0, weights * parts)]
    single = sum(np.bincount(place.astype(int), part, _BINS) for place, part in shared)
    transform = np.fft.rfft(single / weights.sum())
    rows = [_quantiles(energies, weights, knots)]
    for row in range(1, _MEANS):
        mean = (row / MEANS_PER_ROOT) ** 2
        density = np.fft.irfft(transform * np.exp(mean * (transform - 1.0)), _BINS)
        filled = np.flatnonzero(density > _ROUNDING)
        cumulative = np.concatenate([[0.0], np.cumsum(density[filled])])
        edges = np.concatenate([filled[:1] - 0.5, filled + 0.5])
        rows.append(np.interp(knots, cumulative / cumulative[-1], edges * _BIN))
    return np.stack(rows)
