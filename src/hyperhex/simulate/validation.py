"""The full simulation beside public numbers: rows of ours, reference, tolerance, source, passed."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.simulate.closed_forms import (
    attenuation,
    critical_energy,
    radiation_length,
    stopping_power,
)
from hyperhex.simulate.homogeneous import block, layer_deposits, shower_maximum, single_layer
from hyperhex.simulate.library import Showers
from hyperhex.simulate.materials import (
    AIR,
    COPPER,
    IRON,
    LEAD,
    SILICON,
    TUNGSTEN,
    Material,
)
from hyperhex.simulate.straggling import most_probable_loss
from hyperhex.simulate.tables import Cuts

__all__ = [
    "Row",
    "balance_rows",
    "library_rows",
    "material_rows",
    "most_probable_row",
    "profile_rows",
    "resolution",
    "stochastic_term",
]

_PDG = "PDG, Atomic and Nuclear Properties of Materials (pdg.lbl.gov)"
_NIST = "NIST, XCOM Photon Cross Sections Database (Berger, Hubbell), without coherent scattering"
_ESTAR = "NIST, ESTAR"
_PROFILE = "Grindhammer, Peters, arXiv:hep-ex/0001020: ln(E/Ec) - 0.858"
_SAMPLING = (
    "between CALICE (525 um Si, 0.4-1.2 X0 W, arXiv:0811.2354) 0.165 and CMS HGCAL (300 um Si,"
    " about 1 X0, arXiv:2111.06855) 0.22"
)

# radiation length [g/cm2], Rossi's critical energy [MeV]
_CONSTANTS: dict[Material, tuple[float, float]] = {
    TUNGSTEN: (6.76, 7.97),
    LEAD: (6.37, 7.43),
    SILICON: (21.82, 40.19),
    COPPER: (12.86, 19.42),
    IRON: (13.84, 21.68),
    AIR: (36.62, 87.92),
}
# mass attenuation without coherent scattering [cm2/g] at these energies [GeV]
_ENERGIES = [0.5e-3, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3]
_ATTENUATION: dict[Material, list[float]] = {
    TUNGSTEN: [0.1281, 0.06359, 0.04362, 0.0409, 0.04744, 0.05893, 0.0762],
    LEAD: [0.1498, 0.06794, 0.04524, 0.04257, 0.04968, 0.06205, 0.08056],
    SILICON: [0.08663, 0.0633, 0.04467, 0.02963, 0.0246, 0.02338, 0.02523],
    COPPER: [0.08139, 0.05836, 0.04182, 0.03171, 0.03101, 0.03408, 0.04104],
    IRON: [0.08224, 0.05938, 0.04245, 0.03141, 0.02993, 0.03224, 0.03829],
    AIR: [0.08671, 0.0634, 0.04436, 0.02747, 0.02043, 0.01706, 0.01614],
}
# collision stopping power [MeV cm2/g] at 1 and 10 MeV
_STOPPING: dict[Material, tuple[float, float]] = {TUNGSTEN: (1.016, 1.203), SILICON: (1.51, 1.70)}

_DEVELOPED = 1200  # showers of 10 GeV per particle whose mean profile is fitted
_CROSSINGS = 20_000  # of a single layer, for the most probable deposit
_BIN = 2e-6  # width of the bins in which their mode is sought [GeV]


@dataclass(frozen=True)
class Row:
    """One comparison; the tolerance is absolute, in the unit of the quantity."""

    quantity: str
    ours: float
    reference: float
    tolerance: float
    source: str

    @property
    def passed(self) -> bool:
        """Whether ours is within the tolerance of the reference."""
        return abs(self.ours - self.reference) <= self.tolerance

    def record(self) -> dict[str, Any]:
        """Row of the JSON file."""
        return {**asdict(self), "passed": self.passed}


def material_rows() -> list[Row]:
    """Radiation lengths, critical energies, photon attenuation, stopping powers."""
    rows = []
    for material, (length, energy) in _CONSTANTS.items():
        ours = radiation_length(material)
        rows.append(_relative(f"X0 {material.name} [g/cm2]", ours, length, 0.02, _PDG))
        ours = 1e3 * critical_energy(material)
        rows.append(_relative(f"critical energy {material.name} [MeV]", ours, energy, 0.02, _PDG))
    for material, values in _ATTENUATION.items():
        for E, ours, value in zip(_ENERGIES, attenuation(material, _ENERGIES), values, strict=True):
            name = f"attenuation {material.name} at {1e3 * E:g} MeV [cm2/g]"
            rows.append(_relative(name, ours, value, 0.05, _NIST))
    for material, powers in _STOPPING.items():
        for E, value in zip((1e-3, 10e-3), powers, strict=True):
            name = f"collision stopping power {material.name} at {1e3 * E:g} MeV [MeV cm2/g]"
            rows.append(_relative(name, stopping_power(material, E), value, 0.02, _ESTAR))
    return rows


def profile_rows(seed: int) -> list[Row]:
    """Depth of the shower maximum in tungsten at 10 GeV, and how much deeper photons shower."""
    matter = block("tungsten")
    depth = {
        particle: shower_maximum(layer_deposits(matter, particle, 10.0, _DEVELOPED, seed).mean(0))
        for particle in ("electron", "photon")
    }
    expected = math.log(10.0 / critical_energy(TUNGSTEN)) - 0.858
    later = depth["photon"] - depth["electron"]
    return [
        Row(
            "shower maximum, electrons of 10 GeV in W [X0]",
            depth["electron"],
            expected,
            0.2,
            _PROFILE,
        ),
        Row(
            "shower maximum, photons less electrons, 10 GeV in W [X0]",
            later,
            0.95,
            0.15,
            "PDG, Passage of particles through matter, eq. 34.36: +0.5 against -0.5",
        ),
    ]


def most_probable_row(thickness: float, cuts: Cuts, seed: int) -> Row:
    """Most probable deposit of electrons of 10 GeV in one layer of silicon."""
    deposits = single_layer("silicon", thickness, cuts, _CROSSINGS, seed)
    expected = most_probable_loss(SILICON, thickness)
    edges = np.arange(0.4 * expected, 2.5 * expected, _BIN)
    counts, _ = np.histogram(deposits, edges)
    # a cubic through the peak of the logarithm: less noise than the highest bin
    near = counts > 0.75 * counts.max()
    centres = 0.5 * (edges[1:] + edges[:-1])[near]
    curve = np.polynomial.Polynomial.fit(centres, np.log(counts[near]), 3)
    mode = float(curve.linspace(1000)[0][np.argmax(curve.linspace(1000)[1])])
    name = f"most probable deposit in {1e4 * thickness:g} um of Si [keV]"
    source = "Landau, Vavilov, Bichsel: PDG, Passage of particles through matter, eq. 34.12"
    return _relative(name, 1e6 * mode, 1e6 * expected, 0.05, source)


def balance_rows(particle: str, showers: Showers) -> list[Row]:
    """Largest imbalance of energy in showers."""
    booked = showers.deposits.sum((1, 2)) + showers.absorbed + showers.outside + showers.leakage
    worst = float(np.abs(booked / showers.energy - 1.0).max())
    name = f"energy that is not accounted for, {particle}s, relative"
    return [Row(name, worst, 0.0, 1e-4, "conservation of energy")]


def resolution(
    visible: NDArray[np.float64], energy: NDArray[np.float64], edges: NDArray[np.float64]
) -> Mapping[str, NDArray[np.float64]]:
    """Visible energy by bins of energy: mean fraction, relative central width and its error."""
    fraction = visible / energy
    place = np.digitize(energy, edges) - 1
    groups = [fraction[place == i] for i in range(len(edges) - 1)]
    mean = np.array([group.mean() for group in groups])
    spread = np.array([_central_width(group) for group in groups]) / mean
    # error of the half distance of two quantiles of a normal law
    error = 0.96 * spread / np.sqrt([len(group) for group in groups])
    centre = np.sqrt(edges[1:] * edges[:-1])
    return {"energy": centre, "fraction": mean, "spread": spread, "error": error}


def _central_width(values: NDArray[np.float64]) -> float:
    """Half the width of the central 68.3 %: the few photons that convert late do not count."""
    low, high = np.quantile(values, [0.15865, 0.84135])
    return 0.5 * float(high - low)


def stochastic_term(visible: NDArray[np.float64], energy: NDArray[np.float64]) -> float:
    """Sampling term S of sigma/E = S/sqrt(E) [sqrt(GeV)] from showers of 2 to 30 GeV."""
    inside = (energy > 2.0) & (energy < 30.0)
    fraction = visible[inside] / energy[inside]
    pulls = (fraction / fraction.mean() - 1.0) * np.sqrt(energy[inside])
    return _central_width(pulls)


def library_rows(
    particle: str, visible: NDArray[np.float64], energy: NDArray[np.float64]
) -> list[Row]:
    """Sampling resolution and linearity of a library of showers."""
    low, high = energy < 5.0, energy > 20.0
    rows = [
        Row(
            f"sampling term, {particle}s [sqrt(GeV)]",
            stochastic_term(visible, energy),
            0.193,
            0.035,
            _SAMPLING,
        )
    ]
    if low.any() and high.any():
        ratio = visible[high].sum() / energy[high].sum()
        ratio /= visible[low].sum() / energy[low].sum()
        name = f"visible fraction above 20 GeV over that below 5 GeV, {particle}s"
        rows.append(Row(name, float(ratio), 1.0, 0.04, "a calorimeter is linear"))
    return rows


def _relative(quantity: str, ours: float, reference: float, share: float, source: str) -> Row:
    """Row whose tolerance is a share of the reference."""
    return Row(quantity, ours, reference, share * reference, source)
