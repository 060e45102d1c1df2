"""Physical constants of the transport, in GeV and cm (CODATA 2018)."""

from __future__ import annotations

__all__ = [
    "AVOGADRO",
    "BOHR_RADIUS",
    "ELECTRON_MASS",
    "ELECTRON_RADIUS",
    "FINE_STRUCTURE",
    "HBAR_C",
]

ELECTRON_MASS = 0.51099895e-3  # [GeV]
ELECTRON_RADIUS = 2.8179403e-13  # classical [cm]
FINE_STRUCTURE = 1.0 / 137.035999
BOHR_RADIUS = 5.2917721e-9  # [cm]
HBAR_C = 1.9732698e-14  # [GeV cm]
AVOGADRO = 6.0221408e23  # [1/mol]
