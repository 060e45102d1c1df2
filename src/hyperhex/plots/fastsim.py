"""Figures that set fast simulation beside full simulation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.plots.style import COLOURS, log_axis, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["draw_figures"]


class Showers(Protocol):
    """Deposits (n, layers, cells) [MIP] and incident energies (n,) [GeV]."""

    @property
    def deposits(self) -> NDArray[Any]:
        """Cells."""

    @property
    def energy(self) -> NDArray[Any]:
        """Energies."""


Pair = tuple[Showers, Showers]
"""Showers of full and of fast simulation under the same conditions."""

_FULL, _FAST = COLOURS[6], COLOURS[1]
_SHOWN_LAYERS = 4


Merits = Mapping[str, Mapping[str, Any]]
"""Figures of merit by particle, as `hyperhex.fastsim.judge.compare` returns them."""

_LEVELS = {"high": "observables", "low": "cells"}


def draw_figures(
    patches: Mapping[str, Patch], particles: Merits, showers: Mapping[str, Pair], folder: Path
) -> None:
    """Write the figures of a comparison to a folder, all three by particle.

    Particles with `single_energies`, a list of what `hyperhex.fastsim.judge.at_energy` returns, are
    drawn by energy as well.
    """
    with style():
        save(_response(particles), folder / "response.svg")
        save(_classifiers(particles), folder / "classifiers.svg")
        save(_correlations(particles), folder / "correlations.svg")
        single = {name: found for name, found in particles.items() if found.get("single_energies")}
        if single:
            save(_single_energies(single), folder / "single_energies.svg")
        for name, label in (("layers", "layer"), ("rings", "ring of cells")):
            save(_profiles(particles, name, label), folder / f"{name}.svg")
        save(_hits(showers), folder / "hits.svg")
        save(_spectrum(particles), folder / "spectrum.svg")
        for particle, pair in showers.items():
            save(_images(patches[particle], pair), folder / f"showers_{particle}.svg")


def _panels(columns: int, rows: tuple[float, ...]) -> tuple[Figure, NDArray[np.object_]]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(rows),
        columns,
        figsize=(4.2 * columns, 1.5 * sum(rows)),
        height_ratios=rows,
        sharex="col",
        squeeze=False,
    )
    return figure, axes


def _ratio(
    axes: Axes,
    x: NDArray[Any],
    ratio: NDArray[Any],
    span: float,
    label: str,
    decides: NDArray[Any] | None = None,
) -> None:
    """Ratio, cut off at the ends of the axis; open markers where it does not decide."""
    axes.axhline(1.0, color=_FULL, linewidth=0.8)
    ratio = np.clip(ratio, 1.0 - span, 1.0 + span)
    axes.plot(x, ratio, "-", color=_FAST)
    filled = np.ones(len(x), bool) if decides is None else decides
    for chosen, face in ((filled, _FAST), (~filled, "white")):
        axes.plot(x[chosen], ratio[chosen], "o", color=_FAST, markersize=3, markerfacecolor=face)
    axes.set_ylim(1.0 - span, 1.0 + span)
    axes.set_ylabel(label)


def _response(particles: Merits) -> Figure:
    """Relative width of the response, and both ratios, against energy."""
    figure, axes = _panels(len(particles), (2.0, 1.0, 1.0))
    for column, (particle, found) in zip(axes.T, particles.items(), strict=True):
        rows = found["energies"]
        energy = np.array([np.sqrt(row["low"] * row["high"]) for row in rows])
        for name, colour in (("full", _FULL), ("fast", _FAST)):
            width = [row["width"][name] for row in rows]
            column[0].plot(energy, width, "o-", color=colour, label=name)
        column[0].set(title=particle, ylabel="relative width", ylim=(0, None))
        log_axis(column[0])
        column[0].legend()
        _ratio(column[1], energy, _ratios(rows, "width"), 0.3, "width\nfast / full")
        _ratio(column[2], energy, _ratios(rows, "response"), 0.05, "response\nfast / full")
        column[2].set_xlabel("energy [GeV]")
    return figure


def _ratios(rows: list[dict[str, Any]], figure: str) -> NDArray[Any]:
    return np.array([row[figure]["ratio"] for row in rows])


def _profiles(particles: Merits, name: str, label: str) -> Figure:
    """Mean energy fraction of each layer or ring."""
    figure, axes = _panels(len(particles), (2.0, 1.0))
    for column, (particle, found) in zip(axes.T, particles.items(), strict=True):
        full, fast, decides = (np.array(found[name][k]) for k in ("full", "fast", "decides"))
        place = np.arange(len(full))
        column[0].step(place, full, where="mid", color=_FULL, label="full")
        column[0].plot(place, fast, "o", color=_FAST, label="fast", markersize=4)
        column[0].set(title=particle, ylabel="fraction of energy", yscale="log")
        column[0].legend()
        _ratio(column[1], place, fast / full.clip(1e-9), 0.2, "fast / full", decides)
        column[1].set_xlabel(label)
    return figure


def _classifiers(particles: Merits) -> Figure:
    """Area under the ROC curve of every classifier, with its error and its floor."""
    figure, axes = _panels(len(particles), (2.6,))
    for ax, (particle, found) in zip(axes[0], particles.items(), strict=True):
        rows = [
            (f"{name}\n{_LEVELS[level]}", row)
            for level, classifiers in found["classifiers"].items()
            for name, row in classifiers.items()
        ]
        place = np.arange(len(rows))
        aucs, errors, floors = (
            np.array([row[k] for _, row in rows]) for k in ("auc", "error", "floor")
        )
        ax.bar(place, aucs - 0.5, 0.6, 0.5, yerr=errors, color=_FAST, label="fast and full")
        ax.plot(place, floors, "_", color=_FULL, markersize=30, label="full and full")
        ax.set(title=particle, ylabel="AUC", ylim=(0.45, 1.0))
        ax.axhline(0.5, color=_FULL, linewidth=0.8)
        ax.set_xticks(place, [label for label, _ in rows])
        ax.legend()
    return figure


def _correlations(particles: Merits) -> Figure:
    """Correlations of the layers' energy fractions: full, fast and their difference."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        len(particles), 3, figsize=(10.5, 3.2 * len(particles)), squeeze=False
    )
    for row, (particle, found) in zip(axes, particles.items(), strict=True):
        full, fast = (np.array(found["correlations"][k]) for k in ("full", "fast"))
        tables = {"full": full, "fast": fast, "fast - full": fast - full}
        for ax, (name, table) in zip(row, tables.items(), strict=True):
            span = 1.0 if name in ("full", "fast") else 0.2
            image = ax.imshow(table, cmap="RdBu_r", vmin=-span, vmax=span, origin="lower")
            ax.set(title=f"{particle}, {name}", xlabel="layer", ylabel="layer")
            figure.colorbar(image, ax=ax, shrink=0.8)
    return figure


def _single_energies(particles: Merits) -> Figure:
    """AUC of showers that all have one energy, of the better classifier."""
    figure, axes = _panels(len(particles), (2.0,))
    for ax, (particle, found) in zip(axes[0], particles.items(), strict=True):
        rows = found["single_energies"]
        energy = [row["energy"] for row in rows]
        for (level, label), colour in zip(_LEVELS.items(), COLOURS, strict=False):
            errors = [row["auc_error"][level] for row in rows]
            ax.errorbar(
                energy,
                [row[f"auc_{level}"] for row in rows],
                errors,
                fmt="o-",
                color=colour,
                label=label,
            )
        ax.set(title=particle, ylabel="AUC", ylim=(0.45, 1.0), xlabel="energy [GeV]")
        ax.axhline(0.5, color=_FULL, linewidth=0.8)
        log_axis(ax)
        ax.legend()
    return figure


def _hits(showers: Mapping[str, Pair]) -> Figure:
    """Distribution of the number of cells hit."""
    figure, axes = _panels(len(showers), (2.0, 1.0))
    for column, (particle, pair) in zip(axes.T, showers.items(), strict=True):
        counts = [np.count_nonzero(part.deposits, axis=(1, 2)) for part in pair]
        edges = np.geomspace(max(1, counts[0].min()), counts[0].max() + 1, 25)
        full, fast = (np.histogram(count, edges)[0] for count in counts)
        centre = np.sqrt(edges[1:] * edges[:-1])
        column[0].stairs(full, edges, color=_FULL, label="full")
        column[0].plot(centre, fast, "o", color=_FAST, label="fast", markersize=4)
        column[0].set(title=particle, ylabel="showers")
        log_axis(column[0], digits=(1.0, 3.0))
        column[0].legend(loc="lower center")
        _ratio(column[1], centre, fast / full.clip(1), 0.5, "fast / full")
        column[1].set_xlabel("cells hit")
    return figure


def _spectrum(particles: Merits) -> Figure:
    """Cells of a shower by their energy."""
    figure, axes = _panels(len(particles), (2.0, 1.0))
    for column, (particle, found) in zip(axes.T, particles.items(), strict=True):
        edges, full, fast, decides = (
            np.array(found["spectrum"][k]) for k in ("edges", "full", "fast", "decides")
        )
        centre = np.sqrt(edges[1:] * edges[:-1])
        hit = (full > 0) & (fast > 0)
        column[0].stairs(np.where(full > 0, full, np.nan), edges, color=_FULL, label="full")
        column[0].plot(centre[hit], fast[hit], "o", color=_FAST, label="fast", markersize=4)
        column[0].set(title=particle, ylabel="cells per shower", yscale="log")
        log_axis(column[0], digits=(1.0, 3.0))
        column[0].legend()
        column[1].axhspan(0.9, 1.1, color="0.9")
        _ratio(column[1], centre[hit], fast[hit] / full[hit], 0.5, "fast / full", decides[hit])
        column[1].set_xlabel("cell [MIP] (open: too few to decide)")
    return figure


def _images(patch: Patch, pair: Pair) -> Figure:
    """The shower nearest to 30 GeV, in the layers about its maximum: full above, fast below."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import LogNorm

    energy = pair[0].energy
    chosen = int(np.argmin(np.abs(np.log(energy / 30.0))))
    profile = pair[0].deposits[chosen].sum(axis=1)
    first = max(0, min(int(np.argmax(profile)) - 1, len(profile) - _SHOWN_LAYERS))
    layers = np.arange(len(profile))[first : first + _SHOWN_LAYERS]
    norm = LogNorm(0.5, max(1.0, float(pair[0].deposits[chosen].max())))
    figure, axes = plt.subplots(2, len(layers), figsize=(2.4 * len(layers), 5.0), squeeze=False)
    for row, name, showers in zip(axes, ("full", "fast"), pair, strict=True):
        for ax, layer in zip(row, layers, strict=True):
            cells = _hexagons(ax, patch, showers.deposits[chosen, layer], norm)
            ax.set_title(f"{name}, layer {layer}")
    label = f"cell [MIP], shower of {energy[chosen]:.0f} GeV"
    figure.colorbar(cells, ax=axes, label=label, shrink=0.7)
    return figure


def _hexagons(axes: Axes, patch: Patch, values: NDArray[Any], norm: Any) -> Any:
    """One layer as a mosaic of hexagons with a flat side to the right."""
    from matplotlib.collections import PolyCollection

    angles = np.pi / 6 + np.arange(6) * np.pi / 3
    corners = patch.pitch / np.sqrt(3.0) * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    outlines = patch.positions[:, None, :] + corners
    cells = PolyCollection(list(outlines), norm=norm, cmap="viridis", edgecolors="0.85", lw=0.3)
    cells.set_array(np.ma.masked_less_equal(values, 0.0))
    axes.add_collection(cells)
    axes.set_aspect("equal")
    axes.autoscale_view()
    axes.set_axis_off()
    return cells
