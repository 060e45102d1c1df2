"""The course of an adversarial training: losses, and figures of merit as they fall."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hyperhex.plots.style import COLOURS, log_axis, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_course"]

Rows = Sequence[Mapping[str, Any]]

_DEPARTURES = {
    "response": "response",
    "width": "width of the response",
    "layers": "layers",
    "rings": "rings",
    "hits": "hits",
    "spectrum": "spectrum of cells",
}


def draw_course(course: Mapping[str, Any], path: Path) -> None:
    """Write the figure of a course: `minutes`, `reports` and `divergences`, as in training.json.

    Losses since the report before a divergence are drawn one by one; broken lines say where it was.
    """
    import matplotlib.pyplot as plt

    reports, divergences = course["reports"], course["divergences"]
    particles = list(reports[0]["particles"]) if reports else []
    panels = 2 + len(particles) + bool(_areas(reports))
    with style():
        figure, axes = plt.subplots(panels, figsize=(6.4, 2.2 * panels), sharex=True, squeeze=False)
        _losses(axes[0, 0], reports, divergences)
        _distances(axes[1, 0], reports)
        for ax, particle in zip(axes[2:, 0], particles, strict=False):
            _departures(ax, reports, particle)
        if _areas(reports):
            _draw_areas(axes[-1, 0], reports)
        for ax in axes[:, 0]:
            for divergence in divergences:
                ax.axvline(divergence["iteration"], color=COLOURS[7], linestyle="--", linewidth=0.8)
        label = f"iteration, the last after {course['minutes']:.1f} minutes"
        axes[-1, 0].set_xlabel(label if reports else "iteration")
        save(figure, path)


def _losses(axes: Axes, reports: Rows, divergences: Rows) -> None:
    for place, (name, colour) in enumerate((("critic", COLOURS[0]), ("generator", COLOURS[1])), 1):
        axes.plot(_column(reports, "iteration"), _column(reports, name), color=colour, label=name)
        for divergence in divergences:
            losses = np.array(divergence["losses"], float).reshape(-1, 4)
            axes.plot(losses[:, 0], losses[:, place], ".", color=colour, markersize=3)
    # a training that diverges has losses of any size
    axes.set(ylabel="loss", yscale="symlog" if divergences else "linear")
    axes.legend()


def _distances(axes: Axes, reports: Rows) -> None:
    iteration = _column(reports, "iteration")
    axes.plot(iteration, _column(reports, "distance"), color=COLOURS[0], label="distance")
    axes.plot(iteration, _column(reports, "spread"), color=COLOURS[1], label="spread / full")
    axes.set(ylabel="features [s.d.]")
    log_axis(axes, "y")
    axes.legend()


def _departures(axes: Axes, reports: Rows, particle: str) -> None:
    """Largest |fast / full - 1| over bins of energy, layers, rings and bins of the spectrum."""
    found = [report["particles"][particle] for report in reports]
    for (name, label), colour in zip(_DEPARTURES.items(), COLOURS, strict=False):
        values = 100.0 * _column(found, name)
        axes.plot(_column(reports, "iteration"), values, color=colour, label=label)
    axes.set(ylabel="departure [%]")
    log_axis(axes, "y")
    axes.legend(title=particle, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))


def _areas(reports: Rows) -> Rows:
    """Reports for which a classifier was trained."""
    return [
        report
        for report in reports
        if all("auc_high" in found for found in report["particles"].values())
    ]


def _draw_areas(axes: Axes, reports: Rows) -> None:
    chosen = _areas(reports)
    for particle, colour in zip(chosen[0]["particles"], COLOURS, strict=False):
        values = _column([report["particles"][particle] for report in chosen], "auc_high")
        axes.plot(_column(chosen, "iteration"), values, "o-", color=colour, label=particle)
    axes.set(ylabel="AUC of observables")
    axes.legend()


def _column(rows: Rows, name: str) -> np.ndarray[Any, np.dtype[np.float64]]:
    return np.array([row[name] for row in rows], np.float64)
