"""What a physicist would measure of a shower, one number a row.

Deposits are (n, layers, cells) [MIP] with cells below the threshold zero; lengths are taken about
the impact point [cm]; layers count from 0.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch

__all__ = ["SPECTRUM_EDGES", "beside", "matrix", "observables", "spectrum"]

SPECTRUM_EDGES = 0.5 * 10.0 ** (np.arange(17) / 4)
"""Edges of the histogram of cell energies, four to each of four decades, 0.5 to 5000 [MIP]."""

_TINY = 1e-9
_BLOCK = 1024


def observables(
    patch: Patch, deposits: NDArray, energy: NDArray, impact: NDArray
) -> dict[str, NDArray[np.float64]]:
    """Observables by name, each (n,) or (n, k).

    `energy` (n,) [GeV], `impact` (n, 2) [cm]. The response is visible energy over incident energy
    [MIP/GeV]; fractions are of the visible energy; widths are root mean squares [cm], zero where a
    layer is empty. Showers are looked at in blocks, because cells in float64 take much memory.
    """
    rows = [slice(start, start + _BLOCK) for start in range(0, len(deposits), _BLOCK)]
    blocks = [_observables(patch, *(part[k] for part in (deposits, energy, impact))) for k in rows]
    return {name: np.concatenate([block[name] for block in blocks]) for name in blocks[0]}


def ring_sums(patch: Patch, cells: NDArray) -> NDArray[np.float64]:
    """Sums over the rings about the central cell, (n, cells) -> (n, rings + 1)."""
    return cells @ (patch.ring[:, None] == np.arange(patch.rings + 1)).astype(np.float64)


def spectrum(deposits: NDArray) -> NDArray[np.float64]:
    """Number of cells of each shower in the bins of `SPECTRUM_EDGES`, (n, bins).

    Cells above the last edge are counted in the last bin.
    """
    shower, layer, cell = np.nonzero(deposits)
    bins = len(SPECTRUM_EDGES) - 1
    found = np.searchsorted(SPECTRUM_EDGES, deposits[shower, layer, cell], side="right") - 1
    counts = np.bincount(shower * bins + found.clip(0, bins - 1), minlength=len(deposits) * bins)
    return counts.reshape(len(deposits), bins).astype(np.float64)


def matrix(patch: Patch, deposits: NDArray, energy: NDArray, impact: NDArray) -> NDArray:
    """All observables and ln E side by side, what classifiers and distances look at, (n, k)."""
    return beside(observables(patch, deposits, energy, impact), energy)


def beside(found: Mapping[str, NDArray[np.float64]], energy: NDArray) -> NDArray[np.float64]:
    """Those observables and ln E side by side, (n, k)."""
    columns = [value.reshape(len(value), -1) for value in found.values()]
    return np.concatenate([np.log(energy)[:, None], *columns], axis=1)


def _observables(
    patch: Patch, deposits: NDArray, energy: NDArray, impact: NDArray
) -> dict[str, NDArray[np.float64]]:
    cells = deposits.sum(axis=1, dtype=np.float64)
    layers = deposits.sum(axis=2, dtype=np.float64)
    total = layers.sum(axis=1)
    fractions = layers / (total[:, None] + _TINY)
    depth = fractions @ np.arange(deposits.shape[1])
    spread = fractions @ np.arange(deposits.shape[1]) ** 2 - depth**2
    hits = np.count_nonzero(deposits, axis=2)
    x, y, width = _moments(patch, deposits, impact)
    return {
        "response": total / energy,
        "layer_fraction": fractions,
        "layer_hits": hits.astype(np.float64),
        "layer_x": x,
        "layer_y": y,
        "layer_width": width,
        "ring_fraction": ring_sums(patch, cells) / (total[:, None] + _TINY),
        "hits": hits.sum(axis=1).astype(np.float64),
        "depth": depth,
        "depth_spread": np.sqrt(spread.clip(0.0)),
        "largest_cell": deposits.max(axis=(1, 2)) / (total + _TINY),
        "cell_spectrum": spectrum(deposits) / (hits.sum(axis=1, keepdims=True) + _TINY),
    }


def _moments(patch: Patch, deposits: NDArray, impact: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Energy-weighted centroid and width of each layer about the impact point, (n, layers) each."""
    offset = patch.positions[None] - np.asarray(impact, np.float64)[:, None]
    terms = np.concatenate([offset, (offset**2).sum(axis=2, keepdims=True)], axis=2)
    sums = deposits.astype(np.float64) @ terms
    sums /= deposits.sum(axis=2, dtype=np.float64)[..., None] + _TINY
    return sums[..., 0], sums[..., 1], np.sqrt(sums[..., 2])
