"""What whole calorimeters do, beside public numbers: width, linearity, muons, pions, Geant4."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hyperhex.config import Simulate
from hyperhex.detector.patch import Patch
from hyperhex.simulate import geant4
from hyperhex.simulate.cascade import Absorber, HadronicShowers, build_absorber, simulate_hadrons
from hyperhex.simulate.closed_forms import critical_energy
from hyperhex.simulate.library import simulate
from hyperhex.simulate.materials import TUNGSTEN
from hyperhex.simulate.stack import Stack, build_matter
from hyperhex.simulate.tables import Cuts, Steps
from hyperhex.simulate.validation import Row

__all__ = [
    "electromagnetic_fraction",
    "fraction_rows",
    "geant4_rows",
    "linearity_row",
    "muon_row",
    "radius_row",
    "ratio_row",
]

_CUTS = Cuts(photon=0.3e-3, electron=0.3e-3, knock_on=0.3e-3, straggling=5e-6)
_STEPS = Steps(loss=0.2, scattering=1.0, rejection=2e-3)

_SCALE = 21.2e-3  # sqrt(4 pi/alpha) m [GeV], in Moliere's radius
# energies [GeV] and numbers of electrons whose visible energy is compared
_LINEAR = ((1.0, 4000), (5.0, 1000), (20.0, 250), (80.0, 80), (200.0, 40))
_PIONS = ((5.0, 300), (20.0, 150), (80.0, 60))
_CALIBRATED = 400  # electrons of 20 GeV beside the pions for e/h
_MUONS = 20_000
_MUON_BIN = 4e-6  # [GeV]


def radius_row(seed: int) -> Row:
    """Radius about the axis that holds 90 % of the energy of electrons of 10 GeV in tungsten."""
    patch = Patch(40, 0.1)
    width = TUNGSTEN.radiation_length
    stack = Stack(("tungsten",) * 30, (width,) * 30, (0,) * 30)
    matter = build_matter(stack, patch, _CUTS, Steps(0.2, 0.5, 0.0), 100.0)
    numbers = np.arange(60, dtype=np.uint64)
    made = simulate(matter, 1, "electron", (10.0, 10.0001), seed, numbers)
    cells = made.deposits.sum((0, 1))
    distance = np.hypot(*patch.positions.T)
    order = np.argsort(distance)
    contained = np.cumsum(cells[order]) / (cells.sum() + made.outside.sum())
    radius = float(np.interp(0.9, contained, distance[order]))
    moliere = width * _SCALE / critical_energy(TUNGSTEN)
    source = "PDG, Passage of particles through matter, sec. 34.5: 90 % within about one radius"
    name = "90 % radius of electrons of 10 GeV in W [Moliere radii]"
    return Row(name, radius / moliere, 1.125, 0.125, source)


def linearity_row(section: Simulate, seed: int) -> Row:
    """Largest deviation of the visible share of the absorbed energy, electrons of 1 to 200 GeV."""
    from hyperhex.simulate.stage import layout, matter_of

    matter, n_layers = matter_of(section), layout(section)[0].n_layers
    shares = []
    for energy, number in _LINEAR:
        energies = (energy, energy * (1.0 + 1e-9))
        numbers = np.arange(number, dtype=np.uint64)
        angle = section.stack.angle
        made = simulate(matter, n_layers, "electron", energies, seed, numbers, angle=angle)
        visible = made.deposits.sum() + made.outside.sum()
        shares.append(visible / (made.energy.sum() - made.leakage.sum()))
    worst = float(np.abs(np.array(shares) / np.mean(shares) - 1.0).max())
    name = "nonlinearity of the visible energy, electrons of 1 to 200 GeV, leakage taken off"
    return Row(name, worst, 0.0, 0.01, "a sampling calorimeter is linear")


def muon_row(seed: int) -> Row:
    """Most frequent deposit of muons of 4 GeV in 300 um of silicon."""
    absorber = _absorber(("silicon",), (0.03,), (0,))
    numbers = np.arange(_MUONS, dtype=np.uint64)
    made = simulate_hadrons(absorber, "mu-", (4.0, 4.0001), seed, numbers).showers
    deposits = made.deposits.sum((1, 2)) + made.outside
    counts, edges = np.histogram(deposits, np.arange(50e-6, 150e-6, _MUON_BIN))
    peak = 0.5e6 * (edges[1:] + edges[:-1])[counts.argmax()]
    source = "Landau, Vavilov, Bichsel: PDG, Passage of particles through matter, eq. 34.12"
    return Row("peak of muons of 4 GeV in 300 um of Si [keV]", float(peak), 84.0, 8.4, source)


def electromagnetic_fraction(energy: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """Mean share of a pion's energy that showers electromagnetically, 1 - (E/E0)^(k-1), k = 0.82.

    Gabriel et al., Nucl. Instrum. Methods A 338 (1994) 336; E0 = 1 GeV in iron, 1.3 GeV in lead.
    """
    return 1.0 - (energy / scale) ** (0.82 - 1.0)


def fraction_rows(seed: int) -> list[Row]:
    """Mean electromagnetic fraction of pions in a block of iron."""
    absorber = _absorber(("iron",), (400.0,), (0,))
    rows = []
    for energy, number in _PIONS:
        made = _pions(absorber, energy, number, seed)
        expected = float(electromagnetic_fraction(np.array(energy), 1.0))
        name = f"electromagnetic fraction, pi+ of {energy:g} GeV in Fe"
        share = float(made.electromagnetic.mean() / energy)
        source = "1 - (E/E0)^(k-1): Gabriel et al., NIM A 338 (1994) 336; the deviation is ours"
        rows.append(Row(name, share, expected, 0.2, source))
    return rows


def ratio_row(seed: int) -> Row:
    """e/h of silicon and steel, from electrons and pions of 20 GeV.

    pi/e = f + (1 - f) h/e with the simulated electromagnetic fraction f.
    """
    materials = ("steel", "vacuum", "silicon", "vacuum") * 60
    sensors = (-1, -1, 0, -1) * 60
    absorber = _absorber(materials, (4.0, 0.3, 0.03, 0.3) * 60, sensors)
    numbers = np.arange(_CALIBRATED, dtype=np.uint64)
    electrons = simulate(absorber.matter, 1, "electron", (20.0, 20.0001), seed, numbers)
    response = (electrons.deposits.sum() + electrons.outside.sum()) / electrons.energy.sum()
    pions = _pions(absorber, 20.0, 200, seed)
    visible = pions.showers.deposits.sum() + pions.showers.outside.sum()
    f = pions.electromagnetic.sum() / pions.showers.energy.sum()
    hadronic = (visible / pions.showers.energy.sum() - f * response) / (1.0 - f)
    source = "Wigmans, Calorimetry, 2nd ed., ch. 3: iron read out without hydrogen, 1.1 to 1.8"
    return Row("e/h of silicon and steel", float(response / hadronic), 1.45, 0.35, source)


def geant4_rows(ours: geant4.Comparison) -> list[Row]:
    """Layer shares, maximum, depth, resolution and visible energy in `hgcal`, beside Geant4."""
    reference = geant4.LAYER_SHARES
    worst = float(np.abs(ours.shares - reference).max())
    pairs = [1.0 + shares.reshape(15, 2).sum(1).argmax() for shares in (ours.shares, reference)]
    depth = float(reference @ np.arange(1.0, 31.0))
    compared = (
        ("largest difference of a layer's share", worst, 0.0, 0.02),
        ("pair of layers with the maximum", float(pairs[0]), float(pairs[1]), 0.5),
        ("mean layer of the energy", ours.centroid, depth, 0.12 * depth),
        ("resolution", ours.resolution, geant4.RESOLUTION, 0.2 * geant4.RESOLUTION),
        ("weighted visible share", ours.visible, geant4.VISIBLE, 0.05 * geant4.VISIBLE),
    )
    return [
        Row(f"hgcal, photons of 50 GeV: {name}", value, expected, tolerance, geant4.SOURCE)
        for name, value, expected, tolerance in compared
    ]


def _absorber(
    materials: tuple[str, ...], thicknesses: tuple[float, ...], sensors: tuple[int, ...]
) -> Absorber:
    """A stack of slabs, 10 m wide, with one readout layer and cells of 1 m."""
    stack = Stack(materials, thicknesses, sensors)
    return build_absorber(stack, build_matter(stack, Patch(1, 100.0), _CUTS, _STEPS, 500.0), _CUTS)


def _pions(absorber: Absorber, energy: float, number: int, seed: int) -> HadronicShowers:
    energies = (energy, energy * (1.0 + 1e-9))
    numbers = np.arange(number, dtype=np.uint64)
    return simulate_hadrons(absorber, "pi+", energies, seed, numbers)
