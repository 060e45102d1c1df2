"""From generator records to what is stored: visible particles, missing momentum, truth labels.

A batch is a set of flat columns, one row per entry of the generator's records, event after event:
`id`, `status`, `mother` (row of the mother, -1 if none), `px`, `py`, `pz`, `e` [GeV], and
`counts` (n_events,), the number of rows of each event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "BOTTOM_HADRON",
    "CHARM_HADRON",
    "HADRONIC_TAU",
    "VISIBLE",
    "Batch",
    "Cuts",
    "Particles",
    "contains_quark",
    "reduce_batch",
]

VISIBLE, BOTTOM_HADRON, CHARM_HADRON, HADRONIC_TAU = 0, 1, 2, 3

_TAU, _TAU_NEUTRINO = 15, 16
_LIGHT_NEUTRINOS = (12, 14)
_LEAST_TRUTH_PT = 5.0

Columns = dict[str, NDArray[np.generic]]


@dataclass(frozen=True)
class Cuts:
    """What is kept: particles by pT [GeV] and |eta|, events by two scalar sums [GeV]."""

    particle_pt: float
    eta: float
    visible_pt: float
    missing_pt: float


@dataclass(frozen=True)
class Batch:
    """Generator records of some events, flat; `visible` says which codes a detector sees."""

    counts: NDArray[np.int64]
    id: NDArray[np.int64]
    status: NDArray[np.int64]
    mother: NDArray[np.int64]
    momentum: NDArray[np.float64]
    visible: NDArray[np.bool_]


@dataclass(frozen=True)
class Particles:
    """Stored particles of the kept events, and these events' places in the batch."""

    events: NDArray[np.int64]
    counts: NDArray[np.int32]
    missing: NDArray[np.float64]
    pdg: NDArray[np.int32]
    momentum: NDArray[np.float32]
    kind: NDArray[np.uint8]


def reduce_batch(batch: Batch, cuts: Cuts) -> Particles:
    """Particles that a detector of |eta| < `cuts.eta` can see, and their truth labels.

    An event is kept if the scalar sum of the visible pT is at least `cuts.visible_pt` and the
    vector sum of the invisible pT, the true missing momentum (n_kept, 2) [GeV], is at least
    `cuts.missing_pt`. Both sums are taken before the floor on a particle's pT. Kept events are
    sorted as generated, their particles by kind and then as generated.
    """
    number = len(batch.counts)
    event = np.repeat(np.arange(number), batch.counts)
    pt = np.hypot(batch.momentum[:, 0], batch.momentum[:, 1])
    # |eta| < x is |pz| < pt sinh(x), without a logarithm
    inside = np.abs(batch.momentum[:, 2]) < pt * np.sinh(cuts.eta)
    final = batch.status > 0
    seen = final & batch.visible & inside
    unseen = final & ~batch.visible
    visible_pt = np.bincount(event[seen], pt[seen], number)
    missing = np.stack(
        [np.bincount(event[unseen], batch.momentum[unseen, axis], number) for axis in (0, 1)],
        axis=1,
    )
    keep = (visible_pt >= cuts.visible_pt) & (np.hypot(*missing.T) >= cuts.missing_pt)

    rows, kinds, momentum = _labelled(batch, seen & (pt >= cuts.particle_pt), inside, pt)
    kept = keep[event[rows]]
    rows, kinds, momentum = rows[kept], kinds[kept], momentum[kept]
    order = np.lexsort((rows, kinds, event[rows]))
    rows = rows[order]
    return Particles(
        events=np.flatnonzero(keep),
        counts=np.bincount(event[rows], minlength=number)[keep].astype(np.int32),
        missing=missing[keep],
        pdg=batch.id[rows].astype(np.int32),
        momentum=momentum[order].astype(np.float32),
        kind=kinds[order].astype(np.uint8),
    )


def contains_quark(code: NDArray[np.int64], quark: int) -> NDArray[np.bool_]:
    """Whether a hadron's heaviest quark is `quark` (4 or 5), hidden flavour excluded.

    The PDG numbering puts the quarks of a hadron in the digits q1 q2 q3 J of its code, heaviest
    first; q1 = 0 for mesons, q3 = 0 for diquarks, which are not hadrons.
    """
    positive = np.abs(code)
    digits = positive % 10000
    first, second, third = digits // 1000, digits // 100 % 10, digits // 10 % 10
    is_hadron = (positive > 100) & (positive < 1000000) & (third > 0)
    is_hidden = (first == 0) & (second == third)
    return is_hadron & ~is_hidden & (np.maximum(first, second) == quark)


def _labelled(
    batch: Batch, seen: NDArray[np.bool_], inside: NDArray[np.bool_], pt: NDArray[np.float64]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
    """Rows, kinds and momenta of the visible particles, the heavy hadrons and the taus."""
    hard = inside & (pt > _LEAST_TRUTH_PT)
    taus, tau_momentum = _hadronic_taus(batch)
    found = {
        VISIBLE: np.flatnonzero(seen),
        BOTTOM_HADRON: np.flatnonzero(_last_hadrons(batch, 5) & hard),
        CHARM_HADRON: np.flatnonzero(_last_hadrons(batch, 4) & hard),
        HADRONIC_TAU: taus[hard[taus]],
    }
    rows = np.concatenate(list(found.values()))
    kinds = np.repeat(list(found), [len(part) for part in found.values()])
    momentum = batch.momentum[rows]
    momentum[kinds == HADRONIC_TAU] = tau_momentum[hard[taus]]
    return rows, kinds, momentum


def _last_hadrons(batch: Batch, quark: int) -> NDArray[np.bool_]:
    """Hadrons of a quark that do not decay to another one."""
    last = contains_quark(batch.id, quark)
    mothers = batch.mother[last]
    last[mothers[mothers >= 0]] = False
    return last


def _hadronic_taus(batch: Batch) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Rows of the taus that decay to hadrons, and their momenta without the neutrino's."""
    code = np.abs(batch.id)
    mother_code = np.where(batch.mother >= 0, code[batch.mother], 0)
    from_tau = mother_code == _TAU
    neutrinos = np.flatnonzero(from_tau & (code == _TAU_NEUTRINO))
    leptonic = batch.mother[from_tau & np.isin(code, _LIGHT_NEUTRINOS)]
    neutrinos = neutrinos[~np.isin(batch.mother[neutrinos], leptonic)]
    taus = batch.mother[neutrinos]
    return taus, batch.momentum[taus] - batch.momentum[neutrinos]
