"""The limits that the fast simulation must keep for the production to go on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hyperhex.config import FastsimGate

__all__ = ["Miss", "decisive", "departures", "losses", "misses", "table"]


@dataclass(frozen=True)
class Miss:
    """A figure of merit beyond its limit."""

    particle: str
    figure: str
    value: float
    limit: float


def misses(figures: Mapping[str, Mapping[str, float]], gate: FastsimGate) -> list[Miss]:
    """All figures beyond their limits, worst first; figures by particle, or by pair of them."""
    found = [
        Miss(particle, figure, value, limit)
        for particle, merit in figures.items()
        for figure, value in merit.items()
        if not value <= (limit := gate.asked(particle)[figure])
    ]
    return sorted(found, key=lambda miss: miss.limit / miss.value)


def decisive(merit: Mapping[str, Any]) -> dict[str, float]:
    """The figures that have limits, from all figures of a particle."""
    areas = {name: float(merit[name]) for name in ("auc_high", "auc_low")}
    return {**areas, **departures(merit)}


def losses(report: Mapping[str, Any]) -> dict[str, dict[str, float]]:
    """Those of what learned from fast showers: resolution by particle, AUC by pair."""
    lost = report["losses"]
    found = {
        particle: {"resolution_loss": float(row["loss"])}
        for particle, row in lost["resolution"].items()
    }
    pairs = {name: rows for name, rows in lost.items() if name.startswith("auc_")}
    return found | {
        name.removeprefix("auc_"): {"auc_loss": max(float(row["loss"]) for row in rows.values())}
        for name, rows in pairs.items()
    }


def departures(merit: Mapping[str, Any]) -> dict[str, float]:
    """Those of them that need no classifier."""
    rows = merit["energies"]
    largest = {
        figure: max(abs(row[figure]["ratio"] - 1.0) for row in rows)
        for figure in ("response", "width", "hits")
    }
    names = "layers", "rings", "spectrum", "correlations"
    profiles = {name: float(merit[name]["deviation"]) for name in names}
    return {**largest, **profiles}


def table(missed: list[Miss]) -> str:
    """What missed its limit, and by how much, as text."""
    rows = [("particle", "figure", "value", "limit", "beyond")]
    rows += [
        (m.particle, m.figure, f"{m.value:.3f}", f"{m.limit:.3f}", f"{m.value - m.limit:+.3f}")
        for m in missed
    ]
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
