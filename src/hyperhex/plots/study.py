"""Figure of fast simulations side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_study"]

_AREAS = {"auc_high": ("on observables", "o"), "auc_low": ("on cells", "s")}


def draw_study(
    study: Mapping[str, Any], limits: Mapping[str, Mapping[str, float]], folder: Path
) -> None:
    """Write study.svg: for each particle the AUC of every variant, and AUC against minutes."""
    import matplotlib.pyplot as plt

    particles = list(study["seeds"])
    with style():
        figure, axes = plt.subplots(
            2, len(particles), figsize=(4.2 * len(particles), 6.0), squeeze=False
        )
        for particle, (top, bottom) in zip(particles, axes.T, strict=True):
            rows = [row for row in study["rows"] if row["particle"] == particle]
            _draw_areas(top, rows, limits[particle])
            _draw_curves(bottom, rows)
            top.set_title(f"{particle}, {rows[0]['showers']} showers of each kind")
        axes[0, 0].legend()
        axes[1, 0].set_ylabel("AUC on observables, in training")
        save(figure, folder / "study.svg")


def _draw_areas(ax: Axes, rows: list[Mapping[str, Any]], limits: Mapping[str, float]) -> None:
    place = np.arange(len(rows))
    for k, (name, (label, marker)) in enumerate(_AREAS.items()):
        values = [row["figures"][name] for row in rows]
        ax.plot(values, place, marker, color=COLOURS[k], label=label)
        ax.plot([row["floors"][name] for row in rows], place, "|", color=COLOURS[k])
        ax.axvline(limits[name], color=COLOURS[k], linestyle=":", linewidth=1.0)
    ax.set_yticks(place, [row["variant"].replace("_", " ") for row in rows])
    ax.set(xlabel="AUC (bars: floors, dotted: limits)", ylim=(len(rows) - 0.5, -0.5))


def _draw_curves(ax: Axes, rows: list[Mapping[str, Any]]) -> None:
    others = [row["variant"] for row in rows if not row["repetition"]]
    for row in rows:
        if not row["curve"]:
            continue
        minutes, area = np.array(row["curve"]).T
        colour = COLOURS[1 + others.index(row["variant"])] if row["variant"] in others else None
        label = row["variant"].replace("_", " ") if colour else None
        width = 2.0 if row["used"] else 0.9
        colour = colour or COLOURS[0]
        ax.plot(minutes, area, "o-", color=colour, label=label, linewidth=width, markersize=3)
    ax.set(xlabel="minutes of training")
    if others:
        ax.legend()
