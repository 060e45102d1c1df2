"""One event on the hexagons of the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.cylinder import Cylinder
from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PolyCollection

__all__ = ["event_display"]

Layer = tuple[Cylinder, NDArray[np.floating]]

_DECADES = 1e4
_CONE = 0.4
_ZOOM = 0.25
_EMPTY = "#F2F2F2"
_NAMES = ("image", "towers and objects", "cells around the hardest object")
# how an object's kind is drawn: name, colour
_KINDS = {
    1: ("jet", COLOURS[1]),
    2: ("b-jet", COLOURS[3]),
    3: ("e$^-$", COLOURS[2]),
    4: ("e$^+$", COLOURS[2]),
    5: (r"$\mu^-$", COLOURS[6]),
    6: (r"$\mu^+$", COLOURS[6]),
    7: (r"$\gamma$", COLOURS[4]),
}


def event_display(
    image: Layer,
    towers: Layer,
    cells: Layer,
    objects: NDArray[np.floating],
    kinds: NDArray[np.uint8],
    met: tuple[float, float],
    title: str,
    output: Path,
) -> None:
    """Coarse image, towers with the objects, and the cells around the hardest object.

    A layer is a grid and its transverse energies (n_cells,) [GeV]; `objects` (slots, 4) and `kinds`
    (slots,) as in the event record; `met` size and direction [GeV, rad].
    """
    import matplotlib.pyplot as plt

    size, direction = met
    eta_max = image[0].eta_max
    with style():
        figure, axes = plt.subplots(1, 3, figsize=(15.0, 5.4))
        for ax, layer, name in zip(axes, (image, towers, cells), _NAMES, strict=True):
            ax.set(xlim=(-eta_max, eta_max), ylim=(-np.pi, np.pi), title=name)
            ax.set(xlabel=r"$\eta$", ylabel=r"$\phi$ [rad]", aspect="equal", facecolor=_EMPTY)
            label = "transverse energy per cell [GeV]"
            figure.colorbar(_hexagons(ax, *layer), ax=ax, label=label, shrink=0.75)
        for ax in axes[:2]:
            ax.axhline(direction, color=COLOURS[6], linestyle="--", linewidth=1.0)
        _draw_objects(axes[1], objects, kinds)
        _, _, eta, phi = objects[0].tolist()
        axes[2].set(xlim=(eta - _ZOOM, eta + _ZOOM), ylim=(phi - _ZOOM, phi + _ZOOM))
        figure.suptitle(f"{title}: missing energy {size:.0f} GeV (dashed: its direction)")
        save(figure, output)


def _hexagons(ax: Axes, grid: Cylinder, energy: NDArray[np.floating]) -> PolyCollection:
    """Cells with energy as filled hexagons; those across phi = pi are drawn at both ends."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    most = max(1.0, float(energy.max(initial=0.0)))
    corner = np.pi / 3 * np.arange(6)
    # flat sides towards +phi and -phi: corners towards +eta and -eta
    outline = grid.pitch / np.sqrt(3.0) * np.stack([np.cos(corner), np.sin(corner)], axis=1)
    hit = np.flatnonzero(energy > most / _DECADES)
    turns = np.array([-2 * np.pi, 0.0, 2 * np.pi])
    centres = np.stack(
        [np.tile(grid.eta[hit], 3), (grid.phi[hit] + turns[:, None]).ravel()], axis=1
    )
    seen = np.abs(centres[:, 1]) < np.pi + _ZOOM
    cells = PolyCollection(
        list(centres[seen, None, :] + outline),
        array=np.tile(energy[hit], 3)[seen],
        cmap="viridis",
        norm=LogNorm(most / _DECADES, most),
        linewidths=0.0,
    )
    ax.add_collection(cells)
    return cells


def _draw_objects(ax: Axes, objects: NDArray[np.floating], kinds: NDArray[np.uint8]) -> None:
    from matplotlib.patches import Circle

    for kind, (_, pt, eta, phi) in zip(kinds.tolist(), objects.tolist(), strict=True):
        if kind not in _KINDS:
            continue
        name, colour = _KINDS[kind]
        for turn in (-2 * np.pi, 0.0, 2 * np.pi):
            ax.add_patch(Circle((eta, phi + turn), _CONE, fill=False, color=colour, linewidth=1.2))
        below = phi > np.pi - 2 * _CONE
        ax.annotate(
            f"{name} {pt:.0f}",
            (eta, phi - _CONE if below else phi + _CONE),
            color=colour,
            fontsize=8,
            ha="center",
            va="top" if below else "bottom",
            clip_on=True,
        )
