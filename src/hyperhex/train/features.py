"""What a classifier sees of an event: fixed slots of objects and quantities of the whole event.

Angles are relative to the missing momentum, and the two reflections that leave the physics
unchanged (eta -> -eta, phi -> -phi) are fixed by the leading object, so a classifier need not learn
them from few events.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.detect.record import ANTIMUON, B_JET, ELECTRON, JET, MUON, PHOTON, POSITRON

__all__ = ["EVENT_VALUES", "NAMES", "SLOT_TYPES", "SLOT_VALUES", "effective_mass", "inputs"]

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

_ELECTRONS = (ELECTRON, POSITRON)
_MUONS = (MUON, ANTIMUON)
# name of an object type, its code in the event record, its slots
_SLOTS = (
    ("jet", JET, 6),
    ("bjet", B_JET, 3),
    ("electron", ELECTRON, 1),
    ("positron", POSITRON, 1),
    ("muon", MUON, 1),
    ("antimuon", ANTIMUON, 1),
    ("photon", PHOTON, 2),
)
SLOT_VALUES = ("log_energy", "log_pt", "eta", "dphi")
EVENT_VALUES = (
    "log_ht",
    "log_met",
    "log_effective_mass",
    "met_significance",
    "min_dphi",
    "n_jet",
    "n_bjet",
    "n_electron",
    "n_muon",
    "n_photon",
    "lepton_charge",
    "log_lepton_pt",
    "log_transverse_mass",
    "log_dijet_mass",
    "log_visible_mass",
    "sphericity",
)
# number of the type in each slot, in the order of the inputs
SLOT_TYPES: tuple[int, ...] = tuple(
    index for index, (_, _, slots) in enumerate(_SLOTS) for _ in range(slots)
)
NAMES: tuple[str, ...] = (
    *(
        f"{name}_{slot}_{value}"
        for name, _, slots in _SLOTS
        for slot in range(1, slots + 1)
        for value in SLOT_VALUES
    ),
    *EVENT_VALUES,
)


def inputs(events: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
    """Inputs of events, (n, len(NAMES)); absent objects are zero.

    `events` holds the arrays of an event record: `objects` (n, 20, 4) [GeV, GeV, 1, rad],
    `object_type` (n, 20), `met`, `met_phi`, `ht`, `min_dphi` (n,) [GeV, rad, GeV, rad].
    """
    objects = np.asarray(events["objects"], dtype=np.float64)
    kinds = np.asarray(events["object_type"])
    met = np.asarray(events["met"], dtype=np.float64)
    present = kinds > 0
    energy, pt, eta, phi = np.moveaxis(np.where(present[..., None], objects, 0.0), -1, 0)
    dphi = np.where(present, _wrapped(phi - np.asarray(events["met_phi"])[:, None]), 0.0)
    # objects are sorted by pt, so the first column is the leading object
    values = np.stack(
        [
            np.log1p(energy),
            np.log1p(pt),
            eta * _sign(eta[:, :1]),
            dphi * _sign(dphi[:, :1]),
        ],
        axis=-1,
    )
    slots = [_slots(values, kinds == code, number) for _, code, number in _SLOTS]
    whole = _event_values(pt, eta, dphi, energy, kinds, met, events)
    return np.concatenate([*slots, whole], axis=1).astype(np.float32)


def effective_mass(events: Mapping[str, NDArray[Any]]) -> Floats:
    """Effective mass, the missing energy plus the scalar sum of all objects' pT, (n,) [GeV]."""
    pt = np.where(events["object_type"] > 0, events["objects"][..., 1], 0.0)
    return np.asarray(events["met"], dtype=np.float64) + pt.sum(axis=1, dtype=np.float64)


def _slots(values: Floats, chosen: Mask, number: int) -> Floats:
    order = np.argsort(~chosen, axis=1, kind="stable")[:, :number]
    filled = np.take_along_axis(chosen, order, axis=1)[..., None]
    taken = np.where(filled, np.take_along_axis(values, order[..., None], axis=1), 0.0)
    return taken.reshape(len(values), number * len(SLOT_VALUES))


def _event_values(
    pt: Floats,
    eta: Floats,
    dphi: Floats,
    energy: Floats,
    kinds: NDArray[Any],
    met: Floats,
    events: Mapping[str, NDArray[Any]],
) -> Floats:
    ht = np.asarray(events["ht"], dtype=np.float64)
    hadronic = (kinds == JET) | (kinds == B_JET)
    electrons, muons = np.isin(kinds, _ELECTRONS), np.isin(kinds, _MUONS)
    leptons = electrons | muons
    positive = np.isin(kinds, (_ELECTRONS[1], _MUONS[1]))
    lepton_pt = np.where(leptons, pt, 0.0).sum(axis=1)
    columns = [
        np.log1p(ht),
        np.log1p(met),
        np.log1p(met + pt.sum(axis=1)),
        met / np.sqrt(np.maximum(ht, 1.0)),
        np.asarray(events["min_dphi"], dtype=np.float64),
        hadronic.sum(axis=1),
        (kinds == B_JET).sum(axis=1),
        electrons.sum(axis=1),
        muons.sum(axis=1),
        (kinds == PHOTON).sum(axis=1),
        np.abs(np.where(positive, 1, -1 * leptons).sum(axis=1)),
        np.log1p(lepton_pt),
        np.log1p(_transverse_mass(pt, dphi, leptons, met)),
        np.log1p(_mass(energy, pt, eta, dphi, hadronic & (np.cumsum(hadronic, axis=1) <= 2))),
        np.log1p(_mass(energy, pt, eta, dphi, kinds > 0)),
        _sphericity(pt, dphi),
    ]
    return np.stack(columns, axis=1)


def _transverse_mass(pt: Floats, dphi: Floats, leptons: Mask, met: Floats) -> Floats:
    """m_T = sqrt(2 pT MET (1 - cos dphi)) of the leading lepton, zero without one, (n,) [GeV]."""
    first = leptons.argmax(axis=1)[:, None]
    lepton_pt = np.take_along_axis(np.where(leptons, pt, 0.0), first, axis=1)[:, 0]
    angle = np.take_along_axis(dphi, first, axis=1)[:, 0]
    return np.sqrt(2.0 * lepton_pt * met * (1.0 - np.cos(angle)))


def _mass(energy: Floats, pt: Floats, eta: Floats, phi: Floats, chosen: Mask) -> Floats:
    """Invariant mass of the chosen objects together, (n,) [GeV]."""
    momentum = np.stack([pt * np.cos(phi), pt * np.sin(phi), pt * np.sinh(eta)], axis=-1)
    total = np.where(chosen[..., None], momentum, 0.0).sum(axis=1)
    squared = np.where(chosen, energy, 0.0).sum(axis=1) ** 2 - (total**2).sum(axis=1)
    return np.sqrt(np.maximum(squared, 0.0))


def _sphericity(pt: Floats, phi: Floats) -> Floats:
    """Transverse sphericity 2 l2 / (l1 + l2) of the objects' momentum tensor, (n,)."""
    x, y = pt * np.cos(phi), pt * np.sin(phi)
    xx, yy, xy = (x * x).sum(axis=1), (y * y).sum(axis=1), (x * y).sum(axis=1)
    trace = xx + yy
    split = np.sqrt((xx - yy) ** 2 + 4.0 * xy**2)
    return np.where(trace > 0.0, (trace - split) / np.maximum(trace, 1e-12), 0.0)


def _wrapped(angle: Floats) -> Floats:
    return np.mod(angle + np.pi, 2.0 * np.pi) - np.pi


def _sign(value: Floats) -> Floats:
    return np.where(value < 0.0, -1.0, 1.0)
