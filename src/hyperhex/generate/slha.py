"""Supersymmetric spectra as SUSY Les Houches Accord text (hep-ph/0311123)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

__all__ = ["SPARTICLES", "spectrum"]

# squarks and sleptons left, the same right, gauginos and higgsinos, gravitino
SPARTICLES = (
    *(1000000 + flavour for flavour in (*range(1, 7), *range(11, 17))),
    *(2000000 + flavour for flavour in (*range(1, 7), 11, 13, 15)),
    *(1000021, 1000022, 1000023, 1000024, 1000025, 1000035, 1000037),
)
_DECOUPLED = 5000.0

_HEADER = """\
BLOCK MODSEL
 1 0
BLOCK SMINPUTS
 1 127.94
 2 1.16637e-05
 3 0.1184
 4 91.1876
 5 4.18
 6 173.2
 7 1.777
BLOCK MINPAR
 3 {tan_beta:.6g}
BLOCK HMIX
 1 {decoupled:.6g}
 2 {tan_beta:.6g}
 3 246.22
BLOCK ALPHA
 -{inverse_tan_beta:.6g}
"""
_MIXINGS = {"NMIX": 4, "UMIX": 2, "VMIX": 2, "STOPMIX": 2, "SBOTMIX": 2, "STAUMIX": 2}


def spectrum(
    masses: Mapping[int, float],
    decays: Mapping[int, Sequence[tuple[float, Sequence[int]]]],
    *,
    tan_beta: float = 10.0,
) -> str:
    """Simplified spectrum: `masses` [GeV] as given, all other sparticles decoupled at 5 TeV.

    All mixing matrices are the identity: neutralino 1 is the bino, neutralino 2 and chargino 1
    are winos, stop 1 and sbottom 1 are left-handed. `decays` lists for each sparticle its
    branching fractions and their products; one of the `masses` without decays is stable. Widths
    are 1 GeV, which makes decays prompt and keeps masses on shell.
    """
    parts = [
        _HEADER.format(tan_beta=tan_beta, decoupled=_DECOUPLED, inverse_tan_beta=1 / tan_beta),
        *(_identity(name, size) for name, size in _MIXINGS.items()),
        _masses(masses),
        *(_decay(code, decays.get(code, ())) for code in sorted({*masses, *decays})),
    ]
    return "".join(parts)


def _identity(name: str, size: int) -> str:
    rows = range(1, size + 1)
    lines = (f" {row} {column} {float(row == column)}\n" for row in rows for column in rows)
    return f"BLOCK {name}\n{''.join(lines)}"


def _masses(masses: Mapping[int, float]) -> str:
    higgs = {25: 125.0, 35: _DECOUPLED, 36: _DECOUPLED, 37: _DECOUPLED}
    table = {**higgs, **dict.fromkeys(SPARTICLES, _DECOUPLED), **masses}
    return "BLOCK MASS\n" + "".join(f" {code} {mass:.8g}\n" for code, mass in table.items())


def _decay(code: int, channels: Iterable[tuple[float, Sequence[int]]]) -> str:
    listed = list(channels)
    lines = (
        f" {fraction:.8g} {len(products)} {' '.join(map(str, products))}\n"
        for fraction, products in listed
    )
    return f"DECAY {code} {1.0 if listed else 0.0}\n{''.join(lines)}"
