"""Figure of two files of showers beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_comparison"]

_COLOURS = (COLOURS[6], COLOURS[1])
_BINS = 30
_ENDS = (0.001, 0.999)


class Showers(Protocol):
    """Incident energies (n,) and voxels (n, n_voxels) [MeV], and voxels of each layer."""

    @property
    def path(self) -> Path:
        """File."""

    @property
    def energy(self) -> NDArray[Any]:
        """Energies."""

    @property
    def voxels(self) -> NDArray[Any]:
        """Voxels."""

    @property
    def layers(self) -> tuple[int, ...] | None:
        """Voxels of each layer, if known."""


def draw_comparison(files: Sequence[Showers], edges: NDArray[Any], path: Path) -> None:
    """Incident energies, response, hits, spectrum of hit voxels and, if known, layers of files."""
    import matplotlib.pyplot as plt

    totals = [file.voxels.sum(axis=1, dtype=np.float64) for file in files]
    responses = [total / file.energy for total, file in zip(totals, files, strict=True)]
    hits = [np.count_nonzero(file.voxels, axis=1) for file in files]
    with style():
        figure, axes = plt.subplots(2, 3, figsize=(11.0, 6.0))
        flat = axes.ravel()
        names = [file.path.name for file in files]
        _histogram(flat[0], [file.energy for file in files], names, "incident energy [MeV]")
        _histogram(flat[1], totals, names, "visible energy [MeV]")
        _histogram(flat[2], responses, names, "visible / incident energy", even=True)
        _histogram(flat[3], hits, names, "hit voxels", even=True)
        _spectrum(flat[4], files, edges)
        _layers(flat[5], files, totals)
        flat[0].legend()
        save(figure, path)


def _histogram(
    axes: Axes,
    values: Sequence[NDArray[Any]],
    names: Sequence[str],
    label: str,
    *,
    even: bool = False,
) -> None:
    """Share of the showers; bins span the first file, the rest lies in the outer ones."""
    low, high = np.quantile(values[0], _ENDS)
    logarithmic = not even and low > 0 and high > 1.1 * low
    high = high if high > low else low + max(abs(low), 1.0) * 1e-3
    edges = (np.geomspace if logarithmic else np.linspace)(low, high, _BINS + 1)
    for name, value, colour in zip(names, values, _COLOURS, strict=True):
        counts = np.histogram(np.clip(value, low, high), edges)[0] / len(value)
        axes.stairs(counts, edges, color=colour, label=name)
    axes.set(xlabel=label, ylabel="share of showers")
    if logarithmic:
        axes.set_xscale("log")


def _spectrum(axes: Axes, files: Sequence[Showers], edges: NDArray[Any]) -> None:
    for file, colour in zip(files, _COLOURS, strict=True):
        hit = np.clip(file.voxels[file.voxels > 0], edges[0], edges[-1])
        axes.stairs(np.histogram(hit, edges)[0] / len(file.voxels), edges, color=colour)
    axes.set(xlabel="voxel [MeV]", ylabel="voxels per shower", xscale="log", yscale="log")


def _layers(axes: Axes, files: Sequence[Showers], totals: Sequence[NDArray[Any]]) -> None:
    """Mean share of each layer in the visible energy."""
    if not files[0].layers:
        axes.set_axis_off()
        axes.text(0.5, 0.5, "layers not known", ha="center", transform=axes.transAxes)
        return
    starts = np.concatenate([[0], np.cumsum(files[0].layers)[:-1]])
    for file, total, colour in zip(files, totals, _COLOURS, strict=True):
        sums = np.add.reduceat(file.voxels, starts, axis=1, dtype=np.float64)
        share = sums.sum(axis=0) / total.sum()
        axes.plot(np.arange(len(share)), share, "o-", color=colour, markersize=3)
    axes.set(xlabel="layer", ylabel="share of visible energy", ylim=(0, None))
