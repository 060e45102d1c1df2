"""Our showers beside those of Geant4 in the endcap calorimeter of CMS.

Geant4's showers lie about a layer deeper and otherwise develop as ours do: they begin later. Its
photons all enter at one point (eta = 2, phi = pi/2), where modules have edges and gaps that the
public description does not tell; ours are whole slabs everywhere. This bounds the agreement of the
layers' shares, at a largest difference of about 0.02; no slab is adapted to it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Simulate
from hyperhex.simulate.library import simulate
from hyperhex.simulate.materials import SILICON
from hyperhex.simulate.straggling import most_probable_loss

__all__ = ["LAYER_SHARES", "RESOLUTION", "SOURCE", "VISIBLE", "Comparison", "compare"]

SOURCE = (
    "Geant4, photons of 50 GeV at eta = 2: public evaluation histograms of the CMS HGCal challenge"
    " (OzAmram/CMSHGCaloChallenge, July 2026)"
)
ENERGY = 50.0  # [GeV]
VISIBLE = 0.05761  # weighted visible energy over the incident one
RESOLUTION = 0.03381

# mean shares of the first 30 layers in the weighted visible energy
LAYER_SHARES = np.array(
    [
        "0.00024",
        "0.0029",
        "0.00733",
        "0.02202",
        "0.03146",
        "0.05972",
        "0.06175",
        "0.09056",
        "0.07996",
        "0.09995",
        "0.07946",
        "0.08907",
        "0.06606",
        "0.06845",
        "0.04848",
        "0.04734",
        "0.0325",
        "0.03031",
        "0.02594",
        "0.01588",
        "0.01308",
        "0.00765",
        "0.00623",
        "0.00356",
        "0.00395",
        "0.00214",
        "0.00288",
        "0.00078",
        "0.00024",
        "8e-05",
    ],
    dtype=np.float64,
)
# weights of the reconstruction by layer: what a minimum-ionising particle loses in MeV about it
_WEIGHTS = np.array([5.55] + [12.86, 9.4] * 8 + [12.86] + [13.54, 12.86] * 4 + [58.63, *[60.7] * 3])
_THRESHOLD = 0.5  # of the most probable deposit


@dataclass(frozen=True)
class Comparison:
    """Mean shares of 30 layers and their spread, relative resolution and mean visible share."""

    shares: NDArray[np.float64]
    spread: NDArray[np.float64]
    resolution: float
    visible: float

    @property
    def centroid(self) -> float:
        """Mean layer of the energy, counted from one."""
        return float(self.shares @ np.arange(1.0, 31.0))


def compare(number: int, seed: int, transport: str = "default") -> Comparison:
    """Simulate photons of 50 GeV in `hgcal` and weight their cells as the reference does."""
    from hyperhex.simulate.stage import layout, matter_of

    section = Simulate.model_validate({"stack": "hgcal", "transport": transport})
    stack, _ = layout(section)
    sensor = stack.sensors.index(0)
    threshold = _THRESHOLD * most_probable_loss(SILICON, stack.thicknesses[sensor])
    energies = (ENERGY, ENERGY * (1.0 + 1e-9))
    numbers = np.arange(number, dtype=np.uint64)
    task = matter_of(section), stack.n_layers, "photon", energies, seed, numbers
    deposits = simulate(*task, angle=section.stack.angle).deposits[:, :30]
    layers = np.where(deposits > threshold, deposits, 0.0).sum(2) * _WEIGHTS
    total = layers.sum(1)
    shares = layers / total[:, None]
    return Comparison(
        shares.mean(0),
        shares.std(0),
        float(total.std() / total.mean()),
        float(total.mean() / ENERGY),
    )
