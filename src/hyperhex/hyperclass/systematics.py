"""What each source of uncertainty of the hypothesis test costs, and what the showers shift."""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from hyperhex.hyperclass import histfactory
from hyperhex.hyperclass.binned import Binned
from hyperhex.hyperclass.variations import Shift

__all__ = ["draw_variations", "systematics"]

log = logging.getLogger(__name__)

# a normalisation this well known is known
_EXACT = 1e-6


def systematics(bins: Binned, channel: str, normalisation: float) -> dict[str, Any]:
    """Outcomes of the test without one source at a time, and the shifts, for machines to read."""
    found: dict[str, Any] = {
        "without_normalisation": _outcome(bins, channel, _EXACT, list(bins.shifts))
    }
    if not bins.varied:
        return found
    found["without_variations"] = _outcome(bins, channel, normalisation, [])
    found["variations"] = {}
    for name, shifts in bins.varied.items():
        others = [other for other in bins.shifts if other != name]
        described = {
            "without": _outcome(bins, channel, normalisation, others),
            "alone": _outcome(bins, channel, normalisation, [name]),
            "samples": {sample: _described(shift) for sample, shift in shifts.items()},
            "used": {sample: used.tolist() for sample, used in bins.shifts[name].items()},
        }
        found["variations"][name] = described
        for sample in ("background", "signal"):
            _log(name, sample, shifts[sample])
    return found


def draw_variations(bins: Binned, figures: Path) -> None:
    """One figure for each variation of the showers."""
    from hyperhex.plots.variations import variation

    for name, shifts in bins.varied.items():
        rows = [
            (f"{'' if sample == 'signal' else 'all '}{sample}", shift.relative, shift.error)
            for sample, shift in shifts.items()
            if sample in {"background", "signal"}
        ]
        used = {sample: bins.shifts[name][sample] for sample in bins.shifts[name]}
        variation(name, rows, used, bins.inner, figures / f"variation_{name}.svg")


def _outcome(
    bins: Binned, channel: str, normalisation: float, variations: list[str]
) -> dict[str, float]:
    shifts = {name: bins.shifts[name] for name in variations}
    told = (channel, bins.backgrounds, bins.signal, normalisation, shifts)
    return asdict(histfactory.outcome(histfactory.workspace(*told)))


def _described(shift: Shift) -> dict[str, Any]:
    known = np.isfinite(shift.error)
    error = [float(value) if yes else None for value, yes in zip(shift.error, known, strict=True)]
    return {
        "shift": shift.relative.tolist(),
        "error": error,
        "larger_than_error": shift.measured.tolist(),
    }


def _log(name: str, sample: str, shift: Shift) -> None:
    bins = zip(shift.relative, shift.error, strict=True)
    text = ", ".join(f"{100 * value:+.1f} +- {100 * error:.1f}" for value, error in bins)
    log.info("%s showers, %s: %s %% from low to high score", name, sample, text)
    few = int((~shift.measured).sum())
    if few:
        log.info(
            "%s showers, %s: in %d of %d bins the shift is smaller than its error and kept;"
            " raise hyperclass.variations.share",
            *(name, sample, few, len(shift.relative)),
        )
