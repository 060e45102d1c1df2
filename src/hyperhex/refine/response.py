"""The response of the real detector: what turns simulated showers into "data".

A cell's energy passes through the sensor and its readout in this order:

1. cross-talk: each of the six neighbours receives the share k of a cell's energy and the cell
   keeps 1 - 6k; what an edge cell hands outwards is lost;
2. the gain of the cell, fixed for the detector's life;
3. saturation, e -> e / (1 + e / e_sat), monotone and below e_sat;
4. electronic noise, white and Gaussian;
5. dead cells read nothing;
6. the readout keeps cells of at least the threshold.

Energies are in MIP, the most probable deposit of a minimum ionising particle in a cell.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Data
from hyperhex.random import stream as independent_stream

__all__ = [
    "Pattern",
    "add_crosstalk",
    "apply_threshold",
    "detector_pattern",
    "draw_pattern",
    "respond",
    "saturate",
]

Energies = NDArray[np.float64]


@dataclass(frozen=True)
class Pattern:
    """The fixed pattern of one detector.

    gain: (n_layers, n_cells), median 1; alive: (n_layers, n_cells), False where a cell is dead.
    """

    gain: NDArray[np.float64]
    alive: NDArray[np.bool_]


def draw_pattern(
    settings: Data, n_layers: int, n_cells: int, stream: np.random.Generator
) -> Pattern:
    """Gains from a log-normal distribution, dead cells each by its own chance."""
    shape = (n_layers, n_cells)
    gain = np.exp(settings.gain_spread * stream.standard_normal(shape))
    alive = stream.random(shape) >= settings.dead_fraction
    return Pattern(gain, alive)


def detector_pattern(settings: Data, seed: int, n_layers: int, n_cells: int) -> Pattern:
    """Pattern of the one detector of a production."""
    return draw_pattern(settings, n_layers, n_cells, independent_stream(seed, "refine", "pattern"))


def respond(
    energy: NDArray[np.floating],
    settings: Data,
    pattern: Pattern,
    neighbours: NDArray[np.int64],
    stream: np.random.Generator,
) -> Energies:
    """Showers (n, n_layers, n_cells) [MIP] as the real detector reads them [MIP].

    neighbours: (n_cells, 6), -1 outside the patch.
    """
    charge = add_crosstalk(energy, neighbours, settings.crosstalk) * pattern.gain
    signal = saturate(charge, settings.saturation)
    signal += settings.noise * stream.standard_normal(signal.shape)
    return apply_threshold(signal * pattern.alive, settings.threshold)


def add_crosstalk(
    energy: NDArray[np.floating], neighbours: NDArray[np.int64], share: float
) -> Energies:
    """Energies (..., n_cells) after each cell gave a share to each side, (1 - 6k) e + k sum e."""
    padded = np.concatenate([energy, np.zeros_like(energy[..., :1])], axis=-1, dtype=np.float64)
    received = np.zeros(energy.shape)
    # an index of -1 finds the empty cell at the end
    for side in neighbours.T:
        received += padded[..., side]
    return (1.0 - 6.0 * share) * padded[..., :-1] + share * received


def saturate(energy: NDArray[np.floating], limit: float) -> Energies:
    """Response of a readout of finite range, e / (1 + e / limit), in the unit of `limit`."""
    return np.asarray(energy / (1.0 + energy / limit), dtype=np.float64)


def apply_threshold(energy: NDArray[np.floating], threshold: float) -> Energies:
    """Energies with the cells below the threshold set to zero."""
    return np.where(energy >= threshold, energy, 0.0)
