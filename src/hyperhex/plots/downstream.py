"""Figures of models trained on fast and on full showers, tested on full ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, log_axis, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figures"]

_SOURCES = {"full": (COLOURS[6], "s"), "fast": (COLOURS[1], "o")}
_QUESTIONS = {"all": ("all showers", ":"), "alike": ("alike in visible energy", "-")}
_LEAST_SHOWN = 1e-4

Rows = Sequence[Mapping[str, Any]]


def draw_figures(report: Mapping[str, Any], limits: Mapping[str, float], folder: Path) -> None:
    """Write downstream_energy.svg and, where there are classes, downstream_classes.svg.

    `limits` are the largest losses, by the words of the report's `losses`.
    """
    with style():
        save(_energy(report["energy"], limits["resolution"]), folder / "downstream_energy.svg")
        if report["classes"]:
            save(_classes(report["classes"], limits), folder / "downstream_classes.svg")


def _energy(particles: Mapping[str, Any], limit: float) -> Figure:
    """Resolution for both trainings, their ratio, and both biases, against energy."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        3,
        len(particles),
        figsize=(4.0 * len(particles), 6.4),
        height_ratios=(2.0, 1.2, 1.2),
        sharex="col",
        squeeze=False,
    )
    for column, (particle, found) in zip(axes.T, particles.items(), strict=True):
        rows = found["bins"]
        centre = np.array([np.sqrt(row["low"] * row["high"]) for row in rows])
        for ax, name in ((column[0], "resolution"), (column[2], "bias")):
            _both(ax, centre, rows, name)
        entries = [row["resolution"] for row in rows]
        _ratio(column[1], centre, entries, found["overall"]["resolution"], limit)
        column[0].set(title=f"{particle}, {found['showers']} showers", ylim=(0.0, None))
        column[0].legend()
        column[2].axhline(0.0, color=COLOURS[7], linewidth=0.8)
        log_axis(column[2])
        column[2].set_xlabel("energy [GeV]")
    for ax, label in zip(
        axes[:, 0], ("resolution [%]", "resolution\nfast / full", "bias [%]"), strict=True
    ):
        ax.set_ylabel(label)
    return figure


def _both(ax: Axes, centre: NDArray[Any], rows: Rows, name: str) -> None:
    for source, (colour, marker) in _SOURCES.items():
        values = [100.0 * row[name][source] for row in rows]
        label = f"trained on {source} showers"
        ax.plot(centre, values, marker=marker, color=colour, markersize=4, label=label)


def _ratio(
    ax: Axes, centre: NDArray[Any], entries: Rows, overall: Mapping[str, float], limit: float
) -> None:
    """Points by energy, the overall ratio as a band of its error, the limit as a line."""
    ratio, error = (np.array([entry[key] for entry in entries]) for key in ("ratio", "error"))
    colour, marker = _SOURCES["fast"]
    low, high = (overall["ratio"] + sign * overall["error"] for sign in (-1.0, 1.0))
    ax.axhspan(low, high, color=colour, alpha=0.25, linewidth=0.0)
    ax.axhline(1.0, color=COLOURS[6], linewidth=0.8)
    ax.axhline(1.0 + limit, color=COLOURS[7], linewidth=1.0, linestyle="--")
    ax.errorbar(centre, ratio, error, fmt=marker, color=colour, markersize=4, linewidth=1.2)
    ax.set_title(f"overall {overall['ratio']:.3f} ± {overall['error']:.3f}", fontsize=9)


def _classes(classes: Mapping[str, Any], limits: Mapping[str, float]) -> Figure:
    """Other particles taken for photons against the photons kept, and the change of the AUC."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        1, len(classes) + 1, figsize=(4.0 * (len(classes) + 1), 3.8), squeeze=False
    )
    for ax, (name, found) in zip(axes[0], classes.items(), strict=False):
        _mistaken(ax, name, found)
    axes[0, 0].legend(fontsize=8)
    _areas(axes[0, -1], classes, limits)
    return figure


def _mistaken(ax: Axes, name: str, found: Mapping[str, Any]) -> None:
    photon, other = name.split("_", 1)
    for question, (words, line) in _QUESTIONS.items():
        rows = found[question]["mistaken"]
        kept = [row["efficiency"] for row in rows]
        for source, (colour, marker) in _SOURCES.items():
            share = np.array([row[source] for row in rows]).clip(_LEAST_SHOWN)
            label = f"{source}, {words}"
            ax.plot(kept, share, marker, ls=line, color=colour, ms=4, label=label)
    log_axis(ax, "y")
    ax.set(xlabel=f"{photon}s kept", ylabel=f"{other}s taken for {photon}s")
    ax.set_title(f"{photon} against {other}")


def _areas(ax: Axes, classes: Mapping[str, Any], limits: Mapping[str, float]) -> None:
    colour, marker = _SOURCES["fast"]
    labels: list[str] = []
    for name, found in classes.items():
        for question, (words, _) in _QUESTIONS.items():
            row, entry = len(labels), found[question]["auc"]
            ax.errorbar(entry["difference"], row, xerr=entry["error"], fmt=marker, color=colour)
            if f"auc_{name}" in limits:
                limit = limits[f"auc_{name}"]
                ax.plot([-limit] * 2, [row - 0.4, row + 0.4], color=COLOURS[7], linestyle="--")
            labels.append(f"{name.replace('_', ' / ')}\n{words}\nAUC {entry['full']:.4f}")
    ax.axvline(0.0, color=COLOURS[6], linewidth=0.8)
    ax.set_yticks(range(len(labels)), labels, fontsize=8)
    ax.set_ylim(len(labels) - 0.5, -0.5)
    ax.locator_params(axis="x", nbins=5)
    ax.set_xlabel("AUC, trained on fast - on full")
