"""Anti-kT jets of towers (arXiv:0802.1189, fastjet arXiv:1111.6097), calibration and b-tags."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import awkward as ak
import fastjet
import numpy as np
from fastjet import _swig
from numpy.typing import NDArray

from hyperhex.config import Jets as Settings
from hyperhex.detect.calorimeter import Towers
from hyperhex.detect.particles import B_HADRON, C_HADRON, Particles, first_rows
from hyperhex.kernels.cones import closest

__all__ = ["Jets", "calibrate", "cluster", "tag"]

Floats = NDArray[np.float64]

# jets softer than this share of the least pT never pass it after calibration
_SOFTEST = 0.5
# random numbers of an event, more than it has jets
_DRAWS = 64

# the banner would go to stdout at the first clustering
_swig.ClusterSequence.set_fastjet_banner_stream(None)


@dataclass(frozen=True)
class Jets:
    """Jets ordered by event, each array (n,): energy and pT [GeV], true where tagged."""

    event: NDArray[np.int32]
    energy: Floats
    pt: Floats
    eta: Floats
    phi: Floats
    tagged: NDArray[np.bool_]

    def where(self, chosen: NDArray[np.bool_]) -> Jets:
        """Those that are chosen, (n,)."""
        return replace(
            self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        )


def cluster(towers: Towers, radius: float, least_pt: float) -> Jets:
    """Anti-kT jets of massless towers, E-scheme, with pT of at least half of `least_pt`."""
    pt = towers.pt
    columns = {
        "px": pt * np.cos(towers.phi),
        "py": pt * np.sin(towers.phi),
        "pz": pt * np.sinh(towers.eta),
        "E": towers.energy,
    }
    contents = [ak.contents.NumpyArray(column) for column in columns.values()]
    record = ak.contents.RecordArray(
        contents, list(columns), parameters={"__record__": "Momentum4D"}
    )
    offsets = ak.index.Index64(towers.first)
    inputs = ak.Array(ak.contents.ListOffsetArray(offsets, record))
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    found = fastjet.ClusterSequence(inputs, definition).inclusive_jets(min_pt=_SOFTEST * least_pt)
    number = ak.to_numpy(ak.num(found))
    flat = ak.flatten(found)
    px, py, pz, energy = (ak.to_numpy(flat[name]) for name in columns)
    jet_pt = np.hypot(px, py)
    event = np.repeat(np.arange(len(number), dtype=np.int32), number)
    return Jets(
        event,
        energy,
        jet_pt,
        np.arcsinh(pz / jet_pt),
        np.arctan2(py, px),
        np.zeros(len(event), np.bool_),
    )


def calibrate(jets: Jets, response: tuple[float, float]) -> Jets:
    """Jets of true scale, where the measured pT is R(pT) pT with R = a - b / pT of the true pT.

    That is pT_measured = a pT - b, so pT = (pT_measured + b) / a, mass and direction unchanged.
    """
    a, b = response
    factor = (jets.pt + b) / (a * jets.pt)
    return replace(jets, pt=jets.pt * factor, energy=jets.energy * factor)


def tag(jets: Jets, truth: Particles, events: int, s: Settings, rng: np.random.Generator) -> Jets:
    """Jets with b-tags drawn by flavour: that of a B hadron in the cone, else of a C hadron.

    Each event has numbers of its own for its jets by falling pT, so that a jet more in one event
    moves the tags of no other.
    """
    chance = np.full(len(jets.event), s.tag_light)
    for kind, efficiency in ((C_HADRON, s.tag_c), (B_HADRON, s.tag_b)):
        hadrons = truth.where(truth.kind == kind)
        first = first_rows(hadrons.event, events)
        _, apart = closest(jets.event, jets.eta, jets.phi, first, hadrons.eta, hadrons.phi)
        chance[apart < s.tag_cone] = efficiency
    drawn = rng.random((events, _DRAWS))[jets.event, _rank(jets) % _DRAWS]
    tagged = (drawn < chance) & (np.abs(jets.eta) < s.tag_eta)
    return replace(jets, tagged=tagged)


def _rank(jets: Jets) -> NDArray[np.int64]:
    """Place of each jet in its event by falling pT, from 0, (n,)."""
    order = np.lexsort((-jets.pt, jets.event))
    event = jets.event[order]
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(len(order)) - np.searchsorted(event, event)
    return rank
