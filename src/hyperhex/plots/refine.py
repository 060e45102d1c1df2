"""Figures of refinement: what it gains in energy reconstruction, and what it learned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.patch import Patch
from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection
    from matplotlib.figure import Figure

__all__ = ["draw_figures"]

Bins = Mapping[str, Sequence[Mapping[str, float]]]

_METHODS = {
    "raw": ("simulation", COLOURS[1], "s"),
    "layer_scale": ("layers scaled", COLOURS[4], "^"),
    "discrepancy": ("refined without critic", COLOURS[3], "v"),
    "refined": ("refined", COLOURS[0], "o"),
    "oracle": ("data (oracle)", COLOURS[6], "D"),
}
_SAMPLES = {
    "data": ("data", COLOURS[6]),
    "raw": ("simulation", COLOURS[1]),
    "refined": ("refined", COLOURS[0]),
}
_SHOWN_LAYERS = (1, 3, 5)
_LEAST_SHARE = 2e-4


class Sample(Protocol):
    """Cells (n, n_layers, n_cells) [MIP] and incident energies (n,) [GeV] of showers."""

    @property
    def cells(self) -> NDArray[Any]:
        """Cells."""

    @property
    def energy(self) -> NDArray[Any]:
        """Energies."""


def draw_figures(
    folder: Path,
    patch: Patch,
    bins: Bins,
    samples: Mapping[str, Sample],
    learned: NDArray[np.floating],
    true: NDArray[np.floating],
) -> None:
    """Write all figures to a folder.

    bins: rows of bias and resolution by method; samples: held-out showers raw, refined and data;
    learned, true: response of each cell (n_layers, n_cells), read over given energy, 0 where dead.
    """
    with style():
        save(_energy(bins), folder / "energy.svg")
        save(_spectrum(samples), folder / "spectrum.svg")
        save(_layers(samples), folder / "layers.svg")
        seen = samples["raw"].cells.mean(axis=0, dtype=np.float64)
        seen = seen > _LEAST_SHARE * seen.sum()
        save(_cells(patch, learned, true, seen), folder / "cells.svg")


def _energy(bins: Bins) -> Figure:
    """Bias and resolution on data against energy, one line a training sample."""
    import matplotlib.pyplot as plt

    figure, (top, bottom) = plt.subplots(2, 1, figsize=(6.0, 6.4), sharex=True)
    for step, (method, (label, colour, marker)) in enumerate(_METHODS.items()):
        if method not in bins:
            continue
        centre, half = _centres(bins[method])
        # side by side, so that error bars can be read
        centre = centre * 1.03 ** (step - 2)
        for ax, name in ((top, "bias"), (bottom, "resolution")):
            value, error = (
                100.0 * np.array([row[key] for row in bins[method]])
                for key in (name, f"{name}_error")
            )
            ax.errorbar(
                centre, value, error, half if ax is bottom else None,
                fmt=marker, ms=5, color=colour, lw=1.2, label=f"trained on {label}",
            )  # fmt: skip
    top.axhline(0.0, color=COLOURS[7], lw=0.8)
    top.set_ylabel("bias on data [%]")
    bottom.set_ylabel("resolution on data [%]")
    bottom.set_xlabel("energy [GeV]")
    bottom.set_xscale("log")
    bottom.set_ylim(bottom=0.0)
    top.legend(fontsize=9)
    return figure


def _centres(rows: Sequence[Mapping[str, float]]) -> tuple[NDArray[Any], NDArray[Any]]:
    low, high = (np.array([row[key] for row in rows]) for key in ("low", "high"))
    centre = np.sqrt(low * high)
    return centre, np.stack([centre - low, high - centre])


def _spectrum(samples: Mapping[str, Sample]) -> Figure:
    """Spectrum of the cells' energies and its ratio to data."""
    edges = np.geomspace(0.5, 3000.0, 40)
    counts = {
        name: np.histogram(sample.cells, edges)[0] / len(sample.energy)
        for name, sample in _chosen(samples).items()
    }
    figure, (top, bottom) = _with_ratio()
    for name, values in counts.items():
        label, colour = _SAMPLES[name]
        top.stairs(values, edges, color=colour, label=label)
        if name != "data":
            bottom.stairs(_ratio(values, counts["data"]), edges, color=colour)
    top.set_yscale("log")
    top.set_ylabel("cells per shower")
    bottom.set_xlabel("cell energy [MIP]")
    bottom.set_xscale("log")
    _finish_ratio(top, bottom)
    return figure


def _layers(samples: Mapping[str, Sample]) -> Figure:
    """Mean energy of each layer per incident energy and its ratio to data, with the errors."""
    figure, (top, bottom) = _with_ratio()
    shares = {
        name: sample.cells.sum(axis=2, dtype=np.float64) / sample.energy[:, None]
        for name, sample in _chosen(samples).items()
    }
    means = {name: share.mean(axis=0) for name, share in shares.items()}
    errors = {
        name: share.std(axis=0) / np.sqrt(len(share)) / means[name].clip(1e-12)
        for name, share in shares.items()
    }
    layer = np.arange(len(means["data"])) + 1.0
    for name, values in means.items():
        label, colour = _SAMPLES[name]
        top.stairs(values, np.append(layer - 0.5, layer[-1] + 0.5), color=colour, label=label)
        if name != "data":
            ratio = _ratio(values, means["data"])
            error = ratio * np.hypot(errors[name], errors["data"])
            bottom.errorbar(layer, ratio, error, fmt="o", ms=4, lw=1.2, color=colour)
    top.set_ylabel("layer energy / incident energy [MIP/GeV]")
    bottom.set_xlabel("layer")
    _finish_ratio(top, bottom, (0.8, 1.2))
    return figure


def _cells(
    patch: Patch,
    learned: NDArray[np.floating],
    true: NDArray[np.floating],
    seen: NDArray[np.bool_],
) -> Figure:
    """Learned and true response on the hexagons of some layers; cells hardly hit are blank."""
    import matplotlib.pyplot as plt

    shown = [layer for layer in _SHOWN_LAYERS if layer < len(true)]
    figure, axes = plt.subplots(len(shown), 3, figsize=(9.6, 2.9 * len(shown)), squeeze=False)
    for row, layer in zip(axes, shown, strict=True):
        for ax, values, title in zip(row, (true, learned), ("true", "learned"), strict=False):
            blank = np.where(seen[layer], values[layer], np.nan)
            cells = _hexagons(ax, patch, blank)
            ax.set_title(f"{title} response, layer {layer + 1}")
        figure.colorbar(cells, ax=row[1], shrink=0.8)
        _scatter(row[2], true[layer][seen[layer]], learned[layer][seen[layer]])
    return figure


def _hexagons(ax: Axes, patch: Patch, values: NDArray[np.floating]) -> PolyCollection:
    from matplotlib.collections import PolyCollection

    corner = np.deg2rad(30.0 + 60.0 * np.arange(6))
    outline = patch.pitch / np.sqrt(3.0) * np.stack([np.cos(corner), np.sin(corner)], axis=1)
    cells = PolyCollection(
        list(patch.positions[:, None] + outline), array=np.ma.masked_invalid(values),
        cmap="RdBu_r", clim=(0.5, 1.5), edgecolor="#BBBBBB", linewidth=0.3,
    )  # fmt: skip
    ax.add_collection(cells)
    ax.set_aspect("equal")
    ax.autoscale_view()
    ax.set_axis_off()
    return cells


def _scatter(ax: Axes, true: NDArray[np.floating], learned: NDArray[np.floating]) -> None:
    ax.plot([0.0, 1.6], [0.0, 1.6], color=COLOURS[7], lw=0.8)
    ax.plot(true, learned, "o", ms=3, color=COLOURS[0])
    ax.set_xlabel("true response")
    ax.set_ylabel("learned response")
    ax.set_aspect("equal")


def _chosen(samples: Mapping[str, Sample]) -> dict[str, Sample]:
    return {name: samples[name] for name in _SAMPLES}


def _ratio(values: NDArray[Any], reference: NDArray[Any]) -> NDArray[np.float64]:
    safe = np.where(reference > 0, reference, 1.0)
    return np.where(reference > 0, values / safe, np.nan)


def _with_ratio() -> tuple[Figure, tuple[Axes, Axes]]:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(
        2, 1, figsize=(6.0, 5.4), sharex=True, gridspec_kw={"height_ratios": (3, 1)}
    )
    return figure, (axes[0], axes[1])


def _finish_ratio(top: Axes, bottom: Axes, span: tuple[float, float] = (0.7, 1.3)) -> None:
    top.legend()
    bottom.axhline(1.0, color=COLOURS[7], lw=0.8)
    bottom.set_ylim(*span)
    bottom.set_ylabel("ratio to data")
