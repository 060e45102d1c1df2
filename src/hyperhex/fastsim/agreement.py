"""Means, widths and correlations of fast showers beside those of full ones.

`full` and `fast` are pairs of the incident energies (n,) [GeV] and the observables by name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.fastsim.observables import SPECTRUM_EDGES

__all__ = ["Pair", "agreement", "by_energy", "energy_bins"]

_ENERGY_BINS = 4
_LEAST_SHARE = 0.02
"""Layers and rings with less of the energy than this are listed but do not decide."""
_LEAST_CELLS = 1800
"""Bins of the spectrum with fewer cells of the full simulation are listed but do not decide: the
ratio of two counts N has an error sqrt(2 / N), here a third of the 10 % that are to be told."""
_TINY = 1e-9

Found = Mapping[str, NDArray[np.float64]]
Pair = tuple[NDArray, Found]
"""Incident energies [GeV] and observables by name."""


def agreement(full: Pair, fast: Pair) -> dict[str, Any]:
    """Response, width and hits by energy; layers, their correlations, rings, spectrum of cells."""
    found = full[1], fast[1]
    return {
        "energies": by_energy(full, fast),
        "layers": _profile(*found, "layer_fraction"),
        "rings": _profile(*found, "ring_fraction"),
        "spectrum": _spectrum(*found),
        "correlations": _correlations(*found),
    }


def energy_bins(energy: NDArray) -> NDArray[np.float64]:
    """Edges of four bins of ln E [GeV], or of one if all energies are the same."""
    low, high = energy.min(), energy.max()
    return np.geomspace(low, high, 2 if np.isclose(low, high) else _ENERGY_BINS + 1)


def by_energy(full: Pair, fast: Pair) -> list[dict[str, Any]]:
    """Mean response, its relative width and the mean number of hits, per bin of energy.

    There may be more of the one kind than of the other; of the observables it takes those two.
    """
    edges = energy_bins(full[0])
    figures = [
        [_figures(found, np.searchsorted(edges[1:-1], energy, side="right") == k)
         for k in range(len(edges) - 1)]
        for energy, found in (full, fast)
    ]  # fmt: skip
    rows = []
    for k, (reference, generated) in enumerate(zip(*figures, strict=True)):
        row: dict[str, Any] = {"low": edges[k], "high": edges[k + 1]}
        row["showers"] = reference.pop("showers")
        for name, value in reference.items():
            ratio = generated[name] / value
            row[name] = {"full": value, "fast": generated[name], "ratio": ratio}
        rows.append(_plain(row))
    return rows


def _figures(found: Found, chosen: NDArray[np.bool_]) -> dict[str, Any]:
    response = found["response"][chosen]
    return {
        "showers": len(response),
        "response": response.mean(),
        "width": response.std() / response.mean(),
        "hits": found["hits"][chosen].mean(),
    }


def _profile(full: Found, fast: Found, name: str) -> dict[str, Any]:
    """Mean fractions, and the largest |G/R - 1| where there is energy enough to matter."""
    means = [found[name].mean(axis=0) for found in (full, fast)]
    return _beside(means, _matters(full, name))


def _matters(full: Found, name: str) -> NDArray[np.bool_]:
    return full[name].mean(axis=0) >= _LEAST_SHARE


def _spectrum(full: Found, fast: Found) -> dict[str, Any]:
    """Cells per shower by energy, and the largest |G/R - 1| where there are cells enough."""
    counts = [found["cell_spectrum"] * found["hits"][:, None] for found in (full, fast)]
    means = [count.mean(axis=0) for count in counts]
    decides = counts[0].sum(axis=0).round() >= _LEAST_CELLS
    return {"edges": SPECTRUM_EDGES.tolist(), **_beside(means, decides)}


def _beside(means: list[NDArray], decides: NDArray[np.bool_]) -> dict[str, Any]:
    ratio = means[1][decides] / means[0][decides]
    deviation = np.abs(ratio - 1.0).max(initial=0.0)
    row = {"full": means[0], "fast": means[1], "decides": decides, "deviation": deviation}
    return _plain(row)


def _correlations(full: Found, fast: Found) -> dict[str, Any]:
    """Correlations of the layers' fractions, and the largest difference of those that matter."""
    tables = [_correlation(found["layer_fraction"]) for found in (full, fast)]
    decides = _matters(full, "layer_fraction")
    difference = np.abs(tables[1] - tables[0])[np.ix_(decides, decides)]
    deviation = difference.max(initial=0.0)
    return _plain({"full": tables[0], "fast": tables[1], "deviation": deviation})


def _correlation(values: NDArray) -> NDArray[np.float64]:
    """Pearson correlations of columns, zero for a column that does not vary."""
    scaled = values - values.mean(axis=0)
    scaled /= np.sqrt((scaled**2).sum(axis=0)).clip(_TINY)
    return scaled.T @ scaled


def _plain(value: Any) -> Any:
    """The same with Python's numbers and lists, for JSON."""
    if isinstance(value, Mapping):
        return {key: _plain(entry) for key, entry in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
