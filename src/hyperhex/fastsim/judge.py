"""Figures of merit of the fast simulation.

Fast and full showers are compared under the same conditions, the full ones never seen in training.
Every figure that is not zero or one half for a perfect generator has its floor beside it: full
simulation against other full simulation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.fastsim import separation
from hyperhex.fastsim.agreement import Pair, agreement, by_energy
from hyperhex.fastsim.classifiers import Look, look_at_cells
from hyperhex.fastsim.distances import (
    Distance,
    frechet_distance,
    kernel_distance,
    separation_power,
)
from hyperhex.fastsim.library import Sample
from hyperhex.fastsim.limits import departures
from hyperhex.fastsim.observables import beside
from hyperhex.fastsim.separation import Area

__all__ = ["at_energy", "compare", "floors", "glance"]

Found = Mapping[str, NDArray[np.float64]]


def compare(
    patch: Patch,
    full: Sample,
    fast: Sample,
    floor: Mapping[str, Any],
    most: int,
    seed: int,
    often: Pair | None = None,
) -> dict[str, Any]:
    """Figures of merit of `fast` against `full`, which share their conditions row by row.

    `floor` are those of `floors`, which are among the figures. The first `most` showers are told
    apart by classifiers, all other figures are of all of them. Energies may all be one. `often` are
    response and hits of more fast showers, for the means by energy.
    """
    seen, generated = (_see(patch, part, most) for part in (full, fast))
    told = _told_apart(seen, generated, seed)
    classifiers, means = _classifiers(told), seen.agreement(generated)
    if often is not None:
        means["energies"] = by_energy((seen.energy, seen.found), often)
    for level, found in floor["classifiers"].items():
        for name, entry in found.items():
            classifiers[level][name]["floor"] = entry["auc"]
    return {
        "showers": len(full),
        "classified": len(seen.low),
        "drawn": len(fast if often is None else often[0]),
        **_aucs(told),
        "classifiers": classifiers,
        "fpd": told.frechet,
        "kpd": asdict(told.kernel),
        "separation_power": _separation_powers(seen.found, generated.found),
        **means,
        **{name: value for name, value in floor.items() if name != "classifiers"},
    }


def floors(patch: Patch, full: Sample, other: Sample, most: int, seed: int) -> dict[str, Any]:
    """Figures of merit of the full simulation against a second sample of it, row by row.

    Classifiers are told as many showers as in `compare`.
    """
    number = min(len(full), len(other))
    alike, again = (_see(patch, part.rows(slice(number)), most) for part in (full, other))
    told = _told_apart(alike, again, seed)
    areas = {level: separation.best(found).auc for level, found in told.areas.items()}
    return {
        **{f"auc_{level}_floor": auc for level, auc in areas.items()},
        "auc_floor": max(areas.values(), key=lambda auc: abs(auc - 0.5)),
        "classifiers": _classifiers(told),
        "fpd_floor": told.frechet,
        "kpd_floor": asdict(told.kernel),
        "floors": departures(alike.agreement(again)),
    }


def at_energy(patch: Patch, full: Sample, fast: Sample, seed: int) -> dict[str, Any]:
    """Figures of merit at one energy, where fluctuations alone tell showers apart; no floors."""
    seen, generated = (_see(patch, part, len(full)) for part in (full, fast))
    told, means = _told_apart(seen, generated, seed), seen.agreement(generated)
    (row,) = means["energies"]
    return {
        "energy": row["low"],
        "showers": row["showers"],
        **_aucs(told),
        "classifiers": _classifiers(told),
        "fpd": told.frechet,
        "kpd": asdict(told.kernel),
        **{figure: row[figure] for figure in ("response", "width", "hits")},
        "departures": departures(means),
    }


def glance(patch: Patch, full: Sample, fast: Sample) -> dict[str, Any]:
    """Those figures of merit of `compare` that need no classifier, in milliseconds."""
    pairs = ((s.energy, s.observables(patch)) for s in (full, fast))
    return agreement(*pairs)


@dataclass(frozen=True)
class _Seen:
    """Showers, and all that is looked at of them; `low` is of as many as are classified."""

    energy: NDArray
    found: Found
    high: NDArray[np.float64]
    low: Look

    def agreement(self, other: _Seen) -> dict[str, Any]:
        return agreement((self.energy, self.found), (other.energy, other.found))


@dataclass(frozen=True)
class _Told:
    """How well two samples are told apart, the areas by level and classifier."""

    areas: Mapping[str, Mapping[str, Area]]
    frechet: float
    kernel: Distance


def _see(patch: Patch, sample: Sample, most: int) -> _Seen:
    found, few = sample.observables(patch), sample.rows(slice(most))
    low = look_at_cells(few.deposits, np.column_stack([np.log(few.energy), few.impact]))
    return _Seen(sample.energy, found, beside(found, sample.energy), low)


def _told_apart(first: _Seen, second: _Seen, seed: int) -> _Told:
    pair = first.high, second.high
    high = [Look(np.asarray(part[: len(first.low)], np.float32)) for part in pair]
    areas = {
        "high": separation.areas(high[0], high[1], seed),
        "low": separation.areas(first.low, second.low, seed),
    }
    return _Told(areas, frechet_distance(*pair, seed), kernel_distance(*pair, seed))


def _aucs(told: _Told) -> dict[str, Any]:
    """AUC of the better classifier on observables (high) and on cells (low)."""
    counted = {level: separation.best(found) for level, found in told.areas.items()}
    return {
        **{f"auc_{level}": area.auc for level, area in counted.items()},
        "auc_error": {level: area.error for level, area in counted.items()},
    }


def _classifiers(told: _Told) -> dict[str, dict[str, dict[str, float]]]:
    """Every classifier by level: AUC and its error."""
    return {
        level: {name: asdict(area) for name, area in found.items()}
        for level, found in told.areas.items()
    }


def _separation_powers(full: Found, fast: Found) -> dict[str, float]:
    """Separation power of the observables that are one number a shower."""
    names = [name for name, value in full.items() if value.ndim == 1]
    return {name: separation_power(full[name], fast[name]) for name in names}
