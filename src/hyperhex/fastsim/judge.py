"""Figures of merit of the fast simulation.

Fast and full showers are compared under the same conditions, the full ones never seen in training.
Every figure that is not zero or one half for a perfect generator has its floor beside it: full
simulation against other full simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import separation
from hyperhex.fastsim.library import Sample
from hyperhex.fastsim.observables import SPECTRUM_EDGES, spectrum

__all__ = ["compare", "energy_bins", "glance"]

_ENERGY_BINS = 4
_LEAST_SHARE = 0.02
"""Layers and rings with less of the energy than this are listed but do not decide."""


def compare(patch: Patch, full: Sample, fast: Sample, other: Sample, seed: int) -> dict[str, Any]:
    """Figures of merit of `fast` against `full`, which share their conditions row by row.

    `other` is a second sample of the full simulation, for the floors.
    """
    number = min(len(full.energy), len(other.energy))
    looks = {name: s.matrix(patch) for name, s in (("R", full), ("G", fast), ("O", other))}
    seen = {"R": full.observables(patch), "G": fast.observables(patch)}
    return {
        "showers": len(full.energy),
        "auc_high": separation.auc_of_observables(looks["R"], looks["G"], seed),
        "auc_low": separation.auc_of_cells(full.deposits, fast.deposits, seed),
        "auc_floor": separation.auc_of_observables(looks["R"][:number], looks["O"][:number], seed),
        "fpd": separation.frechet_distance(looks["R"], looks["G"], seed),
        "fpd_floor": separation.frechet_distance(looks["R"][:number], looks["O"][:number], seed),
        "separation_power": _separation_powers(seen),
        **_means(full, fast, seen),
    }


def glance(patch: Patch, full: Sample, fast: Sample) -> dict[str, Any]:
    """Those figures of merit of `compare` that need no classifier, in milliseconds."""
    return _means(full, fast, {"R": full.observables(patch), "G": fast.observables(patch)})


def energy_bins(energy: NDArray) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Edges of four bins of ln E [GeV], and the bin of each energy."""
    edges = np.geomspace(energy.min(), energy.max(), _ENERGY_BINS + 1)
    return edges, np.clip(np.searchsorted(edges, energy, side="right") - 1, 0, _ENERGY_BINS - 1)


def _means(full: Sample, fast: Sample, seen: Mapping[str, Mapping[str, NDArray]]) -> dict[str, Any]:
    return {
        "energies": _by_energy(full.energy, seen),
        "layers": _profile(seen, "layer_fraction"),
        "rings": _profile(seen, "ring_fraction"),
        "spectrum": _spectrum(full.deposits, fast.deposits),
    }


def _by_energy(energy: NDArray, seen: Mapping[str, Mapping[str, NDArray]]) -> list[dict[str, Any]]:
    """Mean response, its relative width and the mean number of hits, per bin of energy."""
    edges, inside = energy_bins(energy)
    rows = []
    for k in range(_ENERGY_BINS):
        chosen = inside == k
        row: dict[str, Any] = {"low": edges[k], "high": edges[k + 1], "showers": int(chosen.sum())}
        figures: dict[str, dict[str, float]] = {}
        for name, found in seen.items():
            response = found["response"][chosen]
            figures[name] = {
                "response": response.mean(),
                "width": response.std() / response.mean(),
                "hits": found["hits"][chosen].mean(),
            }
        for figure, reference in figures["R"].items():
            generated = figures["G"][figure]
            row[figure] = {"full": reference, "fast": generated, "ratio": generated / reference}
        rows.append(_plain(row))
    return rows


def _profile(seen: Mapping[str, Mapping[str, NDArray]], name: str) -> dict[str, Any]:
    """Mean fractions, and the largest |G/R - 1| where there is energy enough to matter."""
    full, fast = (seen[sample][name].mean(axis=0) for sample in ("R", "G"))
    matters = full >= _LEAST_SHARE
    deviation = np.abs(fast[matters] / full[matters] - 1.0).max()
    return _plain({"full": full, "fast": fast, "deviation": deviation})


def _spectrum(full: NDArray, fast: NDArray) -> dict[str, Any]:
    """Cells per shower by energy, and the largest |G/R - 1| among bins with 1 % of the cells."""
    means = [spectrum(deposits).mean(axis=0) for deposits in (full, fast)]
    matters = means[0] >= 0.01 * means[0].sum()
    deviation = np.abs(means[1][matters] / means[0][matters] - 1.0).max()
    return _plain(
        {"edges": SPECTRUM_EDGES, "full": means[0], "fast": means[1], "deviation": deviation}
    )


def _separation_powers(seen: Mapping[str, Mapping[str, NDArray]]) -> dict[str, float]:
    """Separation power of the observables that are one number a shower."""
    names = [name for name, value in seen["R"].items() if value.ndim == 1]
    return {name: separation.separation_power(seen["R"][name], seen["G"][name]) for name in names}


def _plain(value: Any) -> Any:
    """The same with Python's numbers and lists, for JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
