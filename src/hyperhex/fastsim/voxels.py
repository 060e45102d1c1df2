"""Observables of showers whose voxels have no known place but their layer.

Voxels are (n, n_voxels) [MeV], layer by layer; `layers` says how many each layer has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["columns", "hit_edges", "matrix", "observables"]

_BINS = 12
_ENDS = (0.001, 0.9999)
_TINY = 1e-9

Observables = Mapping[str, NDArray[np.float64]]


def observables(
    voxels: NDArray, energy: NDArray, edges: NDArray, layers: Sequence[int] | None
) -> dict[str, NDArray[np.float64]]:
    """Observables by name, each (n,) or (n, k).

    `energy` (n,) [MeV]. The response is visible energy over incident energy; the spectrum is that
    of the hit voxels in the bins of `edges` [MeV]. Without layers nothing is said about depth.
    """
    total, hits = voxels.sum(axis=1, dtype=np.float64), np.count_nonzero(voxels, axis=1)
    found = {
        "response": total / energy,
        "hits": hits.astype(np.float64),
        "largest_voxel": voxels.max(axis=1) / (total + _TINY),
        "voxel_spectrum": _spectrum(voxels, edges) / (hits[:, None] + _TINY),
    }
    return found | (_along(voxels, energy, total, layers) if layers else {})


def hit_edges(voxels: NDArray) -> NDArray[np.float64]:
    """Edges of the spectrum of hit voxels, even in their logarithm, [MeV].

    They span all but the rarest energies; what lies beyond is counted in the outer bins.
    """
    low, high = np.quantile(voxels[voxels > 0], _ENDS)
    return np.geomspace(low, max(high, 1.001 * low), _BINS + 1)


def matrix(found: Observables, energy: NDArray) -> NDArray[np.float64]:
    """All observables and ln E side by side, what classifiers and distances look at, (n, k)."""
    parts = [value.reshape(len(value), -1) for value in found.values()]
    return np.concatenate([np.log(energy)[:, None], *parts], axis=1)


def columns(found: Observables) -> dict[str, NDArray[np.float64]]:
    """Every single number by name, those of a layer or bin as `name[k]`, each (n,)."""
    return {
        name if value.ndim == 1 else f"{name}[{k}]": column
        for name, value in found.items()
        for k, column in enumerate(value.reshape(len(value), -1).T)
    }


def _along(
    voxels: NDArray, energy: NDArray, total: NDArray, layers: Sequence[int]
) -> dict[str, NDArray[np.float64]]:
    """What the layers say: energy over incident energy, hits, largest voxel, depth."""
    starts = np.concatenate([[0], np.cumsum(layers)[:-1]])
    sums = np.add.reduceat(voxels, starts, axis=1, dtype=np.float64)
    fractions = sums / (total[:, None] + _TINY)
    number = np.arange(len(layers))
    depth = fractions @ number
    spread = fractions @ number**2 - depth**2
    largest = np.maximum.reduceat(voxels, starts, axis=1)
    return {
        "layer_response": sums / energy[:, None],
        "layer_hits": np.add.reduceat(voxels > 0, starts, axis=1, dtype=np.float64),
        "layer_largest_voxel": largest / (sums + _TINY),
        "depth": depth,
        "depth_spread": np.sqrt(spread.clip(0.0)),
    }


def _spectrum(voxels: NDArray, edges: NDArray) -> NDArray[np.float64]:
    """Number of hit voxels of each shower in the bins, (n, bins)."""
    shower, voxel = np.nonzero(voxels)
    bins = len(edges) - 1
    found = np.searchsorted(edges, voxels[shower, voxel], side="right") - 1
    counts = np.bincount(shower * bins + found.clip(0, bins - 1), minlength=len(voxels) * bins)
    return counts.reshape(len(voxels), bins).astype(np.float64)
