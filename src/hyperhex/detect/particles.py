"""Generated particles of many events in flat arrays, and what kind of trace each leaves."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

__all__ = ["Particles", "first_rows", "from_momenta"]

VISIBLE, B_HADRON, C_HADRON, TAU = 0, 1, 2, 3

_NEUTRAL_HADRONS = (111, 130, 221, 310, 311, 421, 511, 531, 2112, 3122, 3212, 3322)


@dataclass(frozen=True)
class Particles:
    """Particles ordered by event, each array (n,): energy and pT [GeV], phi from -pi to pi."""

    event: NDArray[np.int32]
    pdg: NDArray[np.int32]
    kind: NDArray[np.uint8]
    pt: NDArray[np.float64]
    eta: NDArray[np.float64]
    phi: NDArray[np.float64]
    energy: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.event)

    def where(self, chosen: NDArray[np.bool_]) -> Particles:
        """Those that are chosen, (n,)."""
        return replace(
            self, **{field.name: getattr(self, field.name)[chosen] for field in fields(self)}
        )

    @property
    def is_visible(self) -> NDArray[np.bool_]:
        """Stable particles that interact, (n,)."""
        return self.kind == VISIBLE

    @property
    def is_photon(self) -> NDArray[np.bool_]:
        """Photons, (n,)."""
        return self.is_visible & (self.pdg == 22)

    @property
    def is_electron(self) -> NDArray[np.bool_]:
        """Electrons and positrons, (n,)."""
        return self.is_visible & (np.abs(self.pdg) == 11)

    @property
    def is_muon(self) -> NDArray[np.bool_]:
        """Muons of either charge, (n,)."""
        return self.is_visible & (np.abs(self.pdg) == 13)

    @property
    def is_neutral_hadron(self) -> NDArray[np.bool_]:
        """Hadrons without a track, (n,)."""
        return self.is_visible & np.isin(np.abs(self.pdg), _NEUTRAL_HADRONS)

    @property
    def is_charged_hadron(self) -> NDArray[np.bool_]:
        """All other visible particles, (n,)."""
        other = self.is_photon | self.is_electron | self.is_muon | self.is_neutral_hadron
        return self.is_visible & ~other


def from_momenta(
    event: NDArray[np.int32],
    pdg: NDArray[np.int32],
    kind: NDArray[np.uint8],
    momentum: NDArray[np.floating],
) -> Particles:
    """Particles of momenta (n, 4): px, py, pz, E [GeV]."""
    px, py, pz, energy = momentum.astype(np.float64).T
    pt = np.hypot(px, py)
    # a particle along the beam has no pseudorapidity: it goes where no detector is
    eta = np.arcsinh(np.divide(pz, pt, out=np.full_like(pz, 1e9), where=pt > 0))
    return Particles(event, pdg, kind, pt, eta, np.arctan2(py, px), energy)


def first_rows(event: NDArray[np.int32], events: int) -> NDArray[np.int64]:
    """First row of each event, (events + 1,), of rows that are ordered by event."""
    return np.searchsorted(event, np.arange(events + 1)).astype(np.int64)
