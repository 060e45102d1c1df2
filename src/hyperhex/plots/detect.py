"""One event on the hexagons of the detector."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hyperhex.detector.cylinder import Cylinder
from hyperhex.plots.style import COLOURS, save, style

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["event_display"]

_LEAST = 0.1
_CONE = 0.4
# how an object's kind is drawn: name, colour
_KINDS = {
    1: ("jet", COLOURS[0]),
    2: ("b-jet", COLOURS[1]),
    3: ("e-", COLOURS[2]),
    4: ("e+", COLOURS[2]),
    5: ("mu-", COLOURS[3]),
    6: ("mu+", COLOURS[3]),
    7: ("photon", COLOURS[4]),
}


def event_display(
    towers: tuple[Cylinder, NDArray[np.floating]],
    image: tuple[Cylinder, NDArray[np.floating]],
    objects: NDArray[np.floating],
    kinds: NDArray[np.uint8],
    met: tuple[float, float],
    title: str,
    output: Path,
) -> None:
    """Towers with the reconstructed objects, and below them the coarse image of the same event.

    `towers` and `image` are a grid and its transverse energies (n_cells,) [GeV]; `objects`
    (slots, 4) and `kinds` (slots,) as in the event record; `met` size and direction [GeV, rad].
    """
    import matplotlib.pyplot as plt

    with style():
        figure, axes = plt.subplots(2, 1, figsize=(8.0, 9.0), sharex=True)
        for ax, (grid, energy), name in zip(axes, (towers, image), ("tower", "image"), strict=True):
            cells = _hexagons(ax, grid, energy)
            figure.colorbar(cells, ax=ax, label=f"transverse energy per {name} cell [GeV]")
            ax.set_ylabel(r"$\phi$ [rad]")
        _draw_objects(axes[0], objects, kinds)
        size, direction = met
        for ax in axes:
            ax.axhline(direction, color=COLOURS[6], linestyle="--", linewidth=1.0)
        axes[0].set_title(f"{title}: missing energy {size:.0f} GeV (dashed)")
        axes[1].set_xlabel(r"$\eta$")
        save(figure, output)


def _hexagons(ax: Axes, grid: Cylinder, energy: NDArray[np.floating]) -> Any:
    """Cells with energy as filled hexagons; those across phi = pi are drawn at both ends."""
    from matplotlib.collections import PolyCollection
    from matplotlib.colors import LogNorm

    corner = np.pi / 3 * np.arange(6)
    # flat sides towards +phi and -phi: corners in eta
    outline = grid.pitch / np.sqrt(3.0) * np.stack([np.cos(corner), np.sin(corner)], axis=1)
    hit = np.flatnonzero(energy > _LEAST)
    turns = np.array([-2 * np.pi, 0.0, 2 * np.pi])
    centres = np.stack(
        [np.tile(grid.eta[hit], 3), (grid.phi[hit] + turns[:, None]).ravel()], axis=1
    )
    most = max(10 * _LEAST, float(energy.max(initial=0.0)))
    cells = PolyCollection(
        list(centres[:, None, :] + outline),
        array=np.tile(energy[hit], 3),
        cmap="viridis",
        norm=LogNorm(_LEAST, most),
        linewidths=0.0,
    )
    ax.add_collection(cells)
    ax.set_xlim(-grid.eta_max, grid.eta_max)
    ax.set_ylim(-np.pi, np.pi)
    return cells


def _draw_objects(ax: Axes, objects: NDArray[np.floating], kinds: NDArray[np.uint8]) -> None:
    from matplotlib.patches import Circle

    for kind, (_, pt, eta, phi) in zip(kinds.tolist(), objects.tolist(), strict=True):
        if kind not in _KINDS:
            continue
        name, colour = _KINDS[kind]
        for turn in (-2 * np.pi, 0.0, 2 * np.pi):
            ax.add_patch(Circle((eta, phi + turn), _CONE, fill=False, color=colour))
        ax.annotate(
            f"{name} {pt:.0f}",
            (eta + _CONE, phi),
            color=colour,
            fontsize=8,
            va="center",
            clip_on=True,
        )
