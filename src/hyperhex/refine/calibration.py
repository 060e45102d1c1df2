"""From the visible energy of a shower to the energy of the particle."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.errors import TrainingError

__all__ = ["Calibration", "fit_calibration"]

_MOST_BINS = 12
_LEAST_SHOWERS = 20


@dataclass(frozen=True)
class Calibration:
    """Table of ln(E / visible) over ln(visible), linear between its points, constant outside.

    log_visible, log_ratio: (n,), energies in GeV, log_visible rising.
    """

    log_visible: tuple[float, ...]
    log_ratio: tuple[float, ...]

    def __call__(self, visible: NDArray[np.floating]) -> NDArray[np.float64]:
        """Incident energies (n,) [GeV] of visible energies (n,) [GeV]; none visible is none."""
        energy = np.asarray(visible, dtype=np.float64)
        logarithm = np.log(np.maximum(energy, 1e-12))
        return np.asarray(energy * np.exp(np.interp(logarithm, self.log_visible, self.log_ratio)))


def fit_calibration(visible: NDArray[np.floating], energy: NDArray[np.floating]) -> Calibration:
    """Calibration from showers of known energy, (n,) [GeV] each.

    One point for each bin of incident energy (equal populations), at the median response: the
    median of E_measured / E is then 1 at every energy, which a fit of E to the visible energy
    would miss at both ends of the spectrum.
    """
    seen = visible > 0
    number = min(_MOST_BINS, int(seen.sum()) // _LEAST_SHOWERS)
    if number < 1:
        msg = f"refine: calibration needs {_LEAST_SHOWERS} showers with energy, {seen.sum()} given"
        raise TrainingError(msg)
    response = np.log(visible[seen].astype(np.float64) / energy[seen])
    log_energy = np.log(energy[seen].astype(np.float64))
    bins = np.array_split(np.argsort(log_energy), number)
    log_response = np.array([np.median(response[part]) for part in bins])
    log_visible = np.array([np.median(log_energy[part]) for part in bins]) + log_response
    order = np.argsort(log_visible)
    return Calibration(tuple(log_visible[order].tolist()), tuple((-log_response[order]).tolist()))
