"""Figure of the events that left-out theories share with others."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperhex.plots.style import save, style

__all__ = ["sharing"]

Floats = NDArray[np.float64]

# most columns whose numbers can be read
_NUMBERS = 20
# above it the colour is light
_DARK = 0.6


def sharing(
    rows: Sequence[tuple[str, str]],
    columns: Sequence[str],
    parts: Floats,
    background: Floats,
    path: Path,
) -> None:
    """Shared parts (rows, columns), of rows (title, group), and of the background (columns,)."""
    import matplotlib.pyplot as plt

    table = np.concatenate([parts, background[None]])
    size = (3.2 + 0.3 * len(columns), 2.4 + 0.26 * len(table))
    with style():
        figure, axes = plt.subplots(figsize=size)
        drawn = axes.imshow(table, cmap="viridis", vmin=0.0, vmax=1.0, aspect="auto")
        axes.set_xticks(range(len(columns)), columns, rotation=60, ha="right", fontsize=8)
        titles = [*(title for title, _ in rows), "selected background"]
        axes.set_yticks(range(len(titles)), titles, fontsize=8)
        axes.tick_params(length=0, top=False, right=False)
        for row in _borders([group for _, group in rows]):
            axes.axhline(row - 0.5, color="white", linewidth=1.0)
        if len(columns) <= _NUMBERS:
            for (row, column), part in np.ndenumerate(table):
                colour = "black" if part > _DARK else "white"
                words = f"{100 * part:.0f}"
                axes.text(column, row, words, ha="center", va="center", fontsize=7, color=colour)
        axes.set_xlabel("classifier of one theory alone")
        axes.set_ylabel("theory that the mixture never saw")
        figure.colorbar(drawn, label="part of its selected events", pad=0.02)
        save(figure, path)


def _borders(groups: Sequence[str]) -> list[int]:
    """Rows that begin another group; the last begins the background."""
    return [row for row in range(1, len(groups)) if groups[row] != groups[row - 1]] + [len(groups)]
