"""Figure of what improves a mixture: more theories, more events of each, or more background."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from hyperhex.plots.style import COLOURS, save, style

__all__ = ["scaling"]

_AXES = {
    "theories": "theories in training",
    "events": "events of a point in training",
    "background": "part of the background in training",
}


def scaling(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Median improvement of left-out theories against each kind of knowledge, one dot a draw."""
    import matplotlib.pyplot as plt

    with style():
        figure, panels = plt.subplots(1, len(_AXES), sharey=True, figsize=(9.6, 3.4))
        for axes, (axis, words) in zip(panels, _AXES.items(), strict=True):
            chosen = [row for row in rows if row["axis"] in {axis, "everything"}]
            values = np.array([row[axis] for row in chosen], dtype=float)
            found = np.array([row["improvement"] for row in chosen], dtype=float)
            axes.plot(values, found, ".", color=COLOURS[5], markersize=6, label="one draw")
            at = np.unique(values)
            means = [found[values == value].mean() for value in at]
            axes.plot(at, means, "o-", color=COLOURS[0], label="mean")
            axes.set_xscale("log")
            axes.set_xticks(at, [f"{value:g}" for value in at], fontsize=8)
            axes.minorticks_off()
            axes.set_xlabel(words)
        panels[0].set_ylim(bottom=0.0)
        panels[0].set_ylabel("median improvement, unseen theories")
        panels[0].legend(loc="lower right")
        save(figure, path)
