"""Figures of the full simulation: longitudinal profiles, resolution, a shower on its hexagons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.plots.style import COLOURS

if TYPE_CHECKING:
    from matplotlib.axis import Axis
    from matplotlib.figure import Figure

__all__ = ["deviations", "display", "layer_shares", "profiles", "resolutions"]

Curves = Mapping[str, Mapping[str, NDArray[np.float64]]]


def profiles(depth: NDArray[np.float64], curves: Curves) -> Figure:
    """Mean share of the visible energy by depth, one line per energy bin, one panel a particle.

    depth (layers,) [X0]; curves[particle][energy bin] (layers,) per radiation length.
    """
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(curves), figsize=(4.2 * len(curves), 3.4), squeeze=False)
    for axis, (particle, lines) in zip(axes[0], curves.items(), strict=True):
        for (label, share), colour in zip(lines.items(), COLOURS, strict=False):
            axis.plot(depth, share, "o-", ms=3.5, color=colour, label=label)
        axis.set(xlabel="depth [$X_0$]", ylabel="share of visible energy per $X_0$")
        axis.set_title(f"{particle}s")
        axis.set_ylim(bottom=0.0)
        axis.legend()
    return figure


def resolutions(curves: Curves, terms: Mapping[str, float]) -> Figure:
    """Relative spread of the visible energy against energy, with S/sqrt(E) of each particle.

    curves[particle] holds energy, fraction, spread, error; terms[particle] is S [sqrt(GeV)].
    """
    import matplotlib.pyplot as plt

    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(4.6, 5.0), sharex=True, height_ratios=(2, 1)
    )
    for (particle, bins), colour in zip(curves.items(), COLOURS, strict=False):
        energy = bins["energy"]
        upper.errorbar(
            energy, 100 * bins["spread"], 100 * bins["error"], fmt="o", ms=4, color=colour
        )
        label = f"{particle}s: {100 * terms[particle]:.1f} %/$\\sqrt{{E}}$"
        upper.plot(energy, 100 * terms[particle] / np.sqrt(energy), color=colour, label=label)
        lower.plot(energy, 100 * bins["fraction"], "o-", ms=4, color=colour)
    upper.set(xscale="log", yscale="log", ylabel=r"$\sigma/E$ of the visible energy [%]")
    _plain_ticks(upper.yaxis, (2, 3, 5, 10, 20, 30))
    _plain_ticks(lower.xaxis, (1, 2, 5, 10, 20, 50, 100))
    upper.legend()
    lower.set(xlabel="energy [GeV]", ylabel="visible [%]")
    return figure


def deviations(scaled: Mapping[str, float]) -> Figure:
    """Every comparison: its deviation in units of its tolerance, by quantity."""
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7.5, 0.6 + 0.17 * len(scaled)))
    place = np.arange(len(scaled))
    inside = np.abs(np.array(list(scaled.values()))) <= 1.0
    colours = np.where(inside, COLOURS[0], COLOURS[1])
    axis.barh(place, list(scaled.values()), color=colours, height=0.7)
    axis.axvline(-1.0, color="0.4", lw=0.8, ls="--")
    axis.axvline(1.0, color="0.4", lw=0.8, ls="--")
    axis.set_yticks(place, list(scaled), fontsize=6)
    axis.invert_yaxis()
    axis.set(xlabel="(ours - reference) / tolerance", ylim=(len(scaled) - 0.5, -0.5))
    return figure


def layer_shares(
    ours: NDArray[np.float64], spread: NDArray[np.float64], reference: NDArray[np.float64]
) -> Figure:
    """Mean share of each layer in the visible energy, ours and Geant4's, and their difference."""
    import matplotlib.pyplot as plt

    figure, (upper, lower) = plt.subplots(
        2, 1, figsize=(4.8, 4.6), sharex=True, height_ratios=(3, 1)
    )
    layer = np.arange(1, len(ours) + 1)
    upper.step(layer, reference, where="mid", color=COLOURS[1], label="Geant4")
    upper.plot(layer, ours, "o", ms=3.5, color=COLOURS[0], label="hyperhex")
    upper.fill_between(layer, ours - spread, ours + spread, color=COLOURS[0], alpha=0.15, lw=0)
    upper.set(ylabel="share of the weighted visible energy", ylim=(0.0, None))
    upper.legend(title="photons of 50 GeV, $\\eta$ = 2")
    lower.axhline(0.0, color="0.6", lw=0.8)
    lower.plot(layer, ours - reference, "o", ms=3.5, color=COLOURS[0])
    lower.set(xlabel="layer", ylabel="difference", ylim=(-0.03, 0.03))
    return figure


def display(patch: Patch, deposits: NDArray[np.float64], mip: float, title: str) -> Figure:
    """One shower, a panel for each readout layer; deposits (layers, cells) [GeV] in MIP."""
    import matplotlib.pyplot as plt
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    columns = min(4, len(deposits))
    rows = -(-len(deposits) // columns)
    figure, axes = plt.subplots(rows, columns, figsize=(2.3 * columns, 2.4 * rows), squeeze=False)
    corners = _corners(patch)
    signal = deposits / mip
    norm = LogNorm(0.5, max(1.0, signal.max()))
    for layer, axis in enumerate(axes.flat):
        axis.set_axis_off()
        if layer >= len(deposits):
            continue
        shown = np.ma.masked_less(signal[layer], 0.5)
        cells = PolyCollection(list(corners), array=shown, norm=norm, cmap="viridis")
        cells.set(edgecolor="0.85", linewidth=0.3)
        axis.add_collection(cells)
        axis.set_title(f"layer {layer + 1}", fontsize=9)
        axis.set_aspect("equal")
        axis.autoscale_view()
    figure.suptitle(title, fontsize=11)
    figure.colorbar(cells, ax=axes, label="deposit [MIP]", shrink=0.7)
    return figure


def _plain_ticks(axis: Axis, places: Sequence[float]) -> None:
    """Label a logarithmic axis with plain numbers, those of these that it reaches."""
    from matplotlib.ticker import FixedLocator, NullFormatter, ScalarFormatter

    low, high = axis.get_view_interval()
    axis.set_major_locator(FixedLocator([place for place in places if low <= place <= high]))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_formatter(NullFormatter())


def _corners(patch: Patch) -> NDArray[np.float64]:
    """Corners of the cells (cells, 6, 2) [cm]."""
    angle = np.pi / 6 + np.arange(6) * np.pi / 3
    around = patch.pitch / np.sqrt(3.0) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    corners: NDArray[np.float64] = patch.positions[:, None, :] + around
    return corners
