"""Fast simulations side by side: what other seeds and ingredients change, and what time buys.

The model of a validation lies beside it. One that was told the same as that of the production, but
for the seed, is a repetition of it; medians and spreads are over the production's and those.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from hyperhex.errors import StoreError
from hyperhex.fastsim.limits import decisive
from hyperhex.provenance import read_json

__all__ = ["Study", "gather", "lines"]

Study = dict[str, Any]

_DEFAULT = "default"
_FOLDER = "variants"
_IGNORED = {"single_energies"}
_FLOORS = {"auc_high": "auc_high_floor", "auc_low": "auc_low_floor"}


def gather(validations: Sequence[Path]) -> Study:
    """All figures that have limits, by particle and variant.

    `rows` have particle, variant, whether the production has `used` it and whether it is a
    `repetition`, `figures` with `floors`, FPD and KPD, the showers of each kind, the minutes of the
    fit, and its `curve`, (minutes, AUC on observables); `seeds` have the median, least and largest
    of every figure over repetitions, by particle.
    """
    told = {path: _named(path) for path in validations}
    own = {
        particle: _told(path) for path, (variant, particle) in told.items() if variant == _DEFAULT
    }
    rows = []
    for path, (variant, particle) in told.items():
        if particle not in own:
            msg = f"{path}: a variant for {particle}, of which there is nothing to compare it with"
            raise StoreError(msg)
        rows.append(_row(path, variant, particle, repetition=_told(path) == own[particle]))
    return {"rows": rows, "seeds": {particle: _spread(rows, particle) for particle in own}}


def lines(study: Mapping[str, Any], limits: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """Table as text: AUC as they are, the others in per cent; what misses its limit has a star.

    `limits` are by particle. Beside the seeds are the figures of two halves of the full simulation.
    """
    names = list(study["rows"][0]["figures"])
    header = ["particle", "variant", *names, "fpd", "kpd", "minutes"]
    table = [header]
    for row in study["rows"]:
        asked = limits[row["particle"]]
        cells = [_cell(name, row["figures"][name], asked[name]) for name in names]
        ends = f"{row['fpd']:.2f}", f"{row['kpd']:.4f}", f"{row['minutes']:.1f}"
        table.append([row["particle"], row["variant"], *cells, *ends])
    used = {row["particle"]: row["floors"] for row in study["rows"] if row["used"]}
    for particle, found in study["seeds"].items():
        floors = [_cell(name, used[particle][name], 1.0) for name in names]
        table.append([particle, "full simulation", *floors, "", "", ""])
        for what in ("median", "least", "largest"):
            told, asked = found["figures"], limits[particle]
            cells = [_cell(name, told[name][what], asked[name]) for name in names]
            label = f"{what} of {found['seeds']}"
            table.append([particle, label, *cells, "", "", ""])
    widths = [max(len(row[k]) for row in table) for k in range(len(header))]
    for row in table:
        columns = enumerate(zip(row, widths, strict=True))
        sides = [cell.rjust(width) if k > 1 else cell.ljust(width) for k, (cell, width) in columns]
        yield "  ".join(sides).rstrip()


def _cell(name: str, value: float, limit: float) -> str:
    scale, digits = (1.0, 3) if name.startswith(("auc", "corr")) else (100.0, 1)
    return f"{scale * value:.{digits}f}{' ' if value <= limit else '*'}"


def _named(path: Path) -> tuple[str, str]:
    """Variant and particle, from where the validation lies."""
    *_, folder, variant, particle = ("", "", *path.parent.parts)
    return (variant if folder == _FOLDER else _DEFAULT), particle


def _told(path: Path) -> dict[str, Any]:
    """What the network was told, but for the seed and what is only for its judges."""
    told = read_json(path.parent / "generator.json")["settings"]["fastsim"]
    return {name: value for name, value in told.items() if name not in _IGNORED}


def _row(path: Path, variant: str, particle: str, *, repetition: bool) -> dict[str, Any]:
    merit = read_json(path)["particles"][particle]
    training = read_json(path.parent / "training.json")
    found = ((r["minutes"], r["particles"][particle]) for r in training["reports"])
    return {
        "particle": particle,
        "variant": variant,
        "used": variant == _DEFAULT,
        "repetition": repetition,
        "figures": decisive(merit),
        "floors": {name: merit[floor] for name, floor in _FLOORS.items()} | merit["floors"],
        "fpd": merit["fpd"],
        "fpd_floor": merit["fpd_floor"],
        "kpd": merit["kpd"]["value"],
        "kpd_floor": merit["kpd_floor"]["value"],
        "showers": merit["showers"],
        "minutes": training["minutes"],
        "curve": [(minutes, one["auc_high"]) for minutes, one in found if "auc_high" in one],
    }


def _spread(rows: Sequence[Mapping[str, Any]], particle: str) -> dict[str, Any]:
    """Median, least and largest of the figures of repetitions."""
    found = [row["figures"] for row in rows if row["repetition"] and row["particle"] == particle]
    values = {name: [one[name] for one in found] for name in found[0]}
    return {
        "seeds": len(found),
        "figures": {
            name: {"median": median(v), "least": min(v), "largest": max(v)}
            for name, v in values.items()
        },
    }
